"""Files of both translations: DTDL to a NodeSet2 file, NodeSet2 files or a live server to a folder of DTDL."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from dtdl.diagnostic import Diagnostic, Severity
from dtdl.dtmi import Dtmi
from dtdl.errors import ModelInvalid, NodeSetInvalid
from dtdl.parser import check as check_dtdl
from dtdl.parser import parse
from dtdl.resolver import Resolver
from interop.opcua.nodeset.check import read_all
from interop.opcua.nodeset.model import NodeSet
from interop.opcua.nodeset.writer import write
from interop.opcua.types.roundtrip import annotated_nodeset
from interop.opcua.types.to_dtdl import dtdl_of

NAME = "types.NodeSet2.xml"
"""The file in a folder that is given as output."""


def nodeset_outputs(paths: Sequence[str | Path], output: Path, *, resolver: Resolver | None = None) -> dict[Path, str]:
    """Gives the NodeSet2 file of definitions and its text; writes nothing.

    Args:
        paths: Files and folders of DTDL.
        output: A file ``.xml``, or a folder.
        resolver: Gives what the definitions only refer to.

    Raises:
        ModelInvalid: The definitions have findings.
        InputUnreadable: A path cannot be read.
    """
    text = write(annotated_nodeset(parse(list(paths), resolver=resolver)))
    return {output if output.suffix == ".xml" else output / NAME: text}


def read_nodesets(paths: Sequence[str | os.PathLike[str]]) -> tuple[list[NodeSet], list[Diagnostic]]:
    """Reads documents that belong together, all or none; gives warnings, too.

    Raises:
        NodeSetInvalid: One of them is broken.
        InputUnreadable: A path is missing, may not be read, or is too large.
    """
    nodesets, found = read_all(paths)
    if any(one.severity is Severity.ERROR for one in found):
        raise NodeSetInvalid(found)
    return nodesets, found


def dtdl_outputs(nodesets: Sequence[NodeSet], output: Path) -> tuple[dict[Path, str], tuple[Diagnostic, ...]]:
    """Gives one file for each Interface and its text, and what DTDL cannot say; writes nothing.

    Raises:
        ModelInvalid: DTDL refuses what came out.
    """
    made = dtdl_of(nodesets)
    texts = [json.dumps(document, indent=2, ensure_ascii=False) + "\n" for document in made.documents]
    findings = [found for found in check_dtdl(texts) if found.severity is Severity.ERROR]
    if findings:
        raise ModelInvalid(findings)
    places = [output / _place(document["@id"]) for document in made.documents]
    return dict(zip(places, texts, strict=True)), made.kept


def _place(dtmi: str) -> Path:
    """``dtmi:org:example:Room;1`` stands in ``org/example/Room-1.json``."""
    known = Dtmi(dtmi)
    version = f"-{known.major}" + (f".{known.minor}" if known.minor else "") if known.major else ""
    return Path(*known.labels[:-1], f"{known.labels[-1]}{version}.json")
