"""Import: graphs of individuals (RealEstateCore, Brick) become a file of the Azure import job; all or nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Final

from dtdl.compiler.build import Types
from dtdl.diagnostic import Diagnostic, Severity
from dtdl.parser.run import parse
from dtdl.source import Document, documents
from interop.rdf.instances import Population, populate
from interop.rdf.naming import Overrides, read_overrides
from interop.rdf.process import diagnostic, run
from interop.rdf.sources import Sources
from interop.validate.report import Full, Report
from interop.validate.twins import Twins
from interop.validate.written import Written

AUTHOR: Final = "megatwin"
FILE_VERSION: Final = "1.0.0"


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import gave.

    Attributes:
        text: The file of the import job (NDJSON), empty when there are errors.
        diagnostics: What was not understood, and what does not follow the models.
        twins: How many.
        relationships: How many.
    """

    text: str
    diagnostics: tuple[Diagnostic, ...] = field(default=())
    twins: int = 0
    relationships: int = 0


def import_graph(
    graphs: Sequence[str | PathLike[str]],
    models: Sequence[str | PathLike[str]],
    *,
    overrides: str | PathLike[str] | None = None,
    with_models: bool = False,
    strict: bool = False,
    time_limit_s: float = 300.0,
) -> Imported:
    """Turns instance graphs into twins.

    Args:
        graphs: Files ``.ttl``, ``.nt`` and ``.jsonld``; together they are one graph.
        models: DTDL files and folders.
        overrides: JSON file that names classes and predicates.
        with_models: Write the definitions into the file as well.
        strict: Refuse undefined extensions in the DTDL.
        time_limit_s: Seconds after which the work is ended.

    Raises:
        InputUnreadable: A file is missing, may not be read, or is of another kind.
        LimitExceeded: A file is larger or deeper, or has more triples, than the bound.
        ValueInvalid: A file is not RDF, a map is malformed, the definitions have findings, or it was not finished.
    """
    request = {
        "graphs": [fspath(path) for path in graphs],
        "models": [fspath(path) for path in models],
        "overrides": None if overrides is None else fspath(overrides),
        "with_models": with_models,
        "strict": strict,
    }
    found = run("import", request, time_limit_s=time_limit_s)
    diagnostics = tuple(diagnostic(item) for item in found["diagnostics"])
    return Imported(found["text"], diagnostics, found["twins"], found["relationships"])


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Does the work of ``import_graph`` in the worker; arguments and result as JSON values."""
    paths: list[str | Path] = [Path(path) for path in request["models"]]
    types = Types(parse(paths, allow_undefined="never" if request["strict"] else "default"))
    overrides = read_overrides(Path(request["overrides"])) if request["overrides"] else Overrides()
    report = Report()
    sources = Sources([Path(path) for path in request["graphs"]], report)
    made = Population()
    try:
        made = populate(types, sources, overrides)
        report.extend(_refused(types, made, sources))
    except Full:
        # The report says itself that it is full, as an error, so nothing is written.
        made = Population()
    found = report.ordered()
    bad = any(item.severity is Severity.ERROR for item in found)
    return {
        "text": "" if bad else "".join(_lines(made, paths if request["with_models"] else [])),
        "diagnostics": [asdict(item) for item in found],
        "twins": len(made.twins),
        "relationships": len(made.relationships),
    }


def _refused(types: Types, made: Population, sources: Sources) -> Iterator[Diagnostic]:
    """Checks the result with the compiled models; findings stand where the graph describes the subject."""
    report = Report()
    twins = Twins(types, report)
    values = [*made.twins, *made.relationships]
    try:
        for index, value in enumerate(values):
            twins.add(Written(Document(json.dumps(value), str(index), value=value)))
        twins.finish()
    except Full:
        # Its last finding, which is an error, says so.
        pass
    for found in report.ordered():
        value = values[int(found.location.file)] if found.location else {}
        subject = made.subjects.get(str(value.get("$dtId") or value.get("$sourceId")))
        yield replace(found, location=sources.place(subject) if subject is not None else None)


def _lines(made: Population, models: Sequence[str | Path]) -> Iterator[str]:
    """Writes the sections in the order that the import job asks for."""
    yield _line({"Section": "Header"})
    yield _line({"fileVersion": FILE_VERSION, "author": AUTHOR, "organization": AUTHOR})
    if models:
        yield _line({"Section": "Models"})
    for document in documents(models):
        held = document.value
        yield from map(_line, held if isinstance(held, list) else [held])
    yield _line({"Section": "Twins"})
    yield from map(_line, made.twins)
    yield _line({"Section": "Relationships"})
    for link in made.relationships:
        # The job names the source of a relationship $dtId.
        yield _line({"$dtId": link["$sourceId"]} | {key: held for key, held in link.items() if key != "$sourceId"})


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"
