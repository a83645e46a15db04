"""Emit: class plans to the text of one importable, typed Python module; the same plans as the live classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dtdl.compiler.plan import (
    Choice,
    ClassPlan,
    FieldPlan,
    ListOf,
    MapOf,
    Plain,
    Planner,
    RecordOf,
    TwinOf,
    TypePlan,
)
from dtdl.elements import Relationship

_HEAD: Final = '''"""{count} Interfaces as typed classes. Made by `megatwin compile`; not edited by hand."""

# ruff: noqa
# fmt: off
from __future__ import annotations

from typing import Annotated as _Annotated
from typing import Literal as _Literal

from pydantic import Field as _Field

from dtdl.compiler import twin as _t
from dtdl.compiler import values as _v
'''


def python_text(planner: Planner) -> str:
    """Gives the text of a module that has a class for every Interface, Object, and Relationship with properties.

    The text depends only on the model: order of the Interfaces, then of their contents; bases before what extends
    them. ``TWINS`` at its end leads from DTMI to class.

    Args:
        planner: The class plans of a model, such as ``Types.planner``.
    """
    return _Module(planner).text()


def class_plans(planner: Planner) -> Iterator[ClassPlan]:
    """Gives every class plan of a model once, bases before what extends them."""
    seen: set[str] = set()

    def walk(plan: ClassPlan) -> Iterator[ClassPlan]:
        if plan.dtmi in seen:
            return
        seen.add(plan.dtmi)
        for base in plan.bases:
            yield from walk(planner.interface(base))
        for field in plan.fields:
            for used in _records(field.type):
                yield from walk(planner.record(used))
        yield plan

    for dtmi, interface in planner.interfaces.items():
        yield from walk(planner.interface(dtmi))
        for content in interface.contents.values():
            if isinstance(content, Relationship) and content.own_properties:
                yield from walk(planner.link(content))


def class_names(planner: Planner) -> dict[str, str]:
    """Gives DTMI → class name, every name once; a name that is taken gets a number."""
    names = dict(planner.names)
    taken = {*names.values(), "TWINS"}
    for plan in class_plans(planner):
        if plan.dtmi not in names:
            name, count = plan.name, 1
            while name in taken:
                count += 1
                name = f"{plan.name}_{count}"
            taken.add(name)
            names[plan.dtmi] = name
    return names


def _records(type_: TypePlan) -> Iterator[str]:
    match type_:
        case ListOf(inner) | MapOf(inner):
            yield from _records(inner)
        case RecordOf(dtmi):
            yield dtmi


class _Module:
    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self._names = class_names(planner)
        self._plans = list(class_plans(planner))
        self._shadows = {field.python_name for plan in self._plans for field in plan.fields}
        self._aliased: dict[str, None] = {}

    def text(self) -> str:
        """Gives the module."""
        classes = [self._class(plan) for plan in self._plans]
        parts = [_HEAD.format(count=len(self._planner.interfaces)), *classes]
        # A field that is called like a class hides the class inside its own class body.
        aliases = "".join(f"_c_{name} = {name}\n" for name in self._aliased)
        if aliases:
            parts.append(aliases)
        twins = "".join(f"    {_literal(dtmi)}: {self._names[dtmi]},\n" for dtmi in self._planner.interfaces)
        parts.append(f'TWINS: dict[str, type[_t.Twin]] = {{\n{twins}}}\n"""Interface DTMI → class."""\n')
        return "\n\n".join(part if part.startswith("TWINS") else part.rstrip("\n") + "\n" for part in parts)

    def _class(self, plan: ClassPlan) -> str:
        bases = ", ".join(self._names[base] for base in plan.bases) or f"_t.{plan.base}"
        lines = [f"class {self._names[plan.dtmi]}({bases}):"]
        if plan.text:
            lines.append(_doc(plan.text))
        lines.append(f"    __dtmi__ = {_literal(plan.dtmi)}")
        for field in plan.fields:
            lines.append(f"    {field.python_name}: {self._annotation(field)}{_default(field)}")
            if field.text:
                lines.append(_doc(field.text))
        return "\n".join(lines)

    def _annotation(self, field: FieldPlan) -> str:
        text = self._type(field.type)
        if not field.required:
            text = f"_v.Maybe[{text}]"
        return f"_Annotated[{text}, _v.Unit({_literal(field.unit)})]" if field.unit else text

    def _type(self, type_: TypePlan) -> str:
        match type_:
            case Plain(kind):
                return f"_v.{kind}"
            case Choice(allowed):
                return f"_Annotated[_Literal[{', '.join(map(_literal, allowed))}], _v.Exact()]"
            case ListOf(item):
                return f"_v.Array[{self._type(item)}]"
            case MapOf(value):
                return f"_v.Map[{self._type(value)}]"
            case RecordOf(dtmi) | TwinOf(dtmi):
                name = self._names[dtmi]
                if name not in self._shadows:
                    return name
                self._aliased[name] = None
                return f"_c_{name}"


def _default(field: FieldPlan) -> str:
    if field.python_name == field.name:
        return "" if field.required else " = None"
    alias = f"alias={_literal(field.name)}"
    return f" = _Field({alias})" if field.required else f" = _Field(default=None, {alias})"


def _literal(value: int | str) -> str:
    """Gives Python source of a value, in double quotes and without invisible characters."""
    return repr(value) if isinstance(value, int) else f'"{_visible(value, keep="")}"'


def _visible(text: str, *, keep: str) -> str:
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)


def _doc(text: str) -> str:
    lines = _visible("\n".join(text.splitlines()), keep="\n").split("\n")
    body = "\n".join(f"    {line.rstrip()}".rstrip() for line in lines).strip()
    return f'    """{body}"""'
