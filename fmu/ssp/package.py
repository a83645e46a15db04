"""A system structure with all its files, opened and saved: ``.ssp``, a folder, or an ``.ssd`` (SSP 2.0, 3)."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

from dtdl.diagnostic import Diagnostic
from dtdl.errors import ArchiveUnsafe, DescriptionInvalid, FmuError, InputUnreadable
from fmu import archive
from fmu.ssp.consistency import check_document
from fmu.ssp.description import (
    DEFINITION,
    FMU,
    PACKAGE,
    Component,
    Element,
    MappingBinding,
    ParameterBinding,
    SystemStructureDescription,
)
from fmu.ssp.elements import TopLevel
from fmu.ssp.parameters import ParameterMapping, ParameterSet, SignalDictionary
from fmu.ssp.reader import Findings, read_document
from fmu.ssp.schema import Written
from fmu.ssp.store import (
    INSIDE,
    SSD_NAME,
    ArchiveStore,
    FolderStore,
    SourceRefused,
    Store,
    file_of,
    resolve,
)
from fmu.ssp.writer import write_document

MAX_NESTED: Final = 16
"""How deep a system structure may hold others."""

SSV_TYPE: Final = "application/x-ssp-parameter-set"
SSM_TYPE: Final = "application/x-ssp-parameter-mapping"
SSB_TYPE: Final = "application/x-ssp-signal-dictionary"
_EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
_GIVE: Final = "Add the file, or correct source."

Document = TypeVar("Document", bound=TopLevel)


@dataclass(frozen=True, kw_only=True)
class Ssp:
    """A system structure with all its files.

    Attributes:
        store: Where the files are.
        variant: Name of the SSD that is meant.
        documents: Every SSD, SSV, SSM and SSB that was read, by the name of its file.
        packages: Nested ``.ssp`` files, by the name of the file and ``#`` and the variant.
        warnings: Findings that do not stop.
    """

    store: Store
    variant: str = SSD_NAME
    documents: Mapping[str, TopLevel]
    packages: Mapping[str, Ssp] = field(default_factory=dict)
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def description(self) -> SystemStructureDescription:
        """The SSD that is meant."""
        found = self.documents[self.variant]
        assert isinstance(found, SystemStructureDescription)
        return found

    def with_document(self, name: str, document: TopLevel) -> Ssp:
        """The same with another document; nothing is written yet.

        Args:
            name: Of its file.
            document: What it becomes.

        Raises:
            FmuError: The file is inside an FMU, which is not changed.
        """
        if INSIDE in name:
            raise FmuError(f"{name} is inside an FMU, which is not changed", action="Give it a file of its own.")
        return replace(self, documents={**self.documents, name: document})

    def save(self, target: Path) -> None:
        """Writes an ``.ssp``: the documents from their models, every other file unchanged; same input, same bytes.

        Args:
            target: The new file; one that is there is replaced when all is written.
        """
        own = (name for name in self.documents if INSIDE not in name)
        names = [*self.store.names(), *own, *self._sources()]
        part = target.with_name(f".{target.name}.part")
        try:
            with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as packed:
                for name in dict.fromkeys(sorted(names, key=lambda each: (each != self.variant, each))):
                    entry = zipfile.ZipInfo(name, _EARLIEST)
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    entry.create_system = 3
                    entry.external_attr = 0o644 << 16
                    document, path = self.documents.get(name), self.store.path(name)
                    if document is not None:
                        packed.writestr(entry, write_document(document))
                    elif path is not None:
                        entry.file_size = path.stat().st_size
                        with path.open("rb") as source, packed.open(entry, "w") as out:
                            shutil.copyfileobj(source, out)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def _sources(self) -> Iterator[str]:
        """Files of components, wherever in the folder they are."""
        for base, document in self.documents.items():
            if isinstance(document, SystemStructureDescription):
                for system in document.system.systems():
                    for element in system.elements:
                        name = _source_name(element, base)
                        if name is not None and self.store.path(name) is not None:
                            yield name


def _source_name(element: Element, base: str) -> str | None:
    if not isinstance(element, Component) or element.source is None:
        return None
    try:
        return resolve(element.source, base)[0]
    except SourceRefused:
        return None


@contextmanager
def open_ssp(path: Path, *, variant: str = "") -> Iterator[Ssp]:
    """Opens a system structure; files that were unpacked are removed at the end.

    Args:
        path: An ``.ssp``, a folder with a ``SystemStructure.ssd``, or an ``.ssd``.
        variant: Name of another SSD at the top of the archive or folder.

    Raises:
        InputUnreadable: No such file.
        ArchiveUnsafe: No sound archive.
        DescriptionInvalid: Findings with file and line: in the SSD, or in any file that it names.
    """
    with ExitStack() as stack:
        yield _open(path, variant, stack, depth=0)


def _open(path: Path, variant: str, stack: ExitStack, *, depth: int, label: str = "") -> Ssp:
    if not path.exists():
        raise InputUnreadable(f"{path}: no such file", action="Give an .ssp, an .ssd, or a folder with one.")
    store: Store
    if path.is_dir():
        store = FolderStore(path)
    elif path.suffix.lower() == ".ssd":
        # a link that the caller names is followed; those that a file names are not
        path = path.resolve() if path.is_symlink() else path
        store, variant = FolderStore(path.parent), variant or path.name
    else:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="megatwin-ssp-")))
        store = ArchiveStore(path, folder, label)
    return _Opening(store, variant or SSD_NAME, stack, depth).run()


def variants(store: Store) -> list[str]:
    """Names of the SSDs at the top of an archive or folder (SSP 2.0, 3)."""
    return [name for name in store.names() if "/" not in name and name.lower().endswith(".ssd")]


class _Opening:
    """One opening: reads the SSD, and what it names."""

    def __init__(self, store: Store, variant: str, stack: ExitStack, depth: int) -> None:
        self._store = store
        self._variant = variant
        self._stack = stack
        self._depth = depth
        self._findings = Findings(file_of(store, variant))
        self._documents: dict[str, TopLevel] = {}
        self._packages: dict[str, Ssp] = {}
        self._failed: set[str] = set()

    def run(self) -> Ssp:
        data = self._store.read(self._variant)
        if data is None:
            known = ", ".join(variants(self._store)) or "none"
            self._findings.error(
                "MT264",
                None,
                f"there is no {self._variant} at the top.",
                f"The .ssd files at the top are: {known}.",
            )
            raise DescriptionInvalid(self._findings.found)
        description = self._read(data, self._variant, SystemStructureDescription)
        if description is not None:
            self._follow(description, self._variant, (self._variant,))
        if self._findings.failed:
            raise DescriptionInvalid(self._findings.found)
        return Ssp(
            store=self._store,
            variant=self._variant,
            documents=self._documents,
            packages=self._packages,
            warnings=tuple(self._findings.found),
        )

    def _read(self, data: bytes, name: str, kind: type[Document]) -> Document | None:
        try:
            document, warnings = read_document(data, file_of(self._store, name), kind)
        except DescriptionInvalid as error:
            self._findings.found += error.diagnostics
            self._failed.add(name)
            return None
        self._findings.found += warnings
        check_document(document, self._findings)
        self._documents[name] = document
        return document

    def _load(self, uri: str, base: str, kind: type[Document], at: Written | None) -> Document | None:
        """Reads what a source names, once; what is wrong becomes a finding."""
        name = _named(uri, base, at, self._findings)
        if name is None or name in self._failed:
            return None
        known = self._documents.get(name)
        if known is not None:
            if isinstance(known, kind):
                return known
            self._findings.error("MT241", at, f"{name} is no {kind.TAG}.", _GIVE)
            return None
        data = self._bytes(name)
        if data is None:
            self._findings.error("MT250", at, f"source {uri!r} is not there.", _GIVE)
            return None
        return self._read(data, name, kind)

    def _bytes(self, name: str) -> bytes | None:
        outer, _, inner = name.partition(INSIDE)
        if not inner:
            return self._store.read(name)
        path = self._store.path(outer)
        return archive.read(path, inner) if path is not None else None

    def _follow(self, description: SystemStructureDescription, base: str, chain: tuple[str, ...]) -> None:
        for system in description.system.systems():
            for dictionary in system.signal_dictionaries:
                if dictionary.source is not None and dictionary.type in (None, SSB_TYPE):
                    self._load(dictionary.source, base, SignalDictionary, dictionary.written)
            for element in system.elements:
                component = element if isinstance(element, Component) else None
                for binding in element.parameter_bindings if component else ():
                    self._follow_binding(binding, base, component)
                if component is not None and component.source is not None:
                    self._follow_component(component, base, chain)
            for binding in system.parameter_bindings:
                self._follow_binding(binding, base, None)

    def _follow_binding(self, binding: ParameterBinding, base: str, component: Component | None) -> None:
        if binding.source is not None and binding.type in (None, SSV_TYPE):
            uri = source_of(binding, component)
            self._load(uri, base, ParameterSet, binding.written)
        mapping = binding.mapping
        if mapping is not None and mapping.source is not None and mapping.type in (None, SSM_TYPE):
            self._load(source_of(mapping, component), base, ParameterMapping, mapping.written)

    def _follow_component(self, component: Component, base: str, chain: tuple[str, ...]) -> None:
        kind = type_of(component)
        if kind not in (DEFINITION, PACKAGE) or (component.source or "").startswith("#"):
            return
        at = component.written
        name = _named(component.source or "", base, at, self._findings)
        if name is None:
            return
        if name in chain or len(chain) + self._depth > MAX_NESTED:
            self._findings.error(
                "MT262",
                at,
                f"{component.name} holds itself, or more than {MAX_NESTED} levels.",
                "Remove the component.",
            )
        elif kind == DEFINITION:
            if name not in self._documents:
                inner = self._load(component.source or "", base, SystemStructureDescription, at)
                if inner is not None:
                    self._follow(inner, name, (*chain, name))
        else:
            self._nest(component, name, at)

    def _nest(self, component: Component, name: str, at: Written | None) -> None:
        _, variant = resolve(component.source or "", "")
        key = f"{name}#{variant}"
        if key in self._packages:
            return
        path = self._store.path(name)
        if path is None:
            self._findings.error("MT250", at, f"source {component.source!r} is not there.", _GIVE)
            return
        try:
            inner = _open(path, variant, self._stack, depth=self._depth + 1, label=file_of(self._store, name))
        except DescriptionInvalid as error:
            self._findings.found += error.diagnostics
        except ArchiveUnsafe as error:
            self._findings.error("MT250", at, f"{component.source} cannot be opened: {error.message}.", error.action)
        else:
            self._packages[key] = inner
            self._findings.found += inner.warnings


def _named(uri: str, base: str, at: Written | None, findings: Findings) -> str | None:
    outer, _, inner = uri.partition(INSIDE)
    try:
        name, _ = resolve(outer, base)
        return f"{name}{INSIDE}{resolve(inner, '')[0]}" if inner else name
    except SourceRefused as error:
        findings.error("MT251", at, f"source {uri!r} is refused: {error}.", "Put the file into the archive or folder.")
        return None


def type_of(component: Component) -> str:
    """The MIME type of a component; where none is written, the ending of its source counts before the default."""
    if component.type is not None:
        return component.type.partition(";")[0].strip()
    path = (component.source or "").partition("#")[0].lower()
    return DEFINITION if path.endswith(".ssd") else PACKAGE if path.endswith(".ssp") else FMU


def source_of(binding: ParameterBinding | MappingBinding, component: Component | None) -> str:
    """The source of a parameter set or mapping; with ``sourceBase="component"`` it is a file inside the FMU."""
    if binding.source_base == "component" and component is not None and component.source:
        return f"{component.source.partition('#')[0]}{INSIDE}{binding.source}"
    return binding.source or ""
