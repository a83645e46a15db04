"""What a change between two versions of definitions is: its kinds, what each breaks and why, and what it needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Final, overload

from dtdl.diagnostic import Location
from dtdl.dtmi import Dtmi

Json = Any
_ONLY_MAJOR: Final = 2
"""The last DTDL version whose identifiers have a major version only."""


class Bump(IntEnum):
    """How much a version must rise, or did rise."""

    NONE = 0
    MINOR = 1
    MAJOR = 2

    @property
    def word(self) -> str:
        """``none``, ``minor`` or ``major``."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class ChangeRule:
    """One kind of change.

    Attributes:
        id: ``MT5…``.
        kind: Its name.
        breaks: Whether it breaks users.
        bump: The version that must rise; DTDL v2 has no minor version, so there it is the major one.
        summary: What happened, in a few words.
        reason: Why it breaks users, or why it does not.
    """

    id: str
    kind: str
    breaks: bool
    bump: Bump
    summary: str
    reason: str


_B: Final = (True, Bump.MAJOR)
_M: Final = (False, Bump.MINOR)
_N: Final = (False, Bump.NONE)

_KINDS: Final = (
    (500, "interface-removed", _B, "an Interface is gone",
     "Twins of it, and Interfaces that refer to it, have no definition any more."),
    (501, "interface-added", _N, "an Interface is new", "Nobody uses it yet."),
    (502, "version-raised", _N, "the version rose", "That is what tells users of a change."),
    (503, "version-lowered", _B, "the version fell", "Users take the greatest version for the newest."),
    (504, "version-added", _N, "a further version stands beside the old one", "The old version is still there."),
    (505, "extends-removed", _B, "an Interface is no longer extended",
     "Its contents are lost, and Relationships and Components that ask for it refuse what no longer counts as it."),
    (506, "extends-added", _M, "a further Interface is extended", "What was there stays, and more is added."),
    (507, "extends-rerouted", _N, "an extended Interface is reached on another way",
     "It is still extended, directly or through another Interface."),
    (508, "content-removed", _B, "a content is gone",
     "Values of it are refused, and readers, bindings and queries that name it find nothing."),
    (509, "content-added", _M, "a content is new", "It may be left out, so older data and readers go on."),
    (510, "content-added-required", _B, "a content is new and must be given", "Twins that were made before lack it."),
    (511, "content-renamed", _B, "a content has another name",
     "Names are the keys of data, bindings and queries; the old one is refused."),
    (512, "content-moved", _N, "a content is defined in another Interface of the same line",
     "Twins have the same content under the same name."),
    (513, "content-kind-changed", _B, "a content is of another kind",
     "State, stream, call and link are each used in another way."),
    (514, "schema-narrowed", _B, "the schema accepts less", "Values that were valid are refused."),
    (515, "schema-widened", _M, "the schema accepts more", "Every value that was valid still is."),
    (516, "schema-changed", _B, "the schema is another one", "Values that were valid are refused."),
    (517, "unit-changed", _B, "the unit is another one",
     "The same number means something else, and nothing tells readers."),
    (518, "unit-added", _M, "a unit is given", "Numbers had no stated unit before."),
    (519, "writable-removed", _B, "it cannot be written any more", "Clients that write it are refused."),
    (520, "writable-added", _M, "it can be written", "Clients may do more than before."),
    (521, "target-narrowed", _B, "fewer kinds of twins may be the target",
     "Relationships that were valid are refused."),
    (522, "target-widened", _M, "more kinds of twins may be the target", "Relationships that were valid still are."),
    (523, "multiplicity-tightened", _B, "the multiplicity is tighter",
     "Twins with as many relationships as were allowed, or as few, are refused."),
    (524, "multiplicity-loosened", _M, "the multiplicity is looser", "Every number that was allowed still is."),
    (525, "enum-value-removed", _B, "an enum value is gone", "Data that has it is refused."),
    (526, "enum-value-added", _M, "an enum value is new", "Data that was valid still is."),
    (527, "enum-value-changed", _B, "an enum value has another value",
     "Data that has the old value is refused, or means something else."),
    (528, "enum-value-renamed", _B, "an enum value has another name", "Programs that name it find nothing."),
    (529, "field-removed", _B, "a field is gone", "Values with that field are refused."),
    (530, "field-added", _M, "a field is new", "It may be left out."),
    (531, "field-added-required", _B, "a field is new and must be given", "Values that were valid lack it."),
    (532, "field-renamed", _B, "a field has another name", "Names are keys of the data; the old one is refused."),
    (533, "null-refused", _B, "null is no longer allowed", "Values that were valid are refused."),
    (534, "null-allowed", _M, "null is allowed", "Every value that was valid still is."),
    (535, "required-added", _B, "it must be given now", "Data that left it out is refused."),
    (536, "required-removed", _M, "it may be left out now", "Data that gives it is still valid."),
    (537, "request-added", _B, "the Command asks for a request now", "Calls without one are refused."),
    (538, "request-removed", _B, "the Command takes no request any more", "Calls with one are refused."),
    (539, "response-added", _M, "the Command gives a response now", "Callers may leave it aside."),
    (540, "response-removed", _B, "the Command gives no response any more", "Callers wait for it."),
    (541, "payload-renamed", _M, "a payload, key or value has another name", "That name is no key of the data."),
    (542, "type-removed", _B, "a supplemental type is gone", "What it says of the element holds no longer."),
    (543, "type-added", _M, "a supplemental type is new", "It says more of the element than before."),
    (544, "component-changed", _B, "the Component is of another Interface", "Data of the Component is refused."),
    (545, "component-refined", _M, "the Component is of an Interface that extends the former one",
     "Data of the Component is still valid."),
    (546, "reference-version", _M, "another version is referred to",
     "How much that means for users is what changed between the two versions; it is reported there."),
    (547, "schema-removed", _B, "a reusable schema is gone", "Other definitions may refer to it."),
    (548, "schema-added", _M, "a reusable schema is new", "Nobody refers to it yet."),
    (549, "extension-changed", _M, "a value of an extension is another one",
     "What that means is known to those who use the extension; no value that was valid is refused by DTDL."),
    (550, "language-changed", _M, "the DTDL version is another one",
     "The data is the same, but tools must know that version."),
    (551, "text-changed", _N, "a text is another one", "Texts are for people; data and programs do not need them."),
)  # fmt: skip

RULES: Final[Mapping[str, ChangeRule]] = MappingProxyType(
    {kind: ChangeRule(f"MT{number}", kind, *effect, *words) for number, kind, effect, *words in _KINDS}
)
"""Kind → what it breaks and why: whatever was valid data stays valid, and what clients may do they may still do."""

NOT_RAISED: Final = "MT590"
RAISED: Final = "MT591"
PUBLISHED: Final = "MT592"
SAME_FILE: Final = "MT593"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change.

    Attributes:
        kind: A key of :data:`RULES`.
        interface: DTMI of the Interface in the new version, of the old one when it is gone.
        path: Where in the Interface, such as ``contents/temperature/schema``; empty for the Interface itself.
        old: What was there, as JSON; None for nothing.
        new: What is there now.
        breaks: Whether it breaks users.
        bump: How much the Interface's version must rise for it.
        location: Where it is written in the new version; of what is gone, the element that it was in.
        old_location: Where it was written; of what is new, the element that it is in now.
    """

    kind: str
    interface: str
    path: str
    old: Json
    new: Json
    breaks: bool
    bump: Bump
    location: Location | None = None
    old_location: Location | None = None

    @property
    def rule(self) -> ChangeRule:
        """Its kind, with the reason."""
        return RULES[self.kind]

    def __str__(self) -> str:
        name = f"{self.interface} {self.path}" if self.path else self.interface
        values = {(False, False): "", (True, False): f": {shown(self.old)}", (False, True): f": {shown(self.new)}"}
        both = f": {shown(self.old)} → {shown(self.new)}"
        return f"{name}: {self.rule.summary}{values.get((self.old is not None, self.new is not None), both)}"


@dataclass(frozen=True, slots=True)
class Rise:
    """What the version of one Interface must do, and does.

    Attributes:
        old: DTMI before.
        new: DTMI now.
        needed: How much it must rise.
        given: How much it rose.
        location: Where the new Interface is written.
    """

    old: str
    new: str
    needed: Bump
    given: Bump
    location: Location | None = None

    @property
    def enough(self) -> bool:
        """Whether it rose as much as it must."""
        return self.given >= self.needed

    @property
    def least(self) -> str:
        """The least DTMI that tells users of the changes."""
        return raised(self.old, self.needed)


class Changes(Sequence[Change]):
    """All changes, in the order of the new documents; those of Interfaces that are gone come first.

    Attributes:
        rises: For each Interface whose version must rise, or did.
    """

    def __init__(self, changes: Iterable[Change], rises: Iterable[Rise]) -> None:
        self._changes = tuple(changes)
        self.rises = tuple(rises)

    @overload
    def __getitem__(self, index: int) -> Change: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Change, ...]: ...
    def __getitem__(self, index: int | slice) -> Change | tuple[Change, ...]:
        return self._changes[index]

    def __len__(self) -> int:
        return len(self._changes)

    def __iter__(self) -> Iterator[Change]:
        return iter(self._changes)

    def __repr__(self) -> str:
        return f"<{len(self)} changes, {len(self.breaking)} break users>"

    @property
    def breaking(self) -> tuple[Change, ...]:
        """Those that break users."""
        return tuple(change for change in self._changes if change.breaks)

    @property
    def bump(self) -> Bump:
        """The greatest rise that any Interface needs."""
        return max((rise.needed for rise in self.rises), default=Bump.NONE)

    @property
    def enough(self) -> bool:
        """Whether every version rose as much as it must."""
        return all(rise.enough for rise in self.rises)


def needed(bump: Bump, dtdl_version: int) -> Bump:
    """Gives the rise that a DTDL version can express: v2 has no minor version."""
    return Bump.MAJOR if bump is Bump.MINOR and dtdl_version <= _ONLY_MAJOR else bump


def given(old: str, new: str) -> Bump:
    """Gives how much the version rose from one DTMI to another."""
    before, after = Dtmi(old), Dtmi(new)
    if after.major > before.major:
        return Bump.MAJOR
    return Bump.MINOR if after.major == before.major and after.minor > before.minor else Bump.NONE


def raised(dtmi: str, bump: Bump) -> str:
    """Gives a DTMI with its version raised: ``;1`` becomes ``;1.1`` or ``;2``; one without a version gets ``;1``."""
    known = Dtmi(dtmi)
    plain = f"dtmi:{':'.join(known.labels)}"
    if bump is Bump.NONE:
        return dtmi
    if bump is Bump.MINOR and known.major:
        return f"{plain};{known.major}.{known.minor + 1}{known.fragment}"
    return f"{plain};{known.major + 1}{known.fragment}"


def shown(value: Json) -> str:
    """Gives a value as it stands in a message."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


_LONGEST: Final = 120
