"""Repositories of models: one file an Interface, named after its DTMI, and one with all that it needs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from dtdl.change import SAME_FILE
from dtdl.diagnostic import Diagnostic
from dtdl.elements import Element, Interface, Model
from dtdl.errors import InputUnreadable, ModelInvalid
from dtdl.metamodel import metamodel
from dtdl.parser import parse
from dtdl.printer import dump
from dtdl.resolver import Resolver, expanded_name, relative

Json = Any
_LANGUAGE: Final = "dtmi:dtdl:context;"
Inputs = Model | str | Path | Iterable[str | Path]


def documents(definitions: Inputs, *, expanded: bool = True, resolver: Resolver | None = None) -> dict[Path, str]:
    """Gives the files of a repository and their texts; writes nothing.

    Args:
        definitions: A model, or what ``dtdl.parse`` takes.
        resolver: Gives what the definitions only refer to, as for ``dtdl.parse``; it gets files of its own.
        expanded: Also give ``….expanded.json``: the Interface and, behind it, every Interface that it needs: those
            that it extends, those of its Components, those whose schemas it uses, and what these need.

    Returns:
        Path below the repository's folder, such as ``dtmi/acme/room-1.json`` → text.

    Raises:
        ModelInvalid: The definitions have findings, or two DTMIs differ in case only and would share a file.
        InputUnreadable: A path cannot be read.
    """
    model = definitions if isinstance(definitions, Model) else parse(definitions, resolver=resolver)
    printed: dict[str, Json] = {}
    for document in dump(model):
        context = document.get("@context")
        for lifted in _lifted(document, model):
            printed[lifted["@id"]] = {"@context": None} | lifted | {"@context": _contexts(context, lifted)}
        printed[document["@id"]] = document
    paths = {dtmi: Path("dtmi") / relative(dtmi) for dtmi in printed}
    _refuse_clashes(paths, model)
    made: dict[Path, str] = {}
    for dtmi, document in printed.items():
        made[paths[dtmi]] = _text(document)
        if expanded:
            needed = [printed[other] for other in _closure(model.interface(dtmi), model) if other in printed]
            made[expanded_name(paths[dtmi])] = _text([document, *needed])
    return made


def write(definitions: Inputs, folder: Path, *, expanded: bool = True) -> list[Path]:
    """Writes a repository.

    Args:
        definitions: A model, or what ``dtdl.parse`` takes.
        folder: The folder that gets ``dtmi``; made when missing.
        expanded: Also write ``….expanded.json``.

    Returns:
        The files.

    Raises:
        ModelInvalid: The definitions have findings, or two DTMIs differ in case only.
        InputUnreadable: A path cannot be read, or a file not written.
    """
    made = documents(definitions, expanded=expanded)
    for path, text in made.items():
        file = folder / path
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise InputUnreadable(
                f"{file} cannot be written: {error.strerror}", action="Name another folder."
            ) from error
    return [folder / path for path in made]


def _text(value: Json) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _lifted(value: Json, model: Model) -> Iterator[dict[str, Json]]:
    """Takes Interfaces that are written inside others out of them, and leaves their DTMIs there."""
    items: Iterable[tuple[Any, Json]]
    items = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else ()
    )
    for key, item in items:
        yield from _lifted(item, model)
        if isinstance(item, dict) and isinstance(model.get(item.get("@id", "")), Interface):
            value[key] = item["@id"]
            yield item


def _contexts(outer: Json, lifted: Mapping[str, Json]) -> Json:
    """Gives the contexts of an Interface that stood inside another: those around it, unless it names the language."""
    given, own = (
        found if isinstance(found, list) else [] if found is None else [found]
        for found in (outer, lifted.get("@context"))
    )
    every = own if own and own[0].startswith(_LANGUAGE) else [*given, *(name for name in own if name not in given)]
    return every[0] if len(every) == 1 else every


def _closure(interface: Interface, model: Model) -> Iterator[str]:
    """Gives the DTMIs of the Interfaces that one needs, nearest first."""
    seen = {interface.id}
    left = [interface]
    while left:
        for dtmi in _needed(left.pop(0)):
            if dtmi not in seen:
                seen.add(dtmi)
                left.append(model.interface(dtmi))
                yield dtmi


def _needed(element: Element) -> Iterator[str]:
    """Gives the DTMIs of the Interfaces that an element, and what is written in it, refers to."""
    for value in element.properties.values():
        values = value if isinstance(value, tuple) else value.values() if isinstance(value, Mapping) else (value,)
        for item in values:
            if not isinstance(item, Element) or metamodel().is_reserved(item.id):
                continue
            if isinstance(item, Interface):
                yield item.id
            elif item.child_of == element.id:
                yield from _needed(item)
            elif item.defined_in is not None:
                yield item.defined_in


def _refuse_clashes(paths: Mapping[str, Path], model: Model) -> None:
    taken: dict[Path, str] = {}
    found: list[Diagnostic] = []
    for dtmi, path in paths.items():
        other = taken.setdefault(path, dtmi)
        if other != dtmi:
            found.append(
                Diagnostic(
                    rule=SAME_FILE,
                    location=model[dtmi].location,
                    cause=f"{dtmi} and {other} differ in case only, and both would be {path.as_posix()}.",
                    action="Give one of them another name.",
                    primary_id=dtmi,
                    secondary_id=other,
                )
            )
    if found:
        raise ModelInvalid(found)
