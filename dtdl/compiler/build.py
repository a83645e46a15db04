"""Build: Types, what the rest of the system asks of a compiled model: classes, points, checks."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from dtdl.compiler import findings, text
from dtdl.compiler.checks import plain_check
from dtdl.compiler.classes import Builder
from dtdl.compiler.links import GivenLink, LinkFinding, link_findings
from dtdl.compiler.message import Payload
from dtdl.compiler.plan import (
    FieldPlan,
    Planner,
    TypePlan,
)
from dtdl.compiler.point import PointType
from dtdl.compiler.twin import Link
from dtdl.elements import (
    Command,
    Component,
    Content,
    Element,
    Map,
    Model,
    Object,
    Property,
    Relationship,
    Schema,
    SchemaField,
    Telemetry,
    semantic_type_of,
    unit_of,
)
from dtdl.errors import ModelNotFound, ValueInvalid

_Named = TypeVar("_Named", Telemetry, Command)
_HIDDEN = frozenset({"dt_id", "etag", "metadata", "relationship_id", "relationship_name", "source_id", "target_id"})


def compile(model: Model) -> Types:  # noqa: A001 - read as dtdl.compile
    """Compiles a model: no class is built before it is used.

    Args:
        model: What ``dtdl.parse`` gave.
    """
    return Types(model)


class Types(Mapping[str, type[BaseModel]]):
    """The compiled model: Interface DTMI → pydantic class, each built on its first use.

    Attributes:
        model: The elements that it was compiled from.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._planner = Planner(model)
        self._builder = Builder(self._planner)
        self._points: dict[tuple[str, tuple[str, ...]], PointType] = {}
        self._excluded: dict[str, dict[str, Any]] = {}

    def take(self, model: Model) -> None:
        """Follows other definitions from now on; classes and points of the ones before stay usable where they are held.

        Args:
            model: Every definition, those that are known already among them.
        """
        self.model = model
        self._planner = Planner(model)
        self._builder = Builder(self._planner)
        self._points = {}
        self._excluded = {}

    def __getitem__(self, dtmi: str) -> type[BaseModel]:
        if dtmi not in self._planner.interfaces:
            raise KeyError(dtmi)
        return self._builder.build(self._planner.interface(dtmi))

    def __iter__(self) -> Iterator[str]:
        return iter(self._planner.interfaces)

    def __len__(self) -> int:
        return len(self._planner.interfaces)

    def __contains__(self, dtmi: object) -> bool:
        return dtmi in self._planner.interfaces

    def __repr__(self) -> str:
        return f"<Types of {len(self)} interfaces>"

    @property
    def planner(self) -> Planner:
        """The class plans, for other targets than live classes."""
        return self._planner

    def is_a(self, dtmi: str, base_dtmi: str) -> bool:
        """Tells whether an Interface is another one or extends it, directly or not.

        Raises:
            ModelNotFound: The model does not have the first Interface.
        """
        return dtmi == base_dtmi or base_dtmi in self._planner.ancestors(dtmi)

    def point(self, dtmi: str, path: tuple[str, ...]) -> PointType:
        """Gives the type of one addressable value.

        Args:
            dtmi: The twin's Interface.
            path: Property, Telemetry or Command; component names before it; Object members or Map keys after it.

        Raises:
            ModelNotFound: No such Interface, or no such content in it.
        """
        path = tuple(path)
        found = self._points.get((dtmi, path))
        if found is None:
            found = self._points[dtmi, path] = self._make_point(dtmi, path)
        return found

    def points(self, dtmi: str) -> tuple[PointType, ...]:
        """Gives every Property, Telemetry and Command of an Interface and of its components, in document order.

        Raises:
            ModelNotFound: No such Interface.
        """
        return tuple(self.point(dtmi, path) for path in self._paths(dtmi, ()))

    def relationship(self, dtmi: str, name: str) -> Relationship:
        """Gives a Relationship of an Interface.

        Raises:
            ModelNotFound: No such Interface, or no such Relationship in it.
        """
        contents = self.model.interface(dtmi).contents
        found = contents.get(name)
        if isinstance(found, Relationship):
            return found
        raise self._no_content(
            dtmi, (name,), [n for n, c in contents.items() if isinstance(c, Relationship)], "Relationship"
        )

    def validate_contents(self, dtmi: str, contents: Mapping[str, Any]) -> dict[str, Any]:
        """Checks contents of a twin, all of them or some.

        Args:
            dtmi: The twin's Interface.
            contents: Properties and components by DTDL name; ``$dtId``, ``$etag`` and ``$metadata`` may be there.

        Returns:
            The contents as they are stored: without the keys that begin with ``$``.

        Raises:
            ModelNotFound: No such Interface.
            ValueInvalid: One diagnostic a problem.
        """
        plan = self._planner.interface(dtmi)
        made = self._validated(self._builder.build(plan), contents, dtmi)
        dumped: dict[str, Any] = made.__pydantic_serializer__.to_python(
            made, by_alias=True, exclude_unset=True, exclude=self._exclude(dtmi)
        )
        return dumped

    def validate_relationship(self, dtmi: str, name: str, contents: Mapping[str, Any]) -> dict[str, Any]:
        """Checks the own properties of a relationship.

        Args:
            dtmi: The source twin's Interface.
            name: Name of the Relationship.
            contents: Its own properties by DTDL name; ``$relationshipId`` and the like may be there.

        Returns:
            The own properties.

        Raises:
            ModelNotFound: No such Interface, or no such Relationship in it.
            ValueInvalid: One diagnostic a problem.
        """
        plan = self._planner.link(self.relationship(dtmi, name))
        made = self._validated(self._builder.build(plan), contents, dtmi)
        dumped: dict[str, Any] = made.__pydantic_serializer__.to_python(
            made, by_alias=True, exclude_unset=True, exclude=set(_HIDDEN)
        )
        return dumped

    def link(self, dtmi: str, name: str) -> type[Link]:
        """Gives the class of a Relationship: its own properties, ``target_class()``, ``__multiplicity__``.

        Raises:
            ModelNotFound: No such Interface, or no such Relationship in it.
        """
        made: Any = self._builder.build(self._planner.link(self.relationship(dtmi, name)))
        return made  # type: ignore[no-any-return]

    def message(self, dtmi: str, name: str) -> type[Payload[Any]]:
        """Gives the class of what a Telemetry sends.

        Raises:
            ModelNotFound: No such Interface, or no such Telemetry in it.
        """
        return self._builder.payload(self._planner.message(self._content(dtmi, name, Telemetry)))

    def request(self, dtmi: str, name: str) -> type[Payload[Any]] | None:
        """Gives the class of what a Command takes, None where that is nothing.

        Raises:
            ModelNotFound: No such Interface, or no such Command in it.
        """
        plan, _ = self._planner.payloads(self._content(dtmi, name, Command))
        return None if plan is None else self._builder.payload(plan)

    def response(self, dtmi: str, name: str) -> type[Payload[Any]] | None:
        """Gives the class of what a Command gives, None where that is nothing.

        Raises:
            ModelNotFound: No such Interface, or no such Command in it.
        """
        _, plan = self._planner.payloads(self._content(dtmi, name, Command))
        return None if plan is None else self._builder.payload(plan)

    def check_relationships(
        self, dtmi: str, links: Sequence[GivenLink], *, complete: bool = True
    ) -> tuple[LinkFinding, ...]:
        """Checks the relationships of one twin: names, targets, own properties, and how many there are.

        Args:
            dtmi: The source twin's Interface.
            links: Its relationships.
            complete: Whether these are all that the twin has, so that too few is wrong.

        Returns:
            What is wrong, each with the index of the relationship.

        Raises:
            ModelNotFound: No such Interface, or one that a link names is not in the model.
        """
        return tuple(link_findings(self._planner, self.validate_relationship, dtmi, links, complete=complete))

    def check(self, schema: Schema) -> Callable[[Any], Any]:
        """Gives the check of any schema of the model, as ``PointType.check``."""
        return self._check(schema, schema.id, (), nullable=False)

    def check_json(self, schema: Schema) -> Callable[[str], Any]:
        """Gives the check of JSON text against any schema of the model; it sees the sign of ``-0`` too.

        The check raises ``ValueInvalid``, also where the text is not JSON.
        """
        check, plan = self.check(schema), self._planner.type_of(schema)

        def check_text(json_text: str) -> Any:
            value, signed = text.read(json_text)
            wrong = text.signed_zeros(self._planner, plan, signed, model=schema.id)
            if wrong:
                raise ValueInvalid(wrong)
            return check(value)

        return check_text

    def _content(self, dtmi: str, name: str, kind: type[_Named]) -> _Named:
        contents = self.model.interface(dtmi).contents
        found = contents.get(name)
        if isinstance(found, kind):
            return found
        names = [other for other, held in contents.items() if isinstance(held, kind)]
        raise self._no_content(dtmi, (name,), names, kind.__name__)

    def _validated(self, cls: type[BaseModel], contents: Mapping[str, Any], dtmi: str) -> BaseModel:
        validator = cls.__pydantic_validator__
        try:
            made: BaseModel = validator.validate_python(contents, by_alias=True, by_name=False)
        except ValidationError as error:
            names = [field.alias or name for name, field in cls.model_fields.items()]
            raise findings.invalid(error, model=dtmi, names=names) from error
        return made

    def _exclude(self, dtmi: str) -> dict[str, Any]:
        """Gives pydantic's ``exclude`` that drops what the Azure form adds, in components too."""
        found = self._excluded.get(dtmi)
        if found is None:
            found = self._excluded[dtmi] = dict.fromkeys(("dt_id", "etag", "metadata"), True)
            for content in self.model.interface(dtmi).contents.values():
                if isinstance(content, Component):
                    name = next(f.python_name for f in self._own_fields(dtmi) if f.name == content.name)
                    found[name] = self._exclude(content.schema.id)
        return found

    def _own_fields(self, dtmi: str) -> Iterator[FieldPlan]:
        plan = self._planner.interface(dtmi)
        yield from plan.fields
        for base in plan.bases:
            yield from self._own_fields(base)

    def _paths(self, dtmi: str, inside: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for name, content in self._contents_at(dtmi, inside).items():
            if isinstance(content, Component):
                yield from self._paths(dtmi, (*inside, name))
            elif isinstance(content, (Property, Telemetry, Command)):
                yield (*inside, name)

    def _contents_at(self, dtmi: str, inside: tuple[str, ...]) -> Mapping[str, Content]:
        interface = self.model.interface(dtmi)
        for name in inside:
            component = interface.contents[name]
            assert isinstance(component, Component)
            interface = component.schema
        return interface.contents

    def _make_point(self, dtmi: str, path: tuple[str, ...]) -> PointType:
        contents: Mapping[str, Content] = self.model.interface(dtmi).contents
        at = 0
        content = contents.get(path[0]) if path else None
        while isinstance(content, Component) and at + 1 < len(path):
            at += 1
            contents = content.schema.contents
            content = contents.get(path[at])
        if isinstance(content, Command) and at + 1 == len(path):
            return self._command(dtmi, path, content)
        if isinstance(content, (Property, Telemetry)):
            return self._value(dtmi, path, content, path[at + 1 :])
        usable = [name for name, held in contents.items() if not isinstance(held, Relationship)]
        raise self._no_content(dtmi, path[: at + 1], usable, "Property, Telemetry or Command")

    def _value(
        self, dtmi: str, path: tuple[str, ...], content: Property | Telemetry, members: tuple[str, ...]
    ) -> PointType:
        holder: Element = content
        schema = content.schema
        for index, member in enumerate(members):
            match schema:
                case Object() if any(field.name == member for field in schema.fields):
                    holder = next(field for field in schema.fields if field.name == member)
                    schema = holder.schema
                case Map():
                    holder = schema.map_value
                    schema = holder.schema
                case _:
                    names = [field.name for field in schema.fields] if isinstance(schema, Object) else []
                    raise self._no_content(dtmi, path[: len(path) - len(members) + index + 1], names, "member")
        return PointType(
            model=dtmi,
            path=path,
            content=content,
            schema=schema,
            unit=unit_of(holder),
            semantic_type=semantic_type_of(holder),
            writable=isinstance(content, Property) and content.writable,
            check=self._check(schema, dtmi, path, nullable=False),
        )

    def _command(self, dtmi: str, path: tuple[str, ...], content: Command) -> PointType:
        request = content.request
        return PointType(
            model=dtmi,
            path=path,
            content=content,
            schema=request.schema if request else None,
            unit=unit_of(request) if request else None,
            semantic_type=semantic_type_of(request) if request else None,
            check=self._payload(request, dtmi, path),
            check_response=self._payload(content.response, dtmi, path),
        )

    def _payload(self, payload: SchemaField | None, dtmi: str, path: tuple[str, ...]) -> Callable[[Any], Any]:
        if payload is None:
            return _nothing(dtmi, path)
        return self._check(payload.schema, dtmi, path, nullable=payload.nullable)

    def _check(self, schema: Schema, dtmi: str, path: tuple[str, ...], *, nullable: bool) -> Callable[[Any], Any]:
        plan = self._planner.type_of(schema)
        check = plain_check(plan, dtmi, path) or self._deep(plan, dtmi, path)
        return _or_null(check) if nullable else check

    def _deep(self, plan: TypePlan, dtmi: str, path: tuple[str, ...]) -> Callable[[Any], Any]:
        """Gives the check of an Array, Map or Object; its validator is built on first use."""
        adapter: TypeAdapter[Any] | None = None

        def check(value: Any) -> Any:
            nonlocal adapter
            if adapter is None:
                adapter = TypeAdapter(self._builder.type_of(plan))
            try:
                made = adapter.validator.validate_python(value, by_alias=True, by_name=False)
            except ValidationError as error:
                raise findings.invalid(error, model=dtmi, path=path) from error
            return adapter.dump_python(made, by_alias=True, exclude_unset=True)

        return check

    def _no_content(self, dtmi: str, path: tuple[str, ...], names: list[str], what: str) -> ModelNotFound:
        name = path[-1] if path else ""
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
        hint = f"Did you mean {near[0]}?" if near else f"There is: {', '.join(sorted(names)[:12]) or 'none'}."
        return ModelNotFound(f"{dtmi} has no {what} {'/'.join(path)!r}", action=hint)


def _or_null(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else check(value)


def _nothing(dtmi: str, path: tuple[str, ...]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value is None:
            return None
        raise ValueInvalid(
            [
                findings.finding(
                    findings.WRONG_TYPE,
                    f"{findings.shown(value)} is given where the Command takes or gives nothing.",
                    "Leave the payload out.",
                    model=dtmi,
                    path=path,
                    value=value,
                )
            ]
        )

    return check
