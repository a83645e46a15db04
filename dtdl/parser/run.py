"""DTDL documents to elements: ``parse`` and ``check``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from dtdl.context import AllowUndefined, Context, ContextOptions
from dtdl.diagnostic import Diagnostic, Severity
from dtdl.elements import Model
from dtdl.errors import LimitExceeded, ModelInvalid
from dtdl.metamodel import metamodel
from dtdl.parser.linking import link
from dtdl.parser.making import model_of
from dtdl.parser.reading import Reader
from dtdl.parser.session import Reference, Session
from dtdl.parser.standard import standard
from dtdl.resolver import Resolver
from dtdl.rules import size, structure
from dtdl.rules.messages import Writer
from dtdl.source import Document, Loader, documents

Inputs = str | Path | Iterable[str | Path]
LONG = 1_000_000
"""Characters that a document must have before the size of its parts is worth a look."""
_ROUNDS = 100
_TOLERATED = frozenset({"parse", "resolve", "solecisms"})


def _names(given: Sequence[str], argument: str) -> tuple[str, ...]:
    """Refuses one text where several are meant: it would be taken for its letters."""
    if isinstance(given, str):
        raise TypeError(f"{argument} is a list of texts, not the text {given!r}")
    return tuple(given)


class _Parse:
    """One call of ``parse`` or ``check``."""

    def __init__(self, options: ContextOptions, resolver: Resolver | None, tolerate: Sequence[str]) -> None:
        self.resolver = resolver
        self.tolerate = frozenset(_names(tolerate, "tolerate"))
        if unknown := self.tolerate - _TOLERATED:
            raise ValueError(f"tolerate holds {', '.join(sorted(_TOLERATED))}, not {', '.join(sorted(unknown))}")
        self.session = Session(metamodel())
        self.reader = Reader(self.session, Context(self.session.metamodel, options))
        self.extra: list[Diagnostic] = []

    def run(self, inputs: Inputs) -> None:
        self.session.tolerant = bool(self.tolerate & {"solecisms", "parse"})
        self.read(documents(inputs))
        if not self.bad() and self.resolve():
            link(self.session)
            if not self.bad():
                structure.check(self.session)

    def bad(self) -> bool:
        return bool(self.session.findings or self.extra)

    def read(self, given: Iterable[Document]) -> None:
        long = False
        for document in given:
            if document.fault is not None:
                fault = document.fault
                self.extra.append(
                    Diagnostic(rule=fault.rule, location=fault.location, cause=fault.cause, action=fault.action)
                )
            else:
                self.reader.document(document)
                long = long or len(document.text) > LONG
        if long:
            size.check(self.session)

    def resolve(self) -> bool:
        """Adds the standard elements and what the resolver gives; gives whether nothing is missing."""
        for _ in range(_ROUNDS):
            missing = self.missing()
            if self.bad():
                return False
            if not missing:
                return True
            given = self.resolver(tuple(missing)) if self.resolver is not None else None
            if given is None:
                self.unresolved(missing)
                return False
            self.session.tolerant = bool(self.tolerate & {"solecisms", "resolve"})
            self.read(self.resolved(missing, given))
            if self.bad():
                return False
            left = {dtmi: spots for dtmi, spots in missing.items() if dtmi not in self.session.records}
            if left:
                self.unresolved(left)
                return False
        raise LimitExceeded(
            f"references lead through more than {_ROUNDS} rounds of documents",
            action="Give the documents themselves, not only a resolver.",
        )

    @staticmethod
    def resolved(
        missing: Mapping[str, Any], given: Iterable[str | Path] | Mapping[str, str] | Mapping[str, str | Path]
    ) -> Iterable[Document]:
        if isinstance(given, str | bytes) or not isinstance(given, Iterable):
            raise TypeError(f"a resolver gives a mapping, an iterable of texts and Paths, or None, not {given!r:.80}")
        names = chain(missing, repeat("<resolved>"))
        pairs = given.items() if isinstance(given, Mapping) else zip(names, given, strict=False)
        loader = Loader()
        files: dict[Path, None] = {}
        for name, text in pairs:
            if isinstance(text, Path):
                files[text] = None
            else:
                yield loader.load(Document(text, name))
        for document in documents(tuple(files)):
            document.index = None
            yield document

    def missing(self) -> dict[str, list[Reference]]:
        """Gives the DTMIs that are referred to and not known, with the references."""
        session = self.session
        found: dict[str, list[Reference]] = {}
        for named in session.references:
            target = named[2]
            if target in session.records:
                continue
            reference = Reference(*named)
            made = standard().get(session.metamodel.resolve(target))
            if made is not None:
                session.records |= made
            elif reference.text is not None and not reference.text.startswith("dtmi:"):
                session.report(
                    "badType",
                    reference.owner.spot(reference.rule.name),
                    reference.value_site(),
                    primary=reference.owner.id,
                    property=reference.rule.name,
                    secondary=target,
                    _expected=reference.expected.wanted if reference.expected else None,
                )
            elif session.metamodel.is_reserved(target):
                session.report(
                    "undefinedReservedId",
                    reference.owner.spot(reference.rule.name),
                    reference.value_site(),
                    primary=reference.owner.id,
                    property=reference.rule.name,
                    secondary=target,
                )
            else:
                found.setdefault(target, []).append(reference)
        return found

    def unresolved(self, missing: Mapping[str, list[Reference]]) -> None:
        for dtmi, references in missing.items():
            for reference in references:
                self.session.report(
                    "MT004",
                    reference.value_site(),
                    primary=reference.owner.id,
                    property=reference.rule.name,
                    value=dtmi,
                )

    def diagnostics(self) -> list[Diagnostic]:
        writer = Writer(self.session)
        if self.bad():
            return [*self.extra, *(writer.write(finding) for finding in self.session.findings)]
        return [writer.write(finding, Severity.WARNING) for finding in self.session.advice]


def parse(
    texts_or_paths: Inputs,
    *,
    resolver: Resolver | None = None,
    allow_undefined: AllowUndefined = "default",
    max_version: int | None = None,
    limits: Sequence[str] = (),
    tolerate: Sequence[str] = (),
) -> Model:
    """Reads DTDL documents and gives their elements.

    Args:
        texts_or_paths: A ``str`` is a JSON text, a ``Path`` a file, a folder (every ``*.json`` below it) or a
            ``.jsonl`` of ``{"path", "text"}``; or several of these.
        resolver: Gives the texts, or the files, that define DTMIs which the documents only refer to.
        allow_undefined: Extensions that no table defines: ``always``, ``never``, or ``default``: as the version says.
        max_version: Highest DTDL version that is accepted.
        limits: DTMIs of the limit contexts that are accepted.
        tolerate: ``solecisms``, or ``parse`` or ``resolve`` for given or resolved documents only: reserved ids,
            ``{"@id": …}`` as a reference, and siblings of one name, in DTDL v2.

    Returns:
        Every element, standard ones included where they are referred to.

    Raises:
        ModelInvalid: The documents have findings; it carries them all.
        InputUnreadable: A path is missing or may not be read.
        LimitExceeded: The input is larger than the bound that protects the process.
    """
    run = _Parse(ContextOptions(allow_undefined, max_version, _names(limits, "limits")), resolver, tolerate)
    run.run(texts_or_paths)
    if run.bad():
        raise ModelInvalid(run.diagnostics())
    return model_of(run.session)


def check(
    texts_or_paths: Inputs,
    *,
    resolver: Resolver | None = None,
    allow_undefined: AllowUndefined = "default",
    max_version: int | None = None,
    limits: Sequence[str] = (),
    tolerate: Sequence[str] = (),
) -> list[Diagnostic]:
    """Reads DTDL documents and says what is wrong with them; the arguments are those of :func:`parse`.

    Returns:
        Errors, or, when there is none, the warnings about what the specification advises against.

    Raises:
        InputUnreadable: A path is missing or may not be read.
        LimitExceeded: The input is larger than the bound that protects the process.
    """
    run = _Parse(ContextOptions(allow_undefined, max_version, _names(limits, "limits")), resolver, tolerate)
    run.run(texts_or_paths)
    return run.diagnostics()
