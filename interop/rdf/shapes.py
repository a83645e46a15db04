"""Shapes: SHACL over the graph of definitions and twins, through pyshacl; results are diagnostics."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from os import PathLike, fspath
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pyparsing import ParseException
from rdflib import BNode, Graph, URIRef
from rdflib.namespace import SH
from rdflib.plugins import sparql
from rdflib.term import Node

from dtdl.compiler import rdf, twin_graph
from dtdl.compiler.build import Types
from dtdl.compiler.graphs import FORMS, parse_graph, read_graph
from dtdl.diagnostic import Diagnostic, Location, Severity
from dtdl.elements import Model
from dtdl.errors import ExtraMissing, InputUnreadable
from dtdl.parser.run import parse
from interop.rdf.process import diagnostic, run
from interop.rdf.rules import RULES
from interop.rdf.sources import Sources, name_of
from interop.rdf.worker import Confined
from interop.validate.report import Full, Report
from interop.validate.written import Written, read

TWINS: Final = frozenset({".ndjson"})
"""Suffix of files of twins in the Azure form, one a line; those of an import job too."""
DATA: Final = frozenset(FORMS) | TWINS
_SEVERITIES: Final[Mapping[Node, Severity]] = MappingProxyType(
    {SH.Violation: Severity.ERROR, SH.Warning: Severity.WARNING, SH.Info: Severity.INFO}
)
_LENGTH: Final = 300
_UP: Final = 32
"""How far a blank node is from the element that it is written in, at most."""


def check_shapes(
    shapes: Sequence[str | PathLike[str]],
    models: Sequence[str | PathLike[str]],
    data: Sequence[str | PathLike[str]] = (),
    *,
    time_limit_s: float = 300.0,
) -> list[Diagnostic]:
    """Checks the graph of definitions and data against shapes (SHACL, core and SPARQL constraints).

    Nothing is fetched, ``owl:imports`` is not followed, and no JavaScript runs.

    Args:
        shapes: Files ``.ttl``, ``.nt`` and ``.jsonld``.
        models: DTDL files and folders without findings.
        data: Graphs ``.ttl``, ``.nt``, ``.jsonld`` and twins ``.ndjson``.
        time_limit_s: Seconds after which the work is ended.

    Returns:
        The findings, by file, line and column.

    Raises:
        ExtraMissing: pyshacl is not installed.
        InputUnreadable: A file is missing, may not be read, or is of another kind.
        LimitExceeded: A file is larger or deeper, or has more triples, than the bound.
        ModelNotFound: A twin names an Interface that no definition has.
        ValueInvalid: A file is not RDF, twins do not follow their models, or it was not finished.
    """
    if find_spec("pyshacl") is None:
        raise ExtraMissing("rdf", "checking SHACL shapes")
    request = {name: [fspath(path) for path in held] for name, held in
               (("shapes", shapes), ("models", models), ("data", data))}  # fmt: skip
    found = run("shapes", request, time_limit_s=time_limit_s)
    return [diagnostic(item) for item in found["diagnostics"]]


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Does the work of ``check_shapes`` in the worker; arguments and result as JSON values."""
    report = Report()
    shapes = Graph()
    paths = [Path(path) for path in request["shapes"]]
    for path in paths:
        shapes += read_graph(path).graph
    data = _Data([Path(path) for path in request["models"]], [Path(path) for path in request["data"]], report)
    try:
        report.extend(_results(shapes, data, Location(str(paths[0]))))
    except Full:
        # The report says itself that it is full.
        return {"diagnostics": [asdict(item) for item in report.ordered()]}
    return {"diagnostics": [asdict(item) for item in report.ordered()]}


class _Data:
    """The graph that is checked, and where its subjects are written.

    Args:
        models: DTDL files.
        data: Graphs and files of twins.
        report: Takes findings of twins that cannot be read.
    """

    def __init__(self, models: Sequence[Path], data: Sequence[Path], report: Report) -> None:
        given: list[str | Path] = list(models)
        self._model = parse(given) if given else Model({})
        self._sources = Sources([path for path in data if path.suffix.lower() in FORMS], report)
        self._lines: dict[str, Location] = {}
        self.graph = rdf.graph(given) if given else Graph()
        self.graph += self._sources.graph
        for path in data:
            if path.suffix.lower() in TWINS:
                self._twins(path, report)
            elif path.suffix.lower() not in FORMS:
                known = ", ".join(sorted(DATA))
                raise InputUnreadable(f"{path} is of no form of twins", action=f"Name files that end in {known}.")

    def place(self, node: Node) -> Location | None:
        """Gives where a node is written: an element, a subject of a graph, a twin; or what is around a blank node."""
        for _ in range(_UP):
            if str(node) in self._lines:
                return self._lines[str(node)]
            if isinstance(node, URIRef) and str(node) in self._model:
                return self._model[str(node)].location
            if (node, None, None) in self._sources.graph:
                return self._sources.place(node)
            above = next(self.graph.subjects(None, node), None)
            if not isinstance(node, BNode) or above is None:
                return None
            node = above
        return None

    def _twins(self, path: Path, report: Report) -> None:
        twins: list[dict[str, Any]] = []
        links: list[dict[str, Any]] = []
        for written in read(path, report):
            value = written.value
            if isinstance(value, dict) and "$relationshipName" in value:
                source = {"$sourceId": value.get("$sourceId", value.get("$dtId"))}
                links.append({key: held for key, held in value.items() if key != "$dtId"} | source)
            elif isinstance(value, dict) and "$dtId" in value:
                self._remember(written)
                twins.append(value)
        text = twin_graph.turtle(Types(self._model), twins, links)
        self.graph += parse_graph(text, "turtle", file=str(path)).graph

    def _remember(self, written: Written) -> None:
        iri = twin_graph.iri_of(str(written.value["$dtId"]))
        self._lines.setdefault(iri, written.at())


def _results(shapes: Graph, data: _Data, where: Location) -> Iterable[Diagnostic]:
    import pyshacl  # noqa: PLC0415 - an extra
    from pyshacl.errors import (  # noqa: PLC0415
        ConstraintLoadError,
        ReportableRuntimeError,
        RuleLoadError,
        ShapeLoadError,
        ValidationFailure,
    )

    # A query would load the graphs that it names after FROM, from files too.
    sparql.SPARQL_LOAD_GRAPHS = False
    refused = partial(_refused, where)
    try:
        _, results, text = pyshacl.validate(
            data.graph, shacl_graph=shapes, inference="none", advanced=False, js=False, do_owl_imports=False,
            meta_shacl=False, inplace=True,
        )  # fmt: skip
    except (ConstraintLoadError, ReportableRuntimeError, RuleLoadError, ShapeLoadError, ValidationFailure) as error:
        return [refused(str(getattr(error, "message", error)))]
    except Confined as error:
        return [refused(error.message)]
    except RecursionError:
        return [refused("the shapes refer to each other without end")]
    except (re.error, ParseException, ValueError, TypeError, KeyError, AttributeError, NotImplementedError) as error:
        return [refused(f"{type(error).__name__}: {error}")]
    if not isinstance(results, Graph):
        return [refused(str(text))]
    found = set(results.objects(None, SH.result))
    return [_diagnostic(results, node, data) for node in sorted(found, key=lambda node: _key(results, node))]


def _refused(where: Location, cause: str) -> Diagnostic:
    known = RULES["MT471"]
    said = f"The shapes cannot be checked: {' '.join(cause.split())[:_LENGTH].rstrip('.')}."
    return Diagnostic(rule=known.id, location=where, cause=said, action=known.remedy)


def _key(results: Graph, node: Node) -> str:
    return json.dumps([str(results.value(node, one)) for one in (SH.focusNode, SH.resultPath, SH.resultMessage)])


def _diagnostic(results: Graph, node: Node, data: _Data) -> Diagnostic:
    focus, path = results.value(node, SH.focusNode), results.value(node, SH.resultPath)
    value, shape = results.value(node, SH.value), results.value(node, SH.sourceShape)
    messages = sorted(str(held) for held in results.objects(node, SH.resultMessage))
    said = " ".join(" ".join(messages).split())[:_LENGTH].rstrip(".") or "the shape is not fulfilled"
    named = f"{name_of(focus)}: " if isinstance(focus, URIRef) else ""
    component = str(results.value(node, SH.sourceConstraintComponent) or "").rpartition("#")[2]
    of = f" of {shape}" if isinstance(shape, URIRef) else ""
    severity = results.value(node, SH.resultSeverity)
    return Diagnostic(
        rule="MT470",
        severity=_SEVERITIES.get(severity, Severity.ERROR) if severity is not None else Severity.ERROR,
        location=data.place(focus) if focus is not None else None,
        cause=f"{named}{said}.",
        action=f"Change it, or the {component}{of} that asks for it.",
        primary_id=str(focus) if isinstance(focus, URIRef) else None,
        property_name=str(path) if isinstance(path, URIRef) else None,
        value=str(value)[:_LENGTH] if value is not None and not isinstance(value, BNode) else None,
        restriction=component or None,
    )
