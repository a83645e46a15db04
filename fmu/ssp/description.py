"""System structure descriptions as data: SSD (SSP 2.0, 5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Final, TypeAlias

from fmu.ssp.elements import (
    ANNOTATIONS,
    DIMENSIONS,
    ENUMERATIONS,
    META_DATA,
    SIGNATURES,
    TRANSFORMATION,
    TYPE,
    UNITS,
    Annotation,
    Dimension,
    Enumeration,
    MetaData,
    Named,
    Signature,
    TopLevel,
    Transformation,
    Type,
    Unit,
)
from fmu.ssp.parameters import ParameterMapping, ParameterSet, SignalDictionary
from fmu.ssp.schema import (
    BOOLEAN,
    DOUBLE,
    DOUBLES,
    INDICES,
    SSD,
    TEXT,
    Node,
    attribute,
    child,
    children,
    one_of,
)

FMU: Final = "application/x-fmu-sharedlibrary"
DEFINITION: Final = "application/x-ssp-definition"
PACKAGE: Final = "application/x-ssp-package"
KINDS: Final = (
    "input", "output", "parameter", "calculatedParameter", "structuralParameter", "constant", "local", "inout",
    "unspecified",
)  # fmt: skip
KINDS_OF_1: Final = frozenset({"input", "output", "parameter", "calculatedParameter", "inout"})
"""Kinds of SSP 1.0; the others came with 2.0."""
_BASES: Final = one_of("SSD", "component")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReference(Node):
    """A clock that a connector belongs to, by the clock's connector (SSP 2.0)."""

    NAMESPACE: ClassVar[str] = SSD
    TAG: ClassVar[str] = "Clock"
    name: str = field(metadata=attribute(TEXT, required=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorGeometry(Node):
    """Where a connector is drawn."""

    NAMESPACE: ClassVar[str] = SSD
    TAG: ClassVar[str] = "ConnectorGeometry"
    x: float = field(metadata=attribute(DOUBLE, required=True))
    y: float = field(metadata=attribute(DOUBLE, required=True))
    system_inner_x: float | None = field(default=None, metadata=attribute(DOUBLE))
    system_inner_y: float | None = field(default=None, metadata=attribute(DOUBLE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector(Named):
    """A variable that may be connected (SSP 2.0, 5.3.1.1).

    Attributes:
        name: Of an FMU's connector: the variable's name.
        kind: input, output, parameter and so on.
        type: None: the variable's.
        dimensions: Of an array (SSP 2.0).
        clocks: Clocks it belongs to (SSP 2.0).
        geometry: Where it is drawn.
        annotations: What tools keep with it.
    """

    NAMESPACE: ClassVar[str] = SSD
    TAG: ClassVar[str] = "Connector"
    name: str = field(metadata=attribute(TEXT, required=True))
    kind: str = field(metadata=attribute(one_of(*KINDS), required=True))
    type: Type | None = field(default=None, metadata=TYPE)
    dimensions: tuple[Dimension, ...] = field(default=(), metadata=DIMENSIONS)
    clocks: tuple[ClockReference, ...] = field(
        default=(), metadata=children(lambda: {"Clock": ClockReference}, since=2)
    )
    geometry: ConnectorGeometry | None = field(
        default=None, metadata=child(lambda: {"ConnectorGeometry": ConnectorGeometry})
    )
    annotations: tuple[Annotation, ...] = field(default=(), metadata=ANNOTATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementGeometry(Node):
    """Where an element is drawn."""

    NAMESPACE: ClassVar[str] = SSD
    TAG: ClassVar[str] = "ElementGeometry"
    x1: float = field(metadata=attribute(DOUBLE, required=True))
    y1: float = field(metadata=attribute(DOUBLE, required=True))
    x2: float = field(metadata=attribute(DOUBLE, required=True))
    y2: float = field(metadata=attribute(DOUBLE, required=True))
    rotation: float | None = field(default=None, metadata=attribute(DOUBLE))
    icon_source: str | None = field(default=None, metadata=attribute(TEXT))
    icon_rotation: float | None = field(default=None, metadata=attribute(DOUBLE))
    icon_flip: bool | None = field(default=None, metadata=attribute(BOOLEAN))
    icon_fixed_aspect_ratio: bool | None = field(default=None, metadata=attribute(BOOLEAN))


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterValues(Node):
    """Holds the parameter set that is written inside a binding."""

    NAMESPACE: ClassVar[str] = SSD
    TAG: ClassVar[str] = "ParameterValues"
    parameter_set: ParameterSet | None = field(default=None, metadata=child(lambda: {"ParameterSet": ParameterSet}))


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingBinding(Named):
    """The ParameterMapping of a binding: a source, or the mapping itself (SSP 2.0, 5.3.3.2).

    Attributes:
        type: None: an SSM.
        source: URI of the mapping; None: it stands inside.
        source_base: ``SSD``, or ``component``: from where the source is looked for.
        parameter_mapping: The mapping, when it stands inside.
    """

    NAMESPACE: ClassVar[str] = SSD
    TAG: ClassVar[str] = "ParameterMapping"
    type: str | None = field(default=None, metadata=attribute(TEXT))
    source: str | None = field(default=None, metadata=attribute(TEXT))
    source_base: str | None = field(default=None, metadata=attribute(_BASES))
    parameter_mapping: ParameterMapping | None = field(
        default=None, metadata=child(lambda: {"ParameterMapping": ParameterMapping})
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterBinding(Named):
    """A parameter set that is applied to an element (SSP 2.0, 5.3.3).

    Attributes:
        type: None: an SSV.
        source: URI of the set; None: it stands in values.
        source_base: ``SSD``, or ``component``: from where the source is looked for.
        prefix: Put in front of every name of the set.
        values: The set, when it stands inside.
        mapping: Which parameters are applied, under which names; None: all under their own.
    """

    NAMESPACE: ClassVar[str] = SSD
    TAG: ClassVar[str] = "ParameterBinding"
    type: str | None = field(default=None, metadata=attribute(TEXT))
    source: str | None = field(default=None, metadata=attribute(TEXT))
    source_base: str | None = field(default=None, metadata=attribute(_BASES))
    prefix: str | None = field(default=None, metadata=attribute(TEXT))
    values: ParameterValues | None = field(default=None, metadata=child(lambda: {"ParameterValues": ParameterValues}))
    mapping: MappingBinding | None = field(default=None, metadata=child(lambda: {"ParameterMapping": MappingBinding}))
    meta_data: tuple[MetaData, ...] = field(default=(), metadata=META_DATA)
    signatures: tuple[Signature, ...] = field(default=(), metadata=SIGNATURES)
    annotations: tuple[Annotation, ...] = field(default=(), metadata=ANNOTATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelElement(Named):
    """What components, signal dictionary references and systems share (SSP 2.0, 5.3)."""

    NAMESPACE: ClassVar[str] = SSD
    name: str = field(metadata=attribute(TEXT, required=True))
    connectors: tuple[Connector, ...] = field(
        default=(), metadata=children(lambda: {"Connector": Connector}, wrapper="Connectors")
    )
    geometry: ElementGeometry | None = field(default=None, metadata=child(lambda: {"ElementGeometry": ElementGeometry}))
    parameter_bindings: tuple[ParameterBinding, ...] = field(
        default=(), metadata=children(lambda: {"ParameterBinding": ParameterBinding}, wrapper="ParameterBindings")
    )
    meta_data: tuple[MetaData, ...] = field(default=(), metadata=META_DATA)
    signatures: tuple[Signature, ...] = field(default=(), metadata=SIGNATURES)

    def connector(self, name: str) -> Connector | None:
        """The connector of a name, or None."""
        return next((each for each in self.connectors if each.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Component(ModelElement):
    """An FMU, or another system structure (SSP 2.0, 5.5).

    Attributes:
        type: MIME type; None: an FMU.
        source: URI; None: there is no implementation yet.
        implementation: Which interface of the FMU is used; None: any.
    """

    TAG: ClassVar[str] = "Component"
    type: str | None = field(default=None, metadata=attribute(TEXT))
    source: str | None = field(default=None, metadata=attribute(TEXT))
    implementation: str | None = field(
        default=None, metadata=attribute(one_of("any", "ModelExchange", "CoSimulation", "ScheduledExecution"))
    )
    annotations: tuple[Annotation, ...] = field(default=(), metadata=ANNOTATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalDictionaryReference(ModelElement):
    """A place in a system where signals of a dictionary are read and written (SSP 2.0, 5.6)."""

    TAG: ClassVar[str] = "SignalDictionaryReference"
    dictionary: str = field(metadata=attribute(TEXT, required=True))
    annotations: tuple[Annotation, ...] = field(default=(), metadata=ANNOTATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionGeometry(Node):
    """Points that a connection is drawn through."""

    NAMESPACE: ClassVar[str] = SSD
    TAG: ClassVar[str] = "ConnectionGeometry"
    points_x: tuple[float, ...] = field(metadata=attribute(DOUBLES, required=True))
    points_y: tuple[float, ...] = field(metadata=attribute(DOUBLES, required=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection(Named):
    """Two connectors; which of them is the source follows from their kinds (SSP 2.0, 5.4.1).

    Attributes:
        start_element, end_element: Names of elements; None: this system's connector is meant.
        start_connector, end_connector: Names of connectors.
        start_indices, end_indices: Of an array, the element that is connected (SSP 2.0); None: all of it.
        suppress_unit_conversion: True: values are taken as they are.
        transformation: How values are changed on their way.
        geometry: How it is drawn.
        annotations: What tools keep with it.
    """

    NAMESPACE: ClassVar[str] = SSD
    TAG: ClassVar[str] = "Connection"
    start_element: str | None = field(default=None, metadata=attribute(TEXT))
    start_connector: str = field(metadata=attribute(TEXT, required=True))
    start_indices: tuple[int, ...] | None = field(default=None, metadata=attribute(INDICES, since=2))
    end_element: str | None = field(default=None, metadata=attribute(TEXT))
    end_connector: str = field(metadata=attribute(TEXT, required=True))
    end_indices: tuple[int, ...] | None = field(default=None, metadata=attribute(INDICES, since=2))
    suppress_unit_conversion: bool | None = field(default=None, metadata=attribute(BOOLEAN))
    transformation: Transformation | None = field(default=None, metadata=TRANSFORMATION)
    geometry: ConnectionGeometry | None = field(
        default=None, metadata=child(lambda: {"ConnectionGeometry": ConnectionGeometry})
    )
    annotations: tuple[Annotation, ...] = field(default=(), metadata=ANNOTATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class DictionaryBinding(Named):
    """The SignalDictionary of a system: a source, or the dictionary itself (SSP 2.0, 5.4.2).

    Attributes:
        name: Unique in the system.
        type: None: an SSB.
        source: URI of the dictionary; None: it stands inside.
        signal_dictionary: The dictionary, when it stands inside.
    """

    NAMESPACE: ClassVar[str] = SSD
    TAG: ClassVar[str] = "SignalDictionary"
    name: str = field(metadata=attribute(TEXT, required=True))
    type: str | None = field(default=None, metadata=attribute(TEXT))
    source: str | None = field(default=None, metadata=attribute(TEXT))
    signal_dictionary: SignalDictionary | None = field(
        default=None, metadata=child(lambda: {"SignalDictionary": SignalDictionary})
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemGeometry(Node):
    """The rectangle that the inside of a system is drawn in."""

    NAMESPACE: ClassVar[str] = SSD
    TAG: ClassVar[str] = "SystemGeometry"
    x1: float = field(metadata=attribute(DOUBLE, required=True))
    y1: float = field(metadata=attribute(DOUBLE, required=True))
    x2: float = field(metadata=attribute(DOUBLE, required=True))
    y2: float = field(metadata=attribute(DOUBLE, required=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Node):
    """A text that is drawn."""

    NAMESPACE: ClassVar[str] = SSD
    TAG: ClassVar[str] = "Note"
    x1: float = field(metadata=attribute(DOUBLE, required=True))
    y1: float = field(metadata=attribute(DOUBLE, required=True))
    x2: float = field(metadata=attribute(DOUBLE, required=True))
    y2: float = field(metadata=attribute(DOUBLE, required=True))
    text: str = field(metadata=attribute(TEXT, required=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class System(ModelElement):
    """Elements and their connections (SSP 2.0, 5.4)."""

    TAG: ClassVar[str] = "System"
    elements: tuple[Element, ...] = field(
        default=(),
        metadata=children(
            lambda: {
                "Component": Component,
                "SignalDictionaryReference": SignalDictionaryReference,
                "System": System,
            },
            wrapper="Elements",
        ),
    )
    connections: tuple[Connection, ...] = field(
        default=(), metadata=children(lambda: {"Connection": Connection}, wrapper="Connections")
    )
    signal_dictionaries: tuple[DictionaryBinding, ...] = field(
        default=(), metadata=children(lambda: {"SignalDictionary": DictionaryBinding}, wrapper="SignalDictionaries")
    )
    system_geometry: SystemGeometry | None = field(
        default=None, metadata=child(lambda: {"SystemGeometry": SystemGeometry})
    )
    graphical_elements: tuple[Note, ...] = field(
        default=(), metadata=children(lambda: {"Note": Note}, wrapper="GraphicalElements")
    )
    annotations: tuple[Annotation, ...] = field(default=(), metadata=ANNOTATIONS)

    def element(self, name: str) -> Element | None:
        """The element of a name, or None."""
        return next((each for each in self.elements if each.name == name), None)

    def systems(self) -> Iterator[System]:
        """This system and all that are nested in it."""
        yield self
        for each in self.elements:
            if isinstance(each, System):
                yield from each.systems()


Element: TypeAlias = Component | SignalDictionaryReference | System


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultExperiment(Node):
    """When a simulation starts and stops, in seconds."""

    NAMESPACE: ClassVar[str] = SSD
    TAG: ClassVar[str] = "DefaultExperiment"
    start_time: float | None = field(default=None, metadata=attribute(DOUBLE))
    stop_time: float | None = field(default=None, metadata=attribute(DOUBLE))
    annotations: tuple[Annotation, ...] = field(default=(), metadata=ANNOTATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemStructureDescription(TopLevel):
    """The root of an SSD (SSP 2.0, 5.1)."""

    NAMESPACE: ClassVar[str] = SSD
    TAG: ClassVar[str] = "SystemStructureDescription"
    name: str = field(metadata=attribute(TEXT, required=True))
    system: System = field(metadata=child(lambda: {"System": System}, required=True))
    enumerations: tuple[Enumeration, ...] = field(default=(), metadata=ENUMERATIONS)
    units: tuple[Unit, ...] = field(default=(), metadata=UNITS)
    default_experiment: DefaultExperiment | None = field(
        default=None, metadata=child(lambda: {"DefaultExperiment": DefaultExperiment})
    )
    meta_data: tuple[MetaData, ...] = field(default=(), metadata=META_DATA)
    signatures: tuple[Signature, ...] = field(default=(), metadata=SIGNATURES)
    annotations: tuple[Annotation, ...] = field(default=(), metadata=ANNOTATIONS)
