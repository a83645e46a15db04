"""The variables of a query, what its names mean, and how a value is read from what a variable holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from dtdl.elements import Interface, Model
from interop.graph.document import components_of, document
from interop.graph.query import ast
from interop.graph.query.grammar import query_error
from interop.graph.state import Relationship, TwinState

Entity: TypeAlias = TwinState | Relationship
Row: TypeAlias = list[Any]
"""What each variable holds now, by its slot."""
Names: TypeAlias = tuple[str, ...]


class _Undefined:
    """The value of what is not there; not null."""

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED: Final = _Undefined()
MODEL: Final = ("$metadata", "$model")
ID: Final = ("$dtId",)
SOURCE: Final = ("$sourceId",)
TARGET: Final = ("$targetId",)


@dataclass(frozen=True, slots=True)
class Variable:
    """A collection, or what a JOIN or MATCH binds.

    Attributes:
        name: As the query has it; ``#n`` for one without a name.
        slot: Where a row holds it.
        kind: What it holds.
    """

    name: str
    slot: int
    kind: Literal["twin", "relationship"]


class Context:
    """What the loaded definitions say to a query.

    Args:
        model: Every loaded definition.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.is_component = components_of(model)
        self._subtypes: dict[str, tuple[str, ...]] | None = None

    def of_model(self, dtmi: str, *, exact: bool) -> tuple[str, ...]:
        """Gives an Interface and all that extend it, directly or not, in order; itself only when ``exact``."""
        if exact:
            return (dtmi,)
        if self._subtypes is None:
            self._subtypes = _subtypes(self.model)
        return self._subtypes.get(dtmi, (dtmi,))


def _subtypes(model: Model) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for dtmi, interface in model.interfaces.items():
        waiting: list[Interface] = [interface]
        seen: set[str] = set()
        while waiting:
            ancestor = waiting.pop()
            if ancestor.id not in seen:
                seen.add(ancestor.id)
                found.setdefault(ancestor.id, set()).add(dtmi)
                waiting.extend(ancestor.extends)
    return {dtmi: tuple(sorted(below)) for dtmi, below in found.items()}


class Scope:
    """The variables of one query.

    Args:
        context: What the definitions say.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.variables: list[Variable] = []
        self._by_name: dict[str, Variable] = {}
        self.sole: Variable | None = None
        """The only collection, whose name may be left out."""

    def add(self, name: str | None, kind: Literal["twin", "relationship"], place: ast.Place) -> Variable:
        """Makes a variable.

        Raises:
            RequestInvalid: ``SqlQueryError``: another one has its name.
        """
        if name is not None and name in self._by_name:
            raise query_error(f"{name!r} names two things", place, "Give each its own name.")
        variable = Variable(name or f"#{len(self.variables)}", len(self.variables), kind)
        self.variables.append(variable)
        if name is not None:
            self._by_name[name] = variable
        return variable

    def named(self, name: str) -> Variable | None:
        """The variable of a name, or None."""
        return self._by_name.get(name)

    def require(self, name: str, place: ast.Place) -> Variable:
        """The variable of a name.

        Raises:
            RequestInvalid: ``SqlQueryError``: there is none.
        """
        found = self._by_name.get(name)
        if found is None:
            there = ", ".join(self._by_name) or "none"
            raise query_error(f"{name!r} is not a name of this query, whose names are: {there}", place,
                              "Names are case-sensitive; declare it after FROM.")  # fmt: skip
        return found

    def resolve(self, path: ast.Path) -> tuple[Variable, Names]:
        """Gives the variable of a path and the rest of it; no rest: the twin or relationship itself.

        Raises:
            RequestInvalid: ``SqlQueryError``: it names no variable, and there are several.
        """
        first, *rest = path.segments
        found = self._by_name.get(first)
        if found is not None:
            return found, tuple(rest)
        if self.sole is not None:
            return self.sole, path.segments
        return self.require(first, path.place), ()

    def value(self, path: ast.Path) -> tuple[Variable, Names]:
        """Gives the variable and the property path.

        Raises:
            RequestInvalid: ``SqlQueryError``: it is a whole twin or relationship, which is no value.
        """
        variable, names = self.resolve(path)
        if not names:
            raise query_error(
                f"{path} is a whole {variable.kind}, not a value", path.place, f"Write {path}.<property>."
            )
        return variable, names


def getter(context: Context, variable: Variable, names: Names) -> Callable[[Row], Any]:
    """Gives the function that reads a property of what a row holds; UNDEFINED for what is not there."""
    slot = variable.slot
    if variable.kind == "relationship":
        return _of_row(slot, _relationship_getter(names))
    if len(names) == 1 and not names[0].startswith("$"):
        (name,) = names
        return lambda row: row[slot].contents.get(name, UNDEFINED)
    return _of_row(slot, _twin_getter(context, names))


def entity_getter(context: Context | None, kind: str, names: Names) -> Callable[[Any], Any]:
    """Gives the function that reads a property of a twin or relationship; names of ``$metadata`` need the context."""
    return _relationship_getter(names) if kind == "relationship" else _twin_getter(context, names)


def _of_row(slot: int, get: Callable[[Any], Any]) -> Callable[[Row], Any]:
    return lambda row: get(row[slot])


def _twin_getter(context: Context | None, names: Names) -> Callable[[TwinState], Any]:
    if names == ID:
        return lambda state: state.id
    if names == ("$etag",):
        return lambda state: state.etag
    if names == MODEL:
        return lambda state: state.model
    if any(name.startswith("$") for name in names):
        is_component = None if context is None else context.is_component
        return lambda state: _walk(document(state, is_component), names)
    return lambda state: _walk(state.contents, names)


_OF_RELATIONSHIP: Final[Mapping[str, Callable[[Relationship], Any]]] = {
    "$relationshipId": lambda relationship: relationship.id,
    "$etag": lambda relationship: relationship.etag,
    "$sourceId": lambda relationship: relationship.source,
    "$relationshipName": lambda relationship: relationship.name,
    "$targetId": lambda relationship: relationship.target,
}


def _relationship_getter(names: Names) -> Callable[[Relationship], Any]:
    if len(names) == 1 and names[0] in _OF_RELATIONSHIP:
        return _OF_RELATIONSHIP[names[0]]
    return lambda relationship: _walk(relationship.contents, names)


def _walk(value: Any, names: Sequence[str]) -> Any:
    for name in names:
        if not isinstance(value, Mapping) or name not in value:
            return UNDEFINED
        value = value[name]
    return value
