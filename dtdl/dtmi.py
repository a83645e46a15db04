"""The DTMI value type: parsing, parts, and order of versions."""

from __future__ import annotations

import re
from typing import Self

from dtdl.errors import DtmiInvalid

_PATTERN = re.compile(
    r"dtmi:(?P<path>[A-Za-z_](?:[A-Za-z0-9_]*[A-Za-z0-9])?(?::[A-Za-z_](?:[A-Za-z0-9_]*[A-Za-z0-9])?)*)"
    r"(?:;(?P<major>[1-9][0-9]{0,8})(?:\.(?P<minor>[1-9][0-9]{0,5}))?)?"
    r"(?P<fragment>#(?:[A-Za-z_][A-Za-z0-9_]*)?)?\Z"
)


class Dtmi(str):
    """A digital twin model identifier; a ``str`` that knows its parts.

    Order: by path, then by version number, then by fragment; no version sorts first.

    Raises:
        DtmiInvalid: The text does not follow the grammar of the DTDL specification, *Digital Twin Model Identifier*.
    """

    __slots__ = ("_fragment", "_labels", "_major", "_minor")
    _labels: tuple[str, ...]
    _major: int
    _minor: int
    _fragment: str

    def __new__(cls, text: str) -> Self:
        """Reads a text."""
        match = _PATTERN.match(text)
        if match is None:
            raise DtmiInvalid(
                f"{text!r} is not a DTMI", action="Write dtmi:<label>:<label>;<version>, for example dtmi:acme:Room;1."
            )
        self = super().__new__(cls, text)
        self._labels = tuple(match["path"].split(":"))
        self._major = int(match["major"] or 0)
        self._minor = int(match["minor"] or 0)
        self._fragment = match["fragment"] or ""
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """The segments between ``dtmi:`` and the version."""
        return self._labels

    @property
    def major(self) -> int:
        """Major version, 0 when the identifier has none."""
        return self._major

    @property
    def minor(self) -> int:
        """Minor version, 0 when the identifier has none."""
        return self._minor

    @property
    def complete_version(self) -> float:
        """Major and minor version as one number: the minor version fills six decimals."""
        return self._major + self._minor / 1_000_000

    @property
    def fragment(self) -> str:
        """The fragment with its ``#``, or an empty text."""
        return self._fragment

    @property
    def versionless(self) -> str:
        """The identifier without its version, fragment kept."""
        return f"dtmi:{':'.join(self._labels)}{self._fragment}"

    @property
    def is_reserved(self) -> bool:
        """Whether a label or the fragment begins with an underscore: reserved for automatic identifiers."""
        return any(label.startswith("_") for label in self._labels) or self._fragment.startswith("#_")

    def _key(self) -> tuple[tuple[str, ...], int, int, str]:
        return (self._labels, self._major, self._minor, self._fragment)

    def __lt__(self, other: str) -> bool:
        if not isinstance(other, Dtmi):
            return NotImplemented
        return self._key() < other._key()

    def __le__(self, other: str) -> bool:
        if not isinstance(other, Dtmi):
            return NotImplemented
        return self._key() <= other._key()

    def __gt__(self, other: str) -> bool:
        if not isinstance(other, Dtmi):
            return NotImplemented
        return self._key() > other._key()

    def __ge__(self, other: str) -> bool:
        if not isinstance(other, Dtmi):
            return NotImplemented
        return self._key() >= other._key()
