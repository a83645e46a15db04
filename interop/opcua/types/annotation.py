"""Annotation: what DTDL cannot say of an OPC UA node, as text in the comment of its element."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

PREFIX: Final = "OPC UA "
"""How a comment begins that holds an annotation; the rest is a JSON object of name to texts."""
MAX_TEXT: Final = 512
"""Longest display name, description and comment of DTDL, in characters."""
_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "argument": "the argument was called",
        "browseName": "the browse name is",
        "language": "DTDL knows no such language, and the text is taken for English:",
        "cut": "longer than DTDL allows, and cut, is the",
        "dataType": "DTDL has no schema for the data type",
        "field": "the field was called",
        "isAbstract": "DTDL has no abstract Interfaces; isAbstract is",
        "nodeId": "the node id is",
        "object": "an Object without parts and without a type among the documents is left out:",
        "optionSet": "DTDL has no sets of bits; the bits are",
        "overrides": "DTDL has no overriding; it declares again the inherited",
        "part": "DTDL has nothing below a value, and no parts that no document defines:",
        "placeholder": "DTDL has no contents of free name; left out is the placeholder",
        "rank": "DTDL has no such ValueRank:",
        "sameNames": "DTDL does not inherit two contents of one name, so it does not extend",
        "supertype": "no document defines, or DTDL has no Interface for, the supertype",
        "target": "no document defines the target",
        "union": "DTDL has no unions; exactly one field is there of",
        "unit": "DTDL has no such unit for the schema:",
        "value": "the value was called",
        "variableType": "DTDL has no types of values; it is a",
    }
)


_LANGUAGE: Final = re.compile(r"[a-z]{2,4}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?\Z")
"""Language codes of DTDL."""


class Kept:
    """What is kept of one element."""

    def __init__(self) -> None:
        self._facts: dict[str, list[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._facts)

    def add(self, word: str, text: str) -> None:
        """Keeps a fact."""
        texts = self._facts.setdefault(word, [])
        if text not in texts:
            texts.append(text)

    def sentences(self) -> Iterator[str]:
        """What is kept, in words; names that only lost their form are not worth a line."""
        for word, texts in self._facts.items():
            if word != "nodeId":
                yield f"{_WORDS[word]} {', '.join(texts)}."

    def text(self) -> str:
        """The comment; what does not fit is left to the list, and the comment says how much that is."""
        facts = {word: texts[0] if len(texts) == 1 else texts for word, texts in self._facts.items()}
        text = PREFIX + orjson.dumps(facts).decode()
        left = 0
        while len(text) > MAX_TEXT and facts:
            longest = max(facts, key=lambda word: len(orjson.dumps(facts[word])))
            del facts[longest]
            left += 1
            text = PREFIX + orjson.dumps({**facts, "more": left}).decode()
        return text


def language_map(texts: Mapping[str, str], word: str, kept: Kept) -> Any:
    """A text, or a map of language to text, as DTDL has it; English alone is written short.

    Args:
        texts: Language to text; no language is English.
        word: Which text it is, for what is kept when it is too long.
        kept: Takes what DTDL cannot say.
    """
    found: dict[str, str] = {}
    for language, text in texts.items():
        tag = language.replace("_", "-") or "en"
        if not _LANGUAGE.match(tag):
            kept.add("language", tag)
            tag = "en"
        if len(text) > MAX_TEXT:
            kept.add("cut", f"{word} ({tag})")
        found.setdefault(tag, text[:MAX_TEXT])
    return found["en"] if list(found) == ["en"] else found
