"""The check of SSP files: form, names, references, and whether the whole can be put together."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dtdl.diagnostic import Diagnostic, Location
from dtdl.errors import ArchiveUnsafe, DescriptionInvalid, InputUnreadable
from fmu.ssp.consistency import check_document
from fmu.ssp.elements import TopLevel
from fmu.ssp.flatten import flatten
from fmu.ssp.package import Ssp, open_ssp, variants
from fmu.ssp.parameters import ParameterMapping, ParameterSet, SignalDictionary
from fmu.ssp.reader import Findings, read_document
from fmu.ssp.store import FolderStore

KINDS: Final[dict[str, type[TopLevel]]] = {
    ".ssv": ParameterSet,
    ".ssm": ParameterMapping,
    ".ssb": SignalDictionary,
}
"""Files that are checked alone, by their ending."""


def check(path: Path) -> list[Diagnostic]:
    """Checks an ``.ssp`` with all of its variants, an ``.ssd`` with what it names, an ``.ssv``, ``.ssm`` or ``.ssb``.

    FMUs that are not there are warnings: without them a structure can be read, and not run.

    Raises:
        InputUnreadable: No such file.
    """
    kind = KINDS.get(path.suffix.lower())
    if kind is not None:
        return _alone(path, kind)
    try:
        with open_ssp(path) as ssp:
            found = _whole(ssp)
            others = [name for name in variants(ssp.store) if name != ssp.variant] if _packed(path) else []
    except DescriptionInvalid as error:
        return list(error.diagnostics)
    except ArchiveUnsafe as error:
        where = Location(str(path))
        return [Diagnostic(rule="MT240", location=where, cause=f"{error.message}.", action=error.action)]
    for name in others:
        try:
            with open_ssp(path, variant=name) as ssp:
                found += _whole(ssp)
        except DescriptionInvalid as error:
            found += error.diagnostics
    return list(dict.fromkeys(found))


def _packed(path: Path) -> bool:
    return path.suffix.lower() == ".ssp" or path.is_dir()


def _alone(path: Path, kind: type[TopLevel]) -> list[Diagnostic]:
    try:
        real = path.resolve() if path.is_symlink() else path
        data = FolderStore(real.parent).read(real.name)
        if data is None:
            raise InputUnreadable(f"{path}: no such file", action="Correct the path.")
        document, warnings = read_document(data, str(path), kind)
    except DescriptionInvalid as error:
        return list(error.diagnostics)
    except ArchiveUnsafe as error:
        return [Diagnostic(rule="MT240", location=Location(str(path)), cause=f"{error.message}.", action=error.action)]
    findings = Findings(str(path))
    check_document(document, findings)
    return [*warnings, *findings.found]


def _whole(ssp: Ssp) -> list[Diagnostic]:
    return [*ssp.warnings, *flatten(ssp, need_fmus=False).diagnostics]
