"""DTMI to document: where a parse looks for elements that the given documents only refer to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from dtdl.dtmi import Dtmi
from dtdl.errors import DtmiInvalid, InputUnreadable, LimitExceeded
from dtdl.source import MAX_BYTES, Document, Loader

Resolver = Callable[[Sequence[str]], Iterable[str] | Mapping[str, str] | None]
"""Gives the JSON texts that define the DTMIs asked for, or None to refuse."""


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

    def resolve(wanted: Sequence[str]) -> Iterable[str]:
        found: list[str] = []
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
