"""DTMI to document: where a parse looks for elements that the given documents only refer to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from dtdl.errors import InputUnreadable

Resolver = Callable[[Sequence[str]], Iterable[str] | Mapping[str, str] | None]
"""Gives the JSON texts that define the DTMIs asked for, or None to refuse."""


def folder(path: Path) -> Resolver:
    """Gives a resolver over a folder in the layout of DTMI repositories: ``dtmi/acme/room-1.json``.

    Args:
        path: The folder that ``dtmi`` stands in, or that folder itself.

    Raises:
        InputUnreadable: It is no folder.
    """
    root = path / "dtmi" if (path / "dtmi").is_dir() else path
    if not root.is_dir():
        raise InputUnreadable(f"{path} is no folder", action="Name the folder that has the models.")

    def resolve(wanted: Sequence[str]) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for dtmi in wanted:
            file = root / relative(dtmi)
            if file.is_file():
                found[dtmi] = file.read_text(encoding="utf-8-sig")
        return found

    return resolve


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
