"""The coupling graph: instances, connections, parameters and connectors of one system, whatever it was built from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from fmu.description import Experiment, Scalar
from fmu.options import Options

Master: TypeAlias = Literal["jacobi", "gauss-seidel"]
Loops: TypeAlias = Literal["none", "fixed-point", "newton"]


class Port(NamedTuple):
    """A variable of an instance.

    Attributes:
        part: Name of the instance; names of nested systems are in front of it, joined by ``.``.
        variable: Name of the variable; of an array, all of it.
    """

    part: str
    variable: str

    def __str__(self) -> str:
        return f"{self.part}.{self.variable}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One instance of an FMU.

    Attributes:
        name: Unique in the system.
        fmu: The ``.fmu``.
        start: Start values by variable name, in the variables' units; a sequence for an array.
        options: Which interface of the FMU is used, and how.
        step_s: Length of its own communication steps in seconds; the macro step is a whole multiple of it. None: the
            macro step.
        isolate: Whether it gets a process of its own: safe against a crash, and slow.
    """

    name: str
    fmu: Path
    start: Mapping[str, Any] = field(default_factory=dict)
    options: Options = field(default_factory=Options)
    step_s: float | None = None
    isolate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """``factor * value + offset`` (SSP 1.0, 5.3.3.2.1); the values are converted to its target's unit by it."""

    factor: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A value for each value of the source: boolean, integer and enumeration mappings (SSP 1.0, 5.3.3.2.2 and on).

    Attributes:
        pairs: Source value and target value. A source value that is not there ends the simulation with an error.
    """

    pairs: Sequence[tuple[Scalar, Scalar]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A directed connection; each target has one.

    Attributes:
        source: An output, or any other variable that may be read.
        target: An input.
        transformation: How a value becomes the target's. None: by the two units, where both are given and differ.
        convert_units: False: values are taken as they are, whatever the units say (``suppressUnitConversion``).
    """

    source: Port
    target: Port
    transformation: Linear | Lookup | None = None
    convert_units: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """A value at the border of the system, set or read from outside.

    Attributes:
        name: Unique among the outputs. Inputs of one name take one value from outside, each in its own way.
        port: The variable behind it.
        unit: Unit of the outside's values; empty: the variable's.
        transformation: How a value becomes the variable's (an input), or the outside's (an output).
    """

    name: str
    port: Port
    unit: str = ""
    transformation: Linear | Lookup | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptive:
    """The macro step is chosen by an error estimate; needs FMUs whose state can be saved.

    Attributes:
        tolerance: Relative and absolute tolerance of every connected and recorded real value.
        least_s, most_s: Bounds of the step in seconds.
    """

    tolerance: float
    least_s: float
    most_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """How the instances are advanced together. Its name is what runs.

    Attributes:
        master: ``jacobi``: all instances step from the values at the start of the step; ``gauss-seidel``: one after
            another in the order of the dependency graph, each with the newest values.
        loops: What is done with instances that depend on each other within a step (strongly connected components):
            nothing, or the step is repeated from the saved state until the exchanged values agree.
        relaxation: Share of the new value in a fixed-point iteration, above 0 up to 1.
        tolerance: Greatest difference of an exchanged value, relative to its nominal value, at which an iteration ends.
        iterations: The most iterations; beyond them the simulation ends with an error.
        extrapolation: Order in time of the polynomial that inputs follow inside a step, 0 (held), 1 or 2.
        adaptive: Choose the macro step; None: it is fixed.
    """

    master: Master = "jacobi"
    loops: Loops = "none"
    relaxation: float = 1.0
    tolerance: float = 1e-9
    iterations: int = 50
    extrapolation: Literal[0, 1, 2] = 0
    adaptive: Adaptive | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A coupled system.

    Attributes:
        name: For people and messages.
        parts: The instances, in order; results depend on it only where the algorithm says so.
        connections: Between instances.
        inputs: What is set from outside before a macro step; one value for each distinct name, in order of first
            appearance.
        outputs: What is given to the outside after a macro step, in order.
        experiment: Default start, stop and step in seconds.
    """

    name: str
    parts: Sequence[Part]
    connections: Sequence[Connection] = ()
    inputs: Sequence[Connector] = ()
    outputs: Sequence[Connector] = ()
    experiment: Experiment = field(default_factory=Experiment)

    @classmethod
    def of(
        cls,
        fmu: Path,
        *,
        start: Mapping[str, Any] | None = None,
        inputs: Sequence[str] = (),
        outputs: Sequence[str] = (),
        options: Options | None = None,
    ) -> System:
        """A system of one FMU; its connectors have the names of the variables.

        Args:
            fmu: The ``.fmu``.
            start: Start values by variable name.
            inputs: Names of variables that are set from outside.
            outputs: Names of variables that are read from outside.
            options: Which of its interfaces is run, and how.
        """
        part = Part(name=fmu.stem, fmu=fmu, start=start or {}, options=options or Options())
        return cls(
            name=fmu.stem,
            parts=(part,),
            inputs=tuple(Connector(name=name, port=Port(part.name, name)) for name in inputs),
            outputs=tuple(Connector(name=name, port=Port(part.name, name)) for name in outputs),
        )

    @property
    def input_names(self) -> list[str]:
        """Names of the values that the outside gives, in order."""
        return list(dict.fromkeys(connector.name for connector in self.inputs))

    def part(self, name: str) -> Part | None:
        """The instance of a name, or None."""
        return next((part for part in self.parts if part.name == name), None)
