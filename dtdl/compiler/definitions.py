"""Definitions: pydantic classes to DTDL; classes that somebody wrote, and those that a model was compiled to."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import inspect
import json
import types
import typing
import uuid
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, RootModel
from pydantic.fields import FieldInfo

from dtdl import define
from dtdl.compiler.originals import is_compiled
from dtdl.compiler.twin import Link, Record, Twin
from dtdl.compiler.values import INTEGERS, Primitive
from dtdl.context import AllowUndefined
from dtdl.elements import Component, Model, Property
from dtdl.errors import DtdlError
from dtdl.metamodel import metamodel
from dtdl.resolver import chain, mapping
from dtdl.units import Unit

_ROOTS: Final = frozenset({BaseModel, Record, Twin, Link})
_NONE: Final[Mapping[str, str]] = types.MappingProxyType({})
_PLAIN: Final[Mapping[type, str]] = types.MappingProxyType(
    {
        bool: "Boolean", int: "Long", float: "Double", str: "String", bytes: "Bytes", decimal.Decimal: "Decimal",
        uuid.UUID: "Uuid", dt.datetime: "DateTime", dt.date: "Date", dt.time: "Time",
        dt.timedelta: "Duration",
    }
)  # fmt: skip
_LISTS: Final = (list, tuple, set, frozenset, Sequence, AbstractSet)
_LOWEST, _HIGHEST = INTEGERS["Long"]
_AUTOMATIC: Final = ":_"
_LONG: Final = 512
_REQUIRED: Final = "Required"
_ALTERNATIVES: Final = {"Decimal": "float", "Uuid": "str", "Bytes": "str"}


@dataclass(frozen=True, slots=True)
class Quantity:
    """Marks a field with its semantic type: ``Annotated[float, Unit("percent"), Quantity("RelativeHumidity")]``.

    Attributes:
        name: Term of the semantic type.
    """

    name: str


def from_pydantic(
    *classes: type[BaseModel],
    namespace: str | None = None,
    version: int = 4,
    quantities: Mapping[str, str] = _NONE,
    allow_undefined: AllowUndefined = "default",
    limits: Sequence[str] = (),
) -> Model:
    """Gives the definitions of pydantic classes.

    A class that a model was compiled to, live or written to a file, carries its definition: the whole of it comes back,
    with all that it needs. Of a class that somebody wrote, and of what such a class adds to a compiled one, the fields
    are read.

    Such a class is an Interface, and so are the classes that it extends. Each field is a Property, or a Component
    where it holds one of the given classes or a compiled twin; other classes that fields hold are Objects. A field is
    writable unless it, or its class, is frozen; one without a default gets the co-type ``Required`` (DTDL v3 and v4).
    ``title`` is the displayName, ``description`` the description, an alias the name.

    Args:
        classes: Those that become Interfaces.
        namespace: Beginning of the DTMIs of classes that have no ``__dtmi__``: ``dtmi:acme`` gives
            ``dtmi:acme:Room;1``.
        version: DTDL version: 2, 3 or 4; compiled classes keep that of their definitions.
        quantities: Unit → semantic type, for units that several have, such as ``percent``; for one field,
            :class:`Quantity`.
        allow_undefined: As for ``dtdl.parse``; compiled classes need what their definitions were read with.
        limits: As ``allow_undefined``.

    Returns:
        The elements; ``dtdl.dumps`` prints them.

    Raises:
        DtdlError: DTDL cannot say what a field is, or a compiled class has other fields than its definition; it names
            class, field and what to do.
        ModelInvalid: A rule of DTDL is broken, such as the length of a name; it carries all findings.
    """
    written = _Classes(classes, namespace, version)
    interfaces = [written.interface(cls) for cls in written.order()]
    # Classes of one document carry the same text.
    originals = [json.loads(text) for text in dict.fromkeys(written.originals.values())]
    model = define.model(
        *interfaces, *originals, version=version, quantities=quantities,
        resolver=chain(*map(mapping, written.known)), allow_undefined=allow_undefined, limits=limits,
    )  # fmt: skip
    for cls in written.originals:
        _refuse_changes(cls, model)
    return model


class _Classes:
    """The classes of one call."""

    def __init__(self, classes: Sequence[type[BaseModel]], namespace: str | None, version: int) -> None:
        self.given = classes
        self.namespace = namespace
        self.version = version
        self.interfaces: dict[type[BaseModel], None] = {}
        self.originals: dict[type[BaseModel], str] = {}
        self.known: list[Mapping[str, str]] = []
        self.schemas: dict[str, define.Definition | None] = {}
        self.within = ""

    def order(self) -> list[type[BaseModel]]:
        """Gives the classes whose fields are read: those given, what they extend and what their Components are.

        Compiled ones among them carry their definition, and are put into ``originals``.
        """
        waiting = list(self.given)
        while waiting:
            cls = waiting.pop(0)
            if not _is_interface(cls):
                raise DtdlError(
                    f"{_shown(cls)} is no class of a twin", action="Give classes of your own that extend BaseModel."
                )
            if cls not in self.interfaces:
                self.interfaces[cls] = None
                waiting += [*_bases(cls), *self.twins(cls)]
                if is_compiled(cls) and issubclass(cls, Twin):
                    self.carried(cls)
        return [cls for cls in self.interfaces if cls not in self.originals]

    def carried(self, cls: type[Twin]) -> None:
        """Notes the definition that a compiled class carries; what that refers to is found with it."""
        definitions = cls.__definitions__()
        self.originals[cls] = definitions[self.dtmi(cls)]
        if not any(definitions is known for known in self.known):
            self.known.append(definitions)

    def twins(self, cls: type[BaseModel]) -> Iterator[type[BaseModel]]:
        """Gives the compiled twins that the fields of a class hold."""
        for field in _fields_of(cls).values():
            held = _Field.of(field).type
            if isinstance(held, type) and issubclass(held, Twin) and held is not Twin:
                yield held

    def dtmi(self, cls: type[BaseModel]) -> str:
        """Gives the DTMI of a class.

        Raises:
            DtdlError: It has none, and there is no namespace.
        """
        own = cls.__dict__.get("__dtmi__")
        if isinstance(own, str) and own:
            return own
        if self.namespace is None:
            raise DtdlError(
                f"{cls.__name__} has no DTMI",
                action=f'Give it one, __dtmi__ = "dtmi:acme:{cls.__name__};1", or from_pydantic a namespace.',
            )
        return f"{self.namespace}:{cls.__name__};1"

    def interface(self, cls: type[BaseModel]) -> define.Definition:
        """Gives the Interface of a class."""
        dtmi = self.within = self.dtmi(cls)
        self.schemas = {}
        contents = [self.content(cls, name, field) for name, field in self.own(cls)]
        extends = [self.dtmi(base) for base in _bases(cls)]
        schemas = [schema for schema in self.schemas.values() if schema is not None]
        return define.interface(dtmi, *contents, extends=extends, schemas=schemas, **_said(cls))

    def own(self, cls: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
        """Gives the fields that a class adds to those that it inherits.

        Raises:
            DtdlError: It changes an inherited one, which DTDL does not allow.
        """
        own = inspect.get_annotations(cls)  # inherited ones may name what only the module of the base knows
        for name, field in _fields_of(cls).items():
            parents = (base for base in cls.__bases__ if issubclass(base, BaseModel) and base is not BaseModel)
            bases = [base for base in parents if name in _fields_of(base)]
            before = [_fields_of(base)[name] for base in bases]
            if not before:
                yield name, field
            elif name in own and repr(before[0]) != repr(field):
                raise DtdlError(
                    f"{cls.__name__}.{name} changes what {bases[0].__name__} says of it",
                    action="Name the field otherwise, or do not extend that class: DTDL inherits contents as they are.",
                )

    def content(self, cls: type[BaseModel], name: str, field: FieldInfo) -> define.Definition:
        """Gives the Property or Component of a field."""
        held = _Field.of(field)
        where = f"{cls.__name__}.{name}"
        if isinstance(held.type, type) and held.type in self.interfaces:
            return define.component(_name(name, field), self.dtmi(held.type), **_texts(field))
        given = _texts(field, self.types(field, held))
        writable = not (field.frozen or cls.model_config.get("frozen"))
        schema = self.schema(held, where)
        return define.property(_name(name, field), schema, writable=writable, unit=held.unit, **given)

    def types(self, field: FieldInfo, held: _Field) -> list[str]:
        """Gives the further types of a field: its semantic type, and that it is required."""
        required = field.is_required() and self.version > metamodel().versions[0]
        return [*held.quantity, *([_REQUIRED] if required else ())]

    def schema(self, held: _Field, where: str) -> define.Schema:
        """Gives the schema of a type.

        Raises:
            DtdlError: DTDL has none.
        """
        made = self.primitive(held, where) or self.choice(held, where) or self.collection(held, where)
        if made is None and isinstance(held.type, type) and issubclass(held.type, BaseModel):
            made = self.record(held.type, where)
        if isinstance(held.type, str | typing.ForwardRef):
            raise DtdlError(
                f"{where} names what is not defined: {getattr(held.type, '__forward_arg__', held.type)}",
                action="Define or import it in the module of the class, or call model_rebuild() once it is there.",
            )
        if made is None:
            raise DtdlError(
                f"{where} is {_shown(held.type)}, which DTDL cannot say",
                action="Use bool, int, float, str, a date or time, an Enum or Literal, list, dict with text keys, or a "
                "class of such fields.",
            )
        return made

    def primitive(self, held: _Field, where: str) -> str | None:
        """Gives the name of a primitive schema."""
        kind = held.kind
        if kind is None:
            return None
        kinds = metamodel().language(self.version).classes
        if kind == "Long" and held.bounds is not None:
            kind = self.integer(held.bounds, where)
        if kind not in kinds:
            other = _ALTERNATIVES.get(kind, "another type")
            raise DtdlError(
                f"{where} is a {_term(kind)}, which DTDL v{self.version} does not have",
                action=f"Use version 4, or {other}.",
            )
        return _term(kind)

    def integer(self, bounds: tuple[int, int], where: str) -> str:
        """Gives the smallest integer schema of the version that holds a range, where two do the one that begins there.

        Raises:
            DtdlError: None is wide enough.
        """
        kinds = metamodel().language(self.version).classes
        low, high = bounds
        fitting = [
            (most - least, least != low, kind)
            for kind, (least, most) in INTEGERS.items()
            if kind in kinds and least <= low and high <= most
        ]
        if not fitting:
            raise DtdlError(
                f"no integer of DTDL v{self.version} holds {low} to {high}, as {where} may be",
                action="Narrow its range.",
            )
        return min(fitting)[2]

    def choice(self, held: _Field, where: str) -> define.Schema | None:
        """Gives the Enum of an Enum class or a Literal."""
        type_ = held.type
        pairs: list[tuple[str, Any]] | None = None
        if isinstance(type_, type) and issubclass(type_, enum.Enum):
            pairs = [(member.name.removesuffix("_"), member.value) for member in type_]
        elif typing.get_origin(type_) is typing.Literal:
            pairs = list(zip(_value_names(typing.get_args(type_)), typing.get_args(type_), strict=True))
        if pairs is None:
            return None
        if not pairs or {type(value) for _, value in pairs} not in ({int}, {str}):
            raise DtdlError(
                f"{where} is a choice of other values than texts only or integers only",
                action="Give every member a text, or every member an integer.",
            )
        return define.enum(
            [define.enum_value(name, value, **_told(type_, name)) for name, value in pairs], **_told(type_)
        )

    def collection(self, held: _Field, where: str) -> define.Schema | None:
        """Gives the Array or Map of a generic type."""
        origin, inner = typing.get_origin(held.type), typing.get_args(held.type)
        if origin in _LISTS:
            if origin is tuple and (len(inner) != len(("item", "…")) or inner[1] is not Ellipsis):
                raise DtdlError(f"{where} is a tuple of a fixed length", action="Use list[X] or tuple[X, ...].")
            return define.array(self.schema(_Field.of_type(inner[0]), f"an item of {where}"))
        if origin in (dict, Mapping):
            if _Field.of_type(inner[0]).kind != "String":
                raise DtdlError(f"{where} has keys that are no texts", action="Use dict[str, X].")
            value = _Field.of_type(inner[1])
            return define.map(self.schema(value, f"a value of {where}"), unit=value.unit)
        return None

    def record(self, cls: type[BaseModel], where: str) -> define.Schema:
        """Gives the Object of a class: written once, among the schemas of the Interface, so that it may hold itself."""
        if issubclass(cls, RootModel | Twin) or cls in _ROOTS:
            raise DtdlError(
                f"{where} is {_shown(cls)}, which is no Object of DTDL",
                action="Use a class of fields, or, for a twin, a field of its own.",
            )
        own = str(cls.__dict__.get("__dtmi__") or "")
        if _AUTOMATIC in own:
            return define.object(*self.fields(cls), **_told(cls))
        path, _, number = self.within.partition(";")
        # An Interface may not refer to a schema of another one: it gets a copy.
        dtmi = (not is_compiled(cls) and own) or f"{path}:{cls.__name__};{number or 1}"
        if dtmi not in self.schemas:
            self.schemas[dtmi] = None
            self.schemas[dtmi] = define.object(*self.fields(cls), dtmi=dtmi, **_said(cls))
        return dtmi

    def fields(self, cls: type[BaseModel]) -> list[define.Definition]:
        """Gives the members of an Object, inherited ones included."""
        made = []
        for name, field in _fields_of(cls).items():
            held = _Field.of(field)
            schema = self.schema(held, f"{cls.__name__}.{name}")
            given = _texts(field, self.types(field, held)) | _told(cls, _name(name, field))
            made.append(define.field(_name(name, field), schema, unit=held.unit, **given))
        return made


@dataclass(frozen=True, slots=True)
class _Field:
    """What an annotation says once the wrappings are off: its type, and what it is annotated with."""

    type: Any
    metadata: tuple[Any, ...]

    @classmethod
    def of(cls, field: FieldInfo) -> _Field:
        return cls.of_type(field.annotation, tuple(field.metadata))

    @classmethod
    def of_type(cls, type_: Any, metadata: tuple[Any, ...] = ()) -> _Field:
        """Takes off ``Annotated``, ``| None``, names of types and new types."""
        while True:
            origin = typing.get_origin(type_)
            if origin is typing.Annotated:
                metadata += type_.__metadata__
                type_ = type_.__origin__
            elif origin in (typing.Union, types.UnionType):
                held = [arg for arg in typing.get_args(type_) if arg is not types.NoneType]
                if len(held) != 1:
                    return cls(type_, metadata)
                type_ = held[0]
            elif hasattr(type_, "__supertype__"):
                type_ = type_.__supertype__
            elif hasattr(type_, "__value__"):
                type_ = type_.__value__
            else:
                return cls(type_, metadata)

    @property
    def kind(self) -> str | None:
        """The metamodel's name of a primitive schema."""
        marked = next((item.kind for item in self.metadata if isinstance(item, Primitive)), None)
        return marked or (_PLAIN.get(self.type) if isinstance(self.type, type) else None)

    @property
    def unit(self) -> str | None:
        """Name of the unit."""
        return next((item.name for item in self.metadata if isinstance(item, Unit)), None)

    @property
    def quantity(self) -> tuple[str, ...]:
        """The semantic type that the field names."""
        return tuple(item.name for item in self.metadata if isinstance(item, Quantity))

    @property
    def bounds(self) -> tuple[int, int] | None:
        """The range of an integer, None where none is given."""
        low, high = _LOWEST, _HIGHEST
        given = False
        for item in self.metadata:
            for name, move in (("ge", 0), ("gt", 1), ("le", 0), ("lt", -1)):
                value = getattr(item, name, None)
                if isinstance(value, int):
                    given = True
                    low = value + move if name[0] == "g" else low
                    high = value + move if name[0] == "l" else high
        return (low, high) if given else None


def _fields_of(cls: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """Gives the fields of a class; annotations that named what was not there yet are looked up again."""
    if not cls.__pydantic_fields_complete__:
        cls.model_rebuild(raise_errors=False)
    return cls.model_fields


def _bases(cls: type[BaseModel]) -> list[type[BaseModel]]:
    """Gives the classes that a class extends, as far as they say something."""
    return [base for base in cls.__bases__ if issubclass(base, BaseModel) and base not in _ROOTS]


def _is_interface(cls: Any) -> bool:
    if not (isinstance(cls, type) and issubclass(cls, BaseModel)) or cls in _ROOTS or issubclass(cls, RootModel):
        return False
    return issubclass(cls, Twin) or not issubclass(cls, Record)


def _refuse_changes(cls: type[BaseModel], model: Model) -> None:
    """Refuses a compiled class that was edited: its definition would not say what it does."""
    contents = model.interface(str(cls.__dict__["__dtmi__"])).contents.values()
    defined = {content.name for content in contents if isinstance(content, Property | Component)}
    held = {_name(name, field) for name, field in _fields_of(cls).items() if name not in Twin.model_fields}
    if held != defined:
        raise DtdlError(
            f"{cls.__name__} was compiled and then changed: {', '.join(sorted(held ^ defined))}",
            action="Compile it again, or extend it by a class of your own.",
        )


def _told(cls: Any, name: str = "") -> define.Said:
    """Gives the texts that a compiled Enum or Object, or a part of it, carries."""
    make = getattr(cls, "__about__", None)
    found = make().get(name) if make is not None else None
    made: define.Said = {}
    if found is not None and found.display_name:
        made["display_name"] = found.display_name
    if found is not None and found.description:
        made["description"] = found.description
    if found is not None and found.comment:
        made["comment"] = found.comment
    return made


def _texts(field: FieldInfo, types_: Sequence[str] = ()) -> define.Said:
    made: define.Said = {"types": types_} if types_ else {}
    if field.title:
        made["display_name"] = field.title
    if field.description:
        made["description"] = field.description
    return made


def _said(cls: type[BaseModel]) -> define.Said:
    """Gives title and docstring of a class; of a long docstring the first paragraph."""
    made: define.Said = {}
    title = cls.__dict__.get("model_config", {}).get("title")
    if isinstance(title, str):
        made["display_name"] = title
    text = inspect.cleandoc(cls.__dict__.get("__doc__") or "")
    if len(text) > _LONG:
        text = text.split("\n\n", maxsplit=1)[0]
    if text:
        made["description"] = text
    return made


def _name(name: str, field: FieldInfo) -> str:
    """Gives the DTDL name: the alias, else the Python name without the underscore that keeps it from a keyword."""
    return field.alias or name.removesuffix("_")


def _value_names(values: Sequence[Any]) -> list[str]:
    """Gives a name for each value of a Literal: a name that is taken gets a number."""
    names: list[str] = []
    for value in values:
        name, count = _value_name(value), 1
        while name in names:
            count += 1
            name = f"{_value_name(value)}_{count}"
        names.append(name)
    return names


def _value_name(value: Any) -> str:
    """Gives the name of a value: itself where it is a name, else made from it."""
    text = "".join(c if c.isascii() and c.isalnum() else "_" for c in str(value)).strip("_")
    return text if text[:1].isalpha() else f"value{'_minus' if str(value)[:1] == '-' else ''}_{text}"


def _term(kind: str) -> str:
    return kind[:1].lower() + kind[1:]


def _shown(type_: Any) -> str:
    return type_.__name__ if isinstance(type_, type) and not typing.get_args(type_) else str(type_)
