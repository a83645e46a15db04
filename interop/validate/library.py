"""Library: a JSON Schema and the files beside it, the only ones that its references can reach; checked before use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from jsonschema import (
    Draft3Validator,
    Draft4Validator,
    Draft6Validator,
    Draft7Validator,
    Draft201909Validator,
    Draft202012Validator,
)
from jsonschema.protocols import Validator
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable, Unretrievable
from referencing.jsonschema import specification_with

from dtdl.diagnostic import Location
from dtdl.errors import InputUnreadable, LimitExceeded
from interop.validate.report import Report
from interop.validate.words import words_of
from interop.validate.written import Written, read

DEFAULT: Final = "https://json-schema.org/draft/2020-12/schema"
DRAFTS: Final[dict[str, type[Validator]]] = {
    str(draft.META_SCHEMA.get("$id") or draft.META_SCHEMA["id"]).rstrip("#"): draft
    for draft in (
        Draft3Validator, Draft4Validator, Draft6Validator, Draft7Validator, Draft201909Validator, Draft202012Validator,
    )
}  # fmt: skip
"""URI of a dialect, without ``#`` at its end → its validator."""
_MAX_FILES: Final = 1_000
_REFERENCES: Final = ("$ref", "$dynamicRef")


class Unreached(LookupError):
    """Why a reference leads to no schema.

    Args:
        rule: The rule that it breaks.
        cause: What is wrong.
    """

    def __init__(self, rule: str, cause: str) -> None:
        super().__init__(cause)
        self.rule = rule
        self.cause = cause


class Library:
    """A schema and what it refers to.

    Args:
        path: File of the schema.
        report: Takes the findings.

    Raises:
        InputUnreadable: The schema cannot be read.
        LimitExceeded: It is too large.
    """

    def __init__(self, path: Path, report: Report) -> None:
        self._report = report
        self._given = path.parent
        self._folder = path.resolve().parent
        self._uri = path.resolve().as_uri()
        self._files: dict[Path, Resource[Any]] = {}
        self._written: list[Written] = []
        self._metaschemas = {id(draft.META_SCHEMA) for draft in DRAFTS.values()}
        self._checked: dict[tuple[int, type[Validator]], bool] = {}
        self._wrong = False
        self._identity = ""
        self._dialect = DEFAULT
        self._registry: Registry[Any] = Registry(retrieve=self._retrieve)  # type: ignore[call-arg]  # an alias of attrs
        self._read_root(path)

    def validator(self) -> Validator | None:
        """Gives what checks data, or None when the schema, or what it refers to, has findings."""
        if self._wrong:
            return None
        # By reference, so that relative references begin at the file, whatever $id says.
        return DRAFTS[self._dialect]({"$ref": self._uri}, registry=self._registry)

    def _read_root(self, path: Path) -> None:
        try:
            root = self._read(path)
        except Unreached as error:
            self._add(error.rule, Location(str(path)), error.cause)
            return
        contents = root.contents
        if isinstance(contents, dict):
            self._identity = str(contents.get("$id", contents.get("id", "")))
            self._dialect = str(contents.get("$schema", DEFAULT)).rstrip("#")
        self._files[path.resolve()] = root
        self._registry = self._registry.with_resource(self._uri, root)
        if not self._wrong:
            self._follow()

    def _read(self, path: Path) -> Resource[Any]:
        """Reads a schema and checks it against its draft.

        Raises:
            Unreached: It is not a JSON document, or names a dialect that is not known.
        """
        written = next(read(path, self._report), None)
        if written is None:
            raise Unreached("MT443", f"{path} is not JSON.")
        self._written.append(written)
        value = written.value
        dialect = value.get("$schema", self._dialect) if isinstance(value, dict) else self._dialect
        draft = DRAFTS.get(dialect.rstrip("#")) if isinstance(dialect, str) else None
        if draft is None:
            self._add("MT444", written.at(("$schema",)), f"The dialect {dialect!r} is not known.")
            draft = DRAFTS[DEFAULT]
        elif self._fits_draft(value, draft, written):
            return Resource.from_contents(value, default_specification=specification_with(self._dialect))
        # What is wrong is never walked, since the walk relies on the form.
        return Resource.opaque(True)

    def _fits_draft(self, value: Any, draft: type[Validator], written: Written | None) -> bool:
        """Checks a schema against its draft; each one once, however many references lead to it."""
        key = (id(value), draft)
        if key not in self._checked:
            self._checked[key] = self._check_draft(value, draft, written)
        return self._checked[key]

    def _check_draft(self, value: Any, draft: type[Validator], written: Written | None) -> bool:
        validator = draft(draft.META_SCHEMA, format_checker=draft.FORMAT_CHECKER)
        fits = True
        for error in validator.iter_errors(value):
            fits = False
            for words in words_of(error):
                where = written.at(words.path, key=words.key) if written else Location(self._written[0].document.file)
                cause = f"{'/'.join(map(str, words.path))}: {words.cause}" if words.path else words.cause
                self._add("MT441", where, cause, action=words.action)
        return fits

    def _follow(self) -> None:
        """Follows every reference once, so that what leads nowhere is found whatever the data is."""
        start = self._registry.resolver(self._uri).lookup(self._uri)
        waiting = [(start.contents, start.resolver, self._resource(start.contents))]
        seen: set[int] = set(self._metaschemas)
        while waiting:
            contents, resolver, resource = waiting.pop()
            if id(contents) in seen or not isinstance(contents, dict):
                continue
            seen.add(id(contents))
            if self._fits_own_dialect(contents):
                waiting += self._targets(contents, resolver)
                waiting += [(sub.contents, resolver.in_subresource(sub), sub) for sub in resource.subresources()]

    def _fits_own_dialect(self, contents: dict[str, Any]) -> bool:
        """Checks a part that names a dialect of its own."""
        dialect = str(contents.get("$schema", self._dialect)).rstrip("#")
        if dialect == self._dialect:
            return True
        if dialect in DRAFTS:
            return self._fits_draft(contents, DRAFTS[dialect], self._written_of(contents))
        self._add("MT444", self._place(contents, "$schema"), f"The dialect {dialect!r} is not known.")
        return False

    def _resource(self, contents: Any) -> Resource[Any]:
        return Resource.from_contents(contents, default_specification=specification_with(self._dialect))

    def _targets(self, contents: dict[str, Any], resolver: Any) -> Iterator[tuple[Any, Any, Resource[Any]]]:
        for keyword in _REFERENCES:
            reference = contents.get(keyword)
            if not isinstance(reference, str):
                continue
            try:
                found = resolver.lookup(reference)
            except (Unresolvable, ValueError, TypeError) as error:
                reached = _reason(error)
                rule, cause = (reached.rule, reached.cause) if reached else ("MT443", "it does not exist.")
                self._add(rule, self._place(contents, keyword), f"{keyword} {reference!r}: {cause}")
                continue
            target = found.contents
            if id(target) in self._metaschemas:
                continue
            if not isinstance(target, dict | bool):
                cause = f"{keyword} {reference!r}: what is there is not a schema."
                self._add("MT443", self._place(contents, keyword), cause)
            elif self._fits_draft(target, DRAFTS[self._dialect], self._written_of(target)):
                yield target, found.resolver, self._resource(target)

    def _retrieve(self, uri: str) -> Resource[Any]:
        """Gives the schema at a URI, from the folder of the schema and from nowhere else.

        Raises:
            Unreached: It is elsewhere, or not there.
        """
        draft = DRAFTS.get(uri.rstrip("#"))
        if draft is not None:
            return Resource.from_contents(draft.META_SCHEMA)
        path = self._path_of(uri)
        real = path.resolve()
        if not real.is_relative_to(self._folder):
            raise Unreached("MT442", "it leads out of the folder of the schema; nothing outside is read.")
        found = self._files.get(real)
        if found is None:
            if not real.is_file():
                raise Unreached("MT443", f"there is no file {path}.")
            if len(self._files) >= _MAX_FILES:
                raise Unreached("MT443", f"the schema refers to more than {_MAX_FILES} files.")
            try:
                found = self._files[real] = self._read(self._given / real.relative_to(self._folder))
            except (InputUnreadable, LimitExceeded) as error:
                raise Unreached("MT443", f"{error.message}.") from error
        return found

    def _path_of(self, uri: str) -> Path:
        """Gives the file that a URI means: its own path, or its place beside the $id of the schema."""
        parts = urlsplit(uri)
        base = self._identity.rpartition("/")[0] + "/"
        if parts.scheme == "file" and parts.netloc in ("", "localhost"):
            name = unquote(parts.path)
        elif len(base) > 1 and uri.startswith(base):
            name = str(self._folder / unquote(uri.removeprefix(base)).lstrip("/"))
        else:
            raise Unreached("MT442", "it is not beside the schema; nothing is fetched over a network.")
        if "\0" in name:
            raise Unreached("MT443", "a path has no character 0.")
        return Path(name)

    def _written_of(self, node: Any) -> Written | None:
        """Gives the file that an object stands in."""
        return next((one for one in self._written if isinstance(node, dict) and one.has(node)), None)

    def _place(self, node: dict[str, Any], key: str) -> Location:
        holder = self._written_of(node) or self._written[0]
        return holder.of(node, key) or holder.at()

    def _add(self, rule: str, where: Location, cause: str, *, action: str = "") -> None:
        self._wrong = True
        self._report.add(rule, where, cause, action=action)


def _reason(error: BaseException) -> Unreached | None:
    """Gives our own reason, which the library of references wraps."""
    inner: BaseException | None = error
    while isinstance(inner, Unresolvable | Unretrievable):
        inner = inner.__cause__
    return inner if isinstance(inner, Unreached) else None
