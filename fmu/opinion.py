"""A second opinion on an FMU: what FMPy, another importer, finds in it; nothing of the FMU is executed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from dtdl.diagnostic import Diagnostic, Location, Severity
from dtdl.errors import DescriptionInvalid
from dtdl.markup import MarkupInvalid, parse
from fmu import archive
from fmu.border import border
from fmu.description import FILE_NAME, Description

RULE: Final = "MT231"
_BUILD: Final = "sources/buildDescription.xml"
_PLACE: Final = re.compile(r"\s*\(line (\d+)(?:, column (\d+))?\)")
_NAME_LETTERS: Final = 10_000


def second_opinion(path: Path, description: Description) -> list[Diagnostic]:
    """Gives what FMPy finds in an FMU that we find no error in.

    FMPy checks the XML schema, names, start values, units and the model structure. Its parser of names takes a fifth of
    a millisecond for a letter, so names are left out where there are very many.

    Args:
        path: The ``.fmu``.
        description: What we read in it; a document type declaration was refused then, so FMPy meets none.

    Raises:
        InputUnreadable: No such archive.
        ArchiveUnsafe: One that unpacking refuses; FMPy does not see it.
    """
    listing = archive.read(path, _BUILD)
    if listing is not None:
        try:
            parse(listing)
        except MarkupInvalid as error:
            return [_finding(f"{path}/{_BUILD}", error.reason, error.line, error.column)]
    from fmpy.model_description import read_model_description  # noqa: PLC0415 - it is slow to import

    names = sum(len(variable.name) for variable in description.variables)

    def found(error: Exception) -> DescriptionInvalid:
        problems = getattr(error, "problems", None) or [str(error)]
        return DescriptionInvalid(list(_findings(f"{path}/{FILE_NAME}", problems)))

    try:
        with border(found):
            read_model_description(
                str(path),
                validate=True,
                validate_variable_names=names <= _NAME_LETTERS,
                validate_model_structure=True,
            )
    except DescriptionInvalid as error:
        return list(error.diagnostics)
    return []


def _findings(file: str, problems: Iterable[str]) -> Iterator[Diagnostic]:
    for problem in problems:
        text = " ".join(problem.split())
        place = _PLACE.search(text)
        line, column = (int(place[1]), int(place[2] or 0)) if place else (0, 0)
        yield _finding(file, _PLACE.sub("", text, count=1).removeprefix("ERROR: "), line, column)


def _finding(file: str, text: str, line: int, column: int) -> Diagnostic:
    return Diagnostic(
        rule=RULE,
        severity=Severity.WARNING,
        location=Location(file, line=line, column=column if line else 0),
        cause=f"FMPy finds: {text}{'' if text.endswith('.') else '.'}",
        action="Correct the file, or ask its author; other tools may refuse it.",
    )
