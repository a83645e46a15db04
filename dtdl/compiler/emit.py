"""Emit: class plans to the text of one importable, typed Python module; the same plans as the live classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from dtdl.compiler.about import About
from dtdl.compiler.names import TABLES, free_name
from dtdl.compiler.originals import Originals
from dtdl.compiler.plan import (
    AnyPlan,
    Choice,
    ChoicePlan,
    ClassPlan,
    FieldPlan,
    ListOf,
    MapOf,
    PayloadPlan,
    Plain,
    Planner,
    RecordOf,
    TwinOf,
    TypePlan,
    abouts,
)
from dtdl.elements import Command, Content, Relationship, Telemetry

_HEAD: Final = '''"""{count} Interfaces as typed classes. Made by `megatwin compile`; not edited by hand."""

# ruff: noqa
# fmt: off
from __future__ import annotations
'''
_IMPORTS: Final = (
    ("_Annotated", "from typing import Annotated as _Annotated"),
    ("_Any", "from typing import Any as _Any"),
    ("_Field(", "\nfrom pydantic import Field as _Field"),
    ("_a.", "\nfrom dtdl.compiler import about as _a"),
    ("_c.", "from dtdl.compiler import choices as _c"),
    ("_m.", "from dtdl.compiler import message as _m"),
    ("_t.", "from dtdl.compiler import twin as _t"),
    ("_v.", "from dtdl.compiler import values as _v"),
)
"""What tells that a module needs an import, and the import."""
_TABLES: Final = (
    ("TWINS", "_t.Twin", "Interface DTMI → class."),
    ("LINKS", "_t.Link", "Relationship DTMI → class."),
    ("MESSAGES", "_m.Payload[_Any]", "DTMI of a Telemetry, CommandRequest or CommandResponse → class."),
)


def python_text(planner: Planner) -> str:
    """Gives the text of a module with a class for every Interface, Object, Enum, Relationship, Telemetry and payload.

    The text depends only on the model: order of the Interfaces, then of their contents; bases before what extends
    them. ``TWINS``, ``LINKS`` and ``MESSAGES`` at its end lead from DTMI to class.

    Args:
        planner: The class plans of a model, such as ``Types.planner``.
    """
    return _Module(planner).text()


def class_plans(planner: Planner) -> Iterator[AnyPlan]:
    """Gives every class plan of a model once, each behind what it is built on."""
    seen: set[str] = set()

    def walk(plan: AnyPlan) -> Iterator[AnyPlan]:
        if plan.dtmi in seen:
            return
        seen.add(plan.dtmi)
        for needed in _needed(plan, planner):
            yield from walk(needed)
        yield plan

    for dtmi, interface in planner.interfaces.items():
        yield from walk(planner.interface(dtmi))
        for content in interface.contents.values():
            for plan in _beside(content, planner):
                yield from walk(plan)


def _needed(plan: AnyPlan, planner: Planner) -> Iterator[AnyPlan]:
    """Gives the plans of the classes that must stand before a class."""
    if isinstance(plan, ClassPlan):
        yield from map(planner.interface, plan.bases)
        for field in plan.fields:
            yield from _parts(field.type, planner)
    elif isinstance(plan, PayloadPlan):
        yield from _parts(plan.type, planner)


def _beside(content: Content, planner: Planner) -> Iterator[AnyPlan]:
    """Gives the plans of what is no field of a twin."""
    if isinstance(content, Relationship):
        yield planner.link(content)
    elif isinstance(content, Telemetry):
        yield planner.message(content)
    elif isinstance(content, Command):
        yield from (plan for plan in planner.payloads(content) if plan is not None)


def class_names(planner: Planner) -> dict[str, str]:
    """Gives DTMI → class name, every name once; a name that is taken gets a number."""
    names = dict(planner.names)
    taken = {*names.values(), *TABLES}
    for plan in class_plans(planner):
        if plan.dtmi not in names:
            names[plan.dtmi] = free_name(plan.name, taken)
    return names


def _parts(type_: TypePlan, planner: Planner) -> Iterator[AnyPlan]:
    match type_:
        case ListOf(inner) | MapOf(inner):
            yield from _parts(inner, planner)
        case RecordOf(dtmi):
            yield planner.record(dtmi)
        case Choice(_, dtmi):
            yield planner.choice(dtmi)


class _Module:
    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self._names = class_names(planner)
        self._plans = list(class_plans(planner))
        classes = [plan for plan in self._plans if isinstance(plan, ClassPlan)]
        self._shadows = {field.python_name for plan in classes for field in plan.fields}
        self._aliased: dict[str, None] = {}

    def text(self) -> str:
        """Gives the module."""
        parts = [self._of(plan) for plan in self._plans]
        # A field that is called like a class hides the class inside its own class body.
        aliases = "".join(f"_c_{name} = {name}\n" for name in self._aliased)
        if aliases:
            parts.append(aliases)
        held: tuple[list[str], ...] = (list(self._planner.interfaces), [], [])
        for plan in self._plans:
            if isinstance(plan, PayloadPlan):
                held[2].append(plan.dtmi)
            elif isinstance(plan, ClassPlan) and plan.base == "Link":
                held[1].append(plan.dtmi)
        for (table, kind, text), dtmis in zip(_TABLES, held, strict=True):
            rows = "".join(f"    {_literal(dtmi)}: {self._names[dtmi]},\n" for dtmi in dtmis)
            body = f"{{\n{rows}}}" if rows else "{}"
            parts.append(f'{table}: dict[str, type[{kind}]] = {body}\n"""{text}"""\n')
        parts.append(self._abouts())
        parts.append(self._definitions())
        body = "\n\n".join(part.rstrip("\n") + "\n" for part in parts)
        imports = "\n".join(line for sign, line in _IMPORTS if sign in body)
        return f"{_HEAD.format(count=len(self._planner.interfaces))}\n{imports}\n\n\n{body}"

    def _abouts(self) -> str:
        rows: list[str] = []
        for plan in self._plans:
            rows.append(f"    {_literal(plan.dtmi)}: {{\n")
            rows.extend(f"        {_literal(name)}: {_about(held)},\n" for name, held in abouts(plan).items())
            rows.append("    },\n")
        return f"_ABOUT: dict[str, dict[str, _a.About]] = {{\n{''.join(rows)}}}\n"

    def _definitions(self) -> str:
        """Gives the DTDL of every document, by the DTMI of each Interface in it."""
        originals = Originals(self._planner.model)
        roots = {dtmi: originals.root(dtmi) for dtmi in originals}
        texts = "".join(
            f"    {_literal(dtmi)}: {_quoted(originals[dtmi])},\n" for dtmi in dict.fromkeys(roots.values())
        )
        inside = "".join(
            f"_DEFINITIONS[{_literal(dtmi)}] = _DEFINITIONS[{_literal(root)}]\n"
            for dtmi, root in roots.items()
            if dtmi != root
        )
        return f"_DEFINITIONS: dict[str, str] = {{\n{texts}}}\n{inside}"

    def _of(self, plan: AnyPlan) -> str:
        if isinstance(plan, ClassPlan):
            return self._class(plan)
        return self._choice(plan) if isinstance(plan, ChoicePlan) else self._payload(plan)

    def _class(self, plan: ClassPlan) -> str:
        bases = ", ".join(self._names[base] for base in plan.bases) or f"_t.{plan.base}"
        lines = self._opening(plan, bases)
        if plan.base == "Link":
            lines.extend(self._leading(plan))
        for field in plan.fields:
            lines.append(f"    {field.python_name}: {self._annotation(field)}{'' if field.required else ' = None'}")
            if field.text:
                lines.append(_doc(field.text))
        return "\n".join(lines)

    def _choice(self, plan: ChoicePlan) -> str:
        number = bool(plan.members) and isinstance(plan.members[0][1], int)
        lines = self._opening(plan, "_c.NumberChoice" if number else "_c.TextChoice")
        lines.extend(f"    {name} = {_literal(value)}" for name, value in plan.members)
        return "\n".join(lines)

    def _payload(self, plan: PayloadPlan) -> str:
        text = _with_unit(self._type(plan.type, self._names.__getitem__), plan.unit)
        if plan.nullable:
            text = f"_v.Nullable[{text}]"
        return "\n".join(self._opening(plan, f"_m.{plan.base}[{text}]"))

    def _opening(self, plan: AnyPlan, bases: str) -> list[str]:
        lines = [f"class {self._names[plan.dtmi]}({bases}):"]
        if plan.text:
            lines.append(_doc(plan.text))
        lines.append(f"    __dtmi__ = {_literal(plan.dtmi)}")
        lines.append(f"    __about__ = staticmethod(lambda: _ABOUT[{_literal(plan.dtmi)}])")
        if isinstance(plan, ClassPlan):
            lines.append("    __definitions__ = staticmethod(lambda: _DEFINITIONS)")
        return lines

    def _leading(self, plan: ClassPlan) -> Iterator[str]:
        if plan.target is not None:
            yield f"    __target__ = {_literal(plan.target)}"
        if plan.multiplicity != (0, None):
            yield f"    __multiplicity__ = _t.Multiplicity({plan.multiplicity[0]}, {plan.multiplicity[1]})"
        if plan.target is not None and plan.target in self._planner.interfaces:
            name = self._named(plan.target)
            yield f"\n    @staticmethod\n    def target_class() -> type[{name}]:\n        return {name}\n"

    def _annotation(self, field: FieldPlan) -> str:
        text = self._type(field.type, self._named)
        if not field.required:
            text = f"_v.Maybe[{text}]"
        text = _with_unit(text, field.unit)
        # Inside the annotation, where type checkers do not take the alias for the name of an argument.
        return text if field.python_name == field.name else f"_Annotated[{text}, _Field(alias={_literal(field.name)})]"

    def _type(self, type_: TypePlan, named: Callable[[str], str]) -> str:
        match type_:
            case Plain(kind):
                return f"_v.{kind}"
            case ListOf(item):
                return f"_v.Array[{self._type(item, named)}]"
            case MapOf(value):
                return f"_v.Map[{self._type(value, named)}]"
            case RecordOf(dtmi) | TwinOf(dtmi) | Choice(_, dtmi):
                return named(dtmi)

    def _named(self, dtmi: str) -> str:
        """Gives the name of a class as it can be written in the body of another one."""
        name = self._names[dtmi]
        if name not in self._shadows:
            return name
        self._aliased[name] = None
        return f"_c_{name}"


def _with_unit(text: str, unit: str | None) -> str:
    return f"_Annotated[{text}, _v.Unit({_literal(unit)})]" if unit else text


def _about(held: About) -> str:
    """Gives Python source of what a definition says beyond types."""
    given = {
        "dtmi": held.dtmi, "display_name": held.display_name, "description": held.description,
        "comment": held.comment, "types": held.types, "extras": held.extras,
    }  # fmt: skip
    return f"_a.About({', '.join(f'{name}={_literal(value)}' for name, value in given.items() if value)})"


def _literal(value: Any) -> str:
    """Gives Python source of a JSON value, texts in double quotes and without invisible characters."""
    if isinstance(value, str):
        return f'"{_visible(value, keep="")}"'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_literal(name)}: {_literal(held)}" for name, held in value.items()) + "}"
    if isinstance(value, tuple):
        return f"({''.join(f'{_literal(item)}, ' for item in value)})"
    return f"[{', '.join(map(_literal, value))}]" if isinstance(value, list) else repr(value)


def _quoted(text: str) -> str:
    """Gives Python source of a text that is full of double quotes."""
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    return "'" + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in quoted) + "'"


def _visible(text: str, *, keep: str) -> str:
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)


def _doc(text: str) -> str:
    lines = _visible("\n".join(text.splitlines()), keep="\n").split("\n")
    body = "\n".join(f"    {line.rstrip()}".rstrip() for line in lines).strip()
    return f'    """{body}"""'
