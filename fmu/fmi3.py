"""FMI 3.0: what both kinds have in common, co-simulation with its event mode (4), and model exchange (3)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from fmpy.fmi3 import FMU3Model, FMU3Slave

from fmu.block import Block, Members, Values
from fmu.clocks import Clocks, check_clocks
from fmu.description import FLOATS, INTEGERS, Description, Type, Variable
from fmu.exchange import ModelExchange
from fmu.modes import EventInfo, Moded
from fmu.note import Note
from fmu.status import WARNING

SUFFIXES: Mapping[str, str] = {
    **{name: name for name in (*FLOATS, *INTEGERS, "Boolean", "String", "Binary", "Clock")},
    "Enumeration": "Int64",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Intermediate:
    """What an FMU says in the middle of a step (FMI 3.0, 4.2.2).

    Attributes:
        time_s: Its internal time in seconds.
        set_requested, get_allowed: Whether intermediate inputs may be set, and outputs read.
        step_finished: Whether its internal solver has made a step.
        can_return_early: Whether the communication step may end here.
    """

    time_s: float
    set_requested: bool
    get_allowed: bool
    step_finished: bool
    can_return_early: bool


class _Kept:
    """Keeps what is raised inside, since no exception can go through C, until `again` raises it."""

    def __init__(self) -> None:
        self._error: BaseException | None = None

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        # only the first one says what went wrong
        self._error = self._error or error
        return True

    def again(self) -> None:
        """Raises what was kept, if anything was."""
        error, self._error = self._error, None
        if error is not None:
            raise error


class Version3(Moded):
    """What co-simulation and model exchange of FMI 3.0 have in common."""

    prefix = "fmi3"
    suffixes: ClassVar[Mapping[str, str]] = SUFFIXES

    def _options(self) -> Mapping[str, Any]:
        return {"logMessage": self._log}

    def _enter(self, start_s: float, stop_s: float | None, tolerance: float | None) -> None:
        self._call(
            "EnterInitializationMode",
            self.component,
            tolerance is not None,
            tolerance or 0.0,
            start_s,
            stop_s is not None,
            stop_s or 0.0,
        )

    def _leave(self) -> None:
        self._call("ExitInitializationMode", self.component)
        if self.has_events and any(variable.clock is not None for variable in self.description.variables):
            self._clocks = Clocks(self)

    def _configure(self, values: Mapping[Variable, Any]) -> None:
        """FMI 3.0, 2.3.3: structural parameters are set in configuration mode, before anything that depends on them."""
        self._call("EnterConfigurationMode", self.component)
        # the call itself, since a change of values would be an event
        for type_ in {variable.type for variable in values}:
            members = [(k, variable) for k, variable in enumerate(values) if variable.type == type_]
            self.block("Set", type_, members).set([values[variable] for _, variable in members])
        self._call("ExitConfigurationMode", self.component)
        self.structure |= {variable.name: int(value) for variable, value in values.items()}
        for block in self._arrays:
            block.resize()

    def block(self, verb: str, type_: Type, members: Members) -> Block:
        """Binaries and clocks have calls of their own."""
        kind = {"Binary": _BinaryBlock, "Clock": _ClockBlock}.get(type_, Block)
        return kind(self, verb, type_, members)

    def _enter_event_mode(self) -> None:
        self._call("EnterEventMode", self.component)

    def _update(self) -> EventInfo:
        again, ends, nominals, values, more = (ctypes.c_bool() for _ in range(5))
        next_s = ctypes.c_double()
        places = [ctypes.byref(place) for place in (again, ends, nominals, values, more, next_s)]
        self._call("UpdateDiscreteStates", self.component, *places)
        return EventInfo(again.value, ends.value, next_s.value if more.value else None)

    def ticked(self, variable: Variable) -> bool:
        """Whether an output clock ticked since the last communication point, that point included."""
        return self._clocks is not None and variable.value_reference in self._clocks.ticked

    def _log(self, environment: int, status: int, category: bytes, message: bytes) -> None:
        del environment, category
        self.logged(status, (message or b"").decode("utf-8", "replace"))


class CoSimulation3(Version3):
    """FMI 3.0, 4: co-simulation.

    Args:
        folder, description, name, note: As of `Instance`.
        event_mode: Whether its event mode is used. None: when it has clocks, which need it.
        intermediate: Called by the FMU in the middle of a step; what it answers true to may end the step there.

    Attributes:
        event_mode: Whether its event mode is used.
        early_returns: How many times the FMU ended a step before its end.
    """

    kind = FMU3Slave
    instantiate = "InstantiateCoSimulation"

    def __init__(
        self,
        folder: Path,
        description: Description,
        name: str,
        note: Note,
        *,
        event_mode: bool | None = None,
        intermediate: Callable[[Intermediate], bool] | None = None,
    ) -> None:
        interface = description.co_simulation
        can = interface is not None and interface.capabilities.get("hasEventMode") in ("true", "1")
        check_clocks(description, has_event_mode=can)
        clocked = any(variable.clock is not None for variable in description.variables)
        self.event_mode = can and (clocked if event_mode is None else event_mode)
        self.early_returns = 0
        self._intermediate = intermediate
        self._raised = _Kept()
        super().__init__(folder, description, name, note)

    @property
    def has_events(self) -> bool:
        """Whether its event mode is used."""
        return self.event_mode

    def _options(self) -> Mapping[str, Any]:
        # FMPy keeps the callback alive
        asked = {} if self._intermediate is None else {"intermediateUpdate": self._between}
        early = self.event_mode or self._intermediate is not None
        return {**super()._options(), "eventModeUsed": self.event_mode, "earlyReturnAllowed": early, **asked}

    def _between(self, environment: Any, time_s: float, *told: Any) -> None:
        """FMI 3.0, 4.2.2: the callback; C code called it, so what goes wrong is raised when the step is over."""
        del environment
        sets, gets, finished, can_return, request, early_s = told
        request[0], early_s[0] = False, time_s
        assert self._intermediate is not None
        told_now = Intermediate(
            time_s=time_s, set_requested=bool(sets), get_allowed=bool(gets), step_finished=bool(finished),
            can_return_early=bool(can_return),
        )  # fmt: skip
        # a callback that fails ends the step
        stop = True
        with self._raised:
            stop = self._intermediate(told_now)
        request[0] = bool(stop and can_return)

    def _leave(self) -> None:
        super()._leave()
        if self.event_mode:
            self._leave_events()

    def _settled(self, info: EventInfo) -> None:
        del info
        if not self.ended:
            self._call("EnterStepMode", self.component)

    def _prepare_step(self) -> Callable[[float, float], None]:
        function = self.function("DoStep")
        component = self.component
        event, ended, early, reached = ctypes.c_bool(), ctypes.c_bool(), ctypes.c_bool(), ctypes.c_double()
        results = tuple(ctypes.byref(place) for place in (event, ended, early, reached))

        def step(time_s: float, step_s: float) -> None:
            self.note.call("fmi3DoStep", time_s)
            status = function(component, time_s, step_s, self.final, *results)
            self._raised.again()
            if status > WARNING:
                self.fail("DoStep", status)
            self.ended = ended.value
            self.early_returns += early.value
            self.time_s = reached.value if self.ended or early.value else time_s + step_s

        def moded(time_s: float, step_s: float) -> None:
            self._communication_step(step, event, time_s + step_s)

        return moded if self.event_mode else step

    def _communication_step(self, step: Callable[[float, float], None], event: ctypes.c_bool, end_s: float) -> None:
        """Step mode and event mode in turn until the communication point."""
        if self._clocks is not None:
            self._clocks.ticked.clear()
        self.settle()
        fruitless = 0
        while not self.ended:
            before_s = self.time_s
            due_s = self._due_s()
            if due_s <= before_s + self._tolerance_s():
                self._happen()
            elif before_s >= end_s - self._tolerance_s():
                self.time_s = end_s
                return
            else:
                self._check_length(end_s, due_s)
                step(before_s, min(end_s, due_s) - before_s)
                if event.value and not self.ended:
                    self._happen()
            fruitless = fruitless + 1 if self.time_s <= before_s else 0
            if fruitless > _FRUITLESS:
                raise self._failure("DoStep", f"did not advance in {_FRUITLESS} events")

    def _check_length(self, end_s: float, due_s: float) -> None:
        if due_s < end_s - self._tolerance_s() and not self.interface.variable_step:
            raise self._failure(
                "DoStep", f"has an event at t = {due_s:g} s, between its steps of fixed length, and cannot be run so"
            )

    def _happen(self) -> None:
        self.enter_events()
        self.settle()


_FRUITLESS = 1000


class ModelExchange3(ModelExchange, Version3):
    """FMI 3.0, 3: model exchange."""

    kind = FMU3Model
    instantiate = "InstantiateModelExchange"
    derivatives: ClassVar[str] = "GetContinuousStateDerivatives"

    def _enter(self, start_s: float, stop_s: float | None, tolerance: float | None) -> None:
        self.asked = tolerance
        check_clocks(self.description, has_event_mode=True)
        super()._enter(start_s, stop_s, tolerance)

    def _leave(self) -> None:
        super()._leave()
        self._begin()

    def _sizes(self) -> tuple[int, int]:
        states, indicators = ctypes.c_size_t(), ctypes.c_size_t()
        self._call("GetNumberOfContinuousStates", self.component, ctypes.byref(states))
        self._call("GetNumberOfEventIndicators", self.component, ctypes.byref(indicators))
        return states.value, indicators.value

    def _enter_continuous(self) -> None:
        self._call("EnterContinuousTimeMode", self.component)

    def _completed(self) -> tuple[bool, bool]:
        event, ends = ctypes.c_bool(), ctypes.c_bool()
        places = (ctypes.byref(event), ctypes.byref(ends))
        self._call("CompletedIntegratorStep", self.component, self.final, *places)
        return event.value, ends.value

    def _communication_step(self, time_s: float, step_s: float) -> None:
        if self._clocks is not None:
            self._clocks.ticked.clear()
        super()._communication_step(time_s, step_s)


class _BinaryBlock(Block):
    """FMI 3.0, 2.2.6.2: sizes and addresses; what is got belongs to the FMU until its next call."""

    def _prepare(self) -> None:
        super()._prepare()
        self._lengths = (ctypes.c_size_t * len(self.buffer))()
        component, references, count, buffer, total = self.arguments
        self.arguments = (component, references, count, self._lengths, buffer, total)

    def get(self) -> Values:
        """Gives bytes in order of the members; a list of them for an array."""
        self.exchange()
        return self.grouped(
            [
                ctypes.string_at(address, length) if address else b""
                for address, length in zip(self.buffer, self._lengths, strict=True)
            ]
        )

    def set(self, values: Sequence[Any]) -> None:
        """Takes bytes in order of the members."""
        kept: list[Any] = []
        for k, value in enumerate(self.flat(values)):
            if not isinstance(value, bytes):
                raise self.refused(self.names[min(k, len(self.names) - 1)], value, "its type is Binary")
            kept.append(ctypes.create_string_buffer(value, max(len(value), 1)))
            self.buffer[k] = ctypes.cast(kept[-1], self.element)
            self._lengths[k] = len(value)
        self.exchange()


class _ClockBlock(Block):
    """FMI 3.0, 2.2.8: a clock has no count of values; whether it ticked is what was heard in the event mode."""

    def _prepare(self) -> None:
        super()._prepare()
        self.arguments = self.arguments[:-1]

    def get(self) -> Values:
        """Gives for each clock whether it ticked in the last step."""
        owner = self.owner
        assert isinstance(owner, Version3)
        return [owner.ticked(variable) for variable in self.variables]
