"""DTMI to document: where a parse looks for elements that the given documents only refer to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from dtdl.dtmi import Dtmi
from dtdl.errors import DtmiInvalid, InputUnreadable, LimitExceeded
from dtdl.source import MAX_BYTES, Document, Loader, documents

Resolver = Callable[[Sequence[str]], Iterable[str | Path] | Mapping[str, str] | Mapping[str, str | Path] | None]
"""Gives the JSON texts, or the files, that define the DTMIs asked for, or None to refuse."""


def folder(path: Path) -> Resolver:
    """Gives a resolver over a folder in the layout of DTMI repositories: ``dtmi/acme/room-1.json``.

    Where ``room-1.expanded.json`` is there too, it is read in place of ``room-1.json``, and the Interfaces in it are
    at hand when they are asked for next. Nothing outside the folder is read.

    Args:
        path: The folder that ``dtmi`` stands in, or that folder itself.

    Raises:
        InputUnreadable: It is no folder; when called, a file in it cannot be read.
        LimitExceeded: When called, a file is larger than the bound of every input.
    """
    root = path / "dtmi" if (path / "dtmi").is_dir() else path
    if not root.is_dir():
        raise InputUnreadable(f"{path} is no folder", action="Name the folder that has the models.")
    known: dict[str, str] = {}

    def resolve(wanted: Sequence[str]) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for dtmi in wanted:
            place = _place(dtmi)
            if dtmi not in known and place is not None:
                whole = root / expanded_name(place)
                known.update(_members(_text(whole)) if whole.is_file() else {})
            if dtmi in known:
                found[dtmi] = known[dtmi]
            elif place is not None and (root / place).is_file():
                found[dtmi] = _text(root / place)
        return found

    return resolve


def below(*paths: Path) -> Resolver:
    """Gives a resolver over folders of definitions, whatever the names of their files.

    A file in the layout of DTMI repositories is taken first. Only for what has none, every ``*.json`` below the folder
    is looked into, once; files that are no JSON or no DTDL are passed over.

    Args:
        paths: The folders; the first that has a DTMI gives it.

    Raises:
        InputUnreadable: One is no folder; when called, a file cannot be read.
        LimitExceeded: When called, a file is larger, or there are more files, than the bound of every input.
    """
    for path in paths:
        if not path.is_dir():
            raise InputUnreadable(f"{path} is no folder", action="Name the folder that has the models.")
    return chain(*(resolver for path in paths for resolver in (_laid_out(path), _anywhere(path))))


def _laid_out(path: Path) -> Resolver:
    root = path / "dtmi" if (path / "dtmi").is_dir() else path

    def resolve(wanted: Sequence[str]) -> Mapping[str, Path]:
        places = {dtmi: root / place for dtmi in wanted if (place := _place(dtmi)) is not None}
        return {dtmi: file for dtmi, file in places.items() if file.is_file()}

    return resolve


def _anywhere(path: Path) -> Resolver:
    @cache
    def known() -> Mapping[str, str | Path]:
        found: dict[str, str | Path] = {}
        for document in documents(path):
            if isinstance(document.value, dict):
                for dtmi in _names(document.value):
                    found.setdefault(dtmi, Path(document.file))
            elif document.fault is None:
                for dtmi, text in _members(document.text).items():
                    found.setdefault(dtmi, text)
        return found

    return lambda wanted: {dtmi: known()[dtmi] for dtmi in wanted if dtmi in known()}


def _names(value: Any) -> Iterator[str]:
    """Gives the ids of a model and of what is written in it."""
    items: Iterable[Any] = ()
    if isinstance(value, dict):
        items = value.values()
        if isinstance(value.get("@id"), str) and len(value) > 1:
            yield value["@id"]
    elif isinstance(value, list):
        items = value
    for item in items:
        yield from _names(item)


def _place(dtmi: str) -> Path | None:
    try:
        return relative(Dtmi(dtmi))
    except DtmiInvalid:
        return None


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise LimitExceeded(f"{file} is larger than {MAX_BYTES} bytes", action="Split it into several files.")
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputUnreadable(
            f"{file} cannot be read: {error.strerror or error}", action="Check its permissions."
        ) from error
    except UnicodeDecodeError as error:
        raise InputUnreadable(f"{file} is not UTF-8", action="Save the file as UTF-8.") from error


def _members(text: str) -> Mapping[str, str]:
    """Gives the text of each Interface in an expanded file, as it is written there; nothing when it is no array."""
    document = Loader().load(Document(text, ""))
    if not isinstance(document.value, list):
        return {}
    spans = document.spans()
    members = [item for item in document.value if isinstance(item, dict) and isinstance(item.get("@id"), str)]
    return {item["@id"]: text[spans[id(item)].start : spans[id(item)].end] for item in members}


def expanded_name(file: Path) -> Path:
    """Gives the name of the file that has an Interface and all that it needs: ``room-1.expanded.json``."""
    return file.with_name(f"{file.name.removesuffix('.json')}.expanded.json")


def relative(dtmi: str) -> Path:
    """Gives the path of a DTMI in a repository, below ``dtmi``: ``dtmi:acme:Room;1`` → ``acme/room-1.json``."""
    path, _, version = dtmi.lower().partition(";")
    labels = path.split(":")[1:]
    return Path(*labels[:-1], f"{labels[-1]}-{version or '0'}.json")


def mapping(texts: Mapping[str, str]) -> Resolver:
    """Gives a resolver over texts by DTMI."""
    return lambda wanted: {dtmi: texts[dtmi] for dtmi in wanted if dtmi in texts}


def chain(*resolvers: Resolver) -> Resolver:
    """Gives a resolver that asks one after the other for what is still missing."""

    def resolve(wanted: Sequence[str]) -> Iterable[str | Path]:
        found: list[str | Path] = []
        missing = list(wanted)
        for resolver in resolvers:
            got = resolver(missing) if missing else None
            if isinstance(got, Mapping):
                found.extend(got.values())
                missing = [dtmi for dtmi in missing if dtmi not in got]
            elif got is not None:
                found.extend(got)
                missing = []
        return found

    return resolve
