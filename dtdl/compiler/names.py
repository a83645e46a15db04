"""Names: what classes, fields and choices are called in Python, worked out from DTMIs and DTDL names alone."""

from __future__ import annotations

import keyword
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from dtdl.compiler.choices import NumberChoice, TextChoice
from dtdl.compiler.twin import Link, Twin

TABLES: Final = ("TWINS", "LINKS", "MESSAGES")
"""Names that an emitted module uses for its tables."""

_FIELDS: Final = frozenset({*Twin.model_fields, *Link.model_fields})
_USED: Final = frozenset({*TABLES, "annotations", "dict", "staticmethod", "str", "type"})
_MEMBERS: Final = frozenset({"mro", "name", "value"})
_WAY: Final = {"_elementSchema": "Item", "_mapValue": "Value", "_request": "Request", "_response": "Response"}


def python_name(name: str) -> str:
    """Gives the attribute name of a DTDL name: itself, with ``_`` behind it where Python or pydantic use the name."""
    # No DTDL name ends in an underscore, so that no other name can become this one.
    taken = keyword.iskeyword(name) or name.startswith("model_") or hasattr(Link, name) or name in _FIELDS
    return f"{name}_" if taken else name


def member_name(name: str) -> str:
    """Gives the name of an EnumValue in its class: itself, with ``_`` where Python's enumerations use the name."""
    taken = keyword.iskeyword(name) or name in _MEMBERS or hasattr(TextChoice, name) or hasattr(NumberChoice, name)
    return f"{name}_" if taken else name


def interface_names(dtmis: Iterable[str]) -> dict[str, str]:
    """Gives Interface DTMI → class name.

    The last label; where several Interfaces share it, the labels before it are put in front, as few as tell them
    apart, and the version behind it where only that differs: ``Acme_Room``, ``Room_1``, ``Room_2``. A name made so
    that is the last label of another Interface gets a number.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for dtmi in dtmis:
        groups[dtmi.partition(";")[0].rpartition(":")[2]].append(dtmi)
    made = {group[0]: _usable(last) for last, group in groups.items() if len(group) == 1}
    taken = set(made.values())
    for group in groups.values():
        if len(group) > 1:
            for dtmi, name in _class_names(group):
                made[dtmi] = free_name(name, taken)
    return made


def free_name(name: str, taken: set[str]) -> str:
    """Gives a name that is not taken, with a number where it has to, and takes it."""
    free, count = name, 1
    while free in taken:
        count += 1
        free = f"{name}_{count}"
    taken.add(free)
    return free


def part_name(dtmi: str, interfaces: Mapping[str, str]) -> str:
    """Names a class after its DTMI: the last label, or the owner and the names on the way when it is automatic.

    Args:
        dtmi: Of a schema, a Relationship, a Telemetry or a payload.
        interfaces: What ``interface_names`` gave.
    """
    labels = _labels(dtmi)
    at = next((index for index, label in enumerate(labels) if label.startswith("_")), len(labels))
    owner = f"dtmi:{':'.join(labels[:at])}{dtmi.partition(';')[1]}{dtmi.partition(';')[2]}"
    start = interfaces.get(owner, labels[at - 1])
    if at == len(labels):
        return _usable(start)
    return start + "".join(_way(labels[index - 1], labels[index]) for index in range(at, len(labels)))


def _way(before: str, label: str) -> str:
    """Gives what one label of an automatic DTMI adds to a name."""
    if label == "_schema" and before in ("_request", "_response"):
        return "Value"  # the payload itself has a class too
    return _WAY.get(label, _capital(label[2:]) if label[1:2] == "_" else "")


def _usable(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) or name in _USED else name


def _labels(dtmi: str) -> list[str]:
    return dtmi.removeprefix("dtmi:").partition(";")[0].split(":")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _class_names(group: list[str]) -> Iterator[tuple[str, str]]:
    """Names Interfaces that share their last label."""
    by_path: dict[str, list[str]] = defaultdict(list)
    for dtmi in group:
        by_path[dtmi.partition(";")[0]].append(dtmi)
    depth = 1
    paths = {path: _labels(path) for path in by_path}
    while len({tuple(labels[-depth:]) for labels in paths.values()}) < len(paths):
        depth += 1
    for path, versions in by_path.items():
        *front, last = paths[path][-depth:]
        name = _usable("_".join([*map(_capital, front), last]))
        for dtmi in versions:
            version = dtmi.partition(";")[2].replace(".", "_") or "0"
            yield dtmi, name if len(versions) == 1 else f"{name}_{version}"
