"""Originals: the DTDL that compiled classes were made of and carry, each Interface printed when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from dtdl.elements import Element, Model
from dtdl.printer import dump

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


def no_originals() -> Mapping[str, str]:
    """Gives what a base class carries."""
    return _NONE


class Originals(Mapping[str, str]):
    """DTMI of an Interface → DTDL text of the document that defines it.

    Args:
        model: The parsed definitions.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._interfaces = model.interfaces
        self._texts: dict[str, str] = {}

    def __getitem__(self, dtmi: str) -> str:
        root = self.root(dtmi)
        text = self._texts.get(root)
        if text is None:
            document = dump(self._model.interface(root))[0]
            text = self._texts[root] = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        return text

    def __contains__(self, dtmi: object) -> bool:
        return dtmi in self._interfaces

    def __iter__(self) -> Iterator[str]:
        return iter(self._interfaces)

    def __len__(self) -> int:
        return len(self._interfaces)

    def root(self, dtmi: str) -> str:
        """Gives the DTMI of the Interface at the top of the document that defines an element."""
        element: Element = self._interfaces[dtmi]
        while element.child_of is not None:
            element = self._model[element.child_of]
        return element.id


def is_compiled(cls: Any) -> bool:
    """Whether a class was made of a model, and not written by somebody, on top of such a class or without."""
    return "__definitions__" in getattr(cls, "__dict__", {})
