"""An FMU as a source: a worker process stepped in real time, inputs taken from twins, outputs given to them.

A macro step from t to t + h: at the time of t the newest inputs are sampled and the step is computed; at the time of
t + h its outputs are given, with source time epoch + t + h. Times are absolute, so that lateness does not add up.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Final, Self, TypeVar

from pydantic import BaseModel

from dtdl.diagnostic import Diagnostic
from dtdl.elements import Enum
from dtdl.errors import ConfigInvalid, LinkDown, MegatwinError
from fmu.binaries import check_platform
from fmu.block import fits
from fmu.description import Description as FmuDescription
from fmu.description import Variable
from fmu.interface import is_taken, mismatch, unit_name
from fmu.options import choose_interface
from fmu.realtime import Pacer
from fmu.shipped import provide
from fmu.system import Connector, Part, Port, System
from fmu.worker import Worker, WorkerLimits
from interop.outbox import Outbox
from interop.ports import Adapter, Binding, Description, Direction, Observed, Source, WriteResult
from interop.simulate import check as checks
from interop.simulate.settings import FmuAddress, FmuSettings
from interop.values import BAD_NOT_FOUND, BAD_WAITING, GOOD, LinkEvent, Point, Reading, Sample, Status, Value, utc_now

BAD_OUT_OF_RANGE: Final = Status("BadOutOfRange")
UNCERTAIN_OUT_OF_RANGE: Final = Status("UncertainEngineeringUnitsExceeded")
_QUEUE: Final = 10_000
_BACK_OFF_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_STEADY_S: Final = 60.0
_CLOSE_S: Final = 1.0
_SILENCE: Final = 0.85
"""Share of stale-after that a step is awaited for; the rest is for reporting."""
_SILENT_STEPS: Final = 3

T = TypeVar("T")


@dataclass(slots=True)
class Pace:
    """How well the simulation keeps up.

    Attributes:
        epoch: UTC instant of simulation time 0.
        steps: Steps made since then.
        late: Steps whose outputs were there later than their time.
        overruns: Steps that took longer than they may.
        worst_s: The greatest lateness in seconds.
        restarts: How often the simulation began anew.
    """

    epoch: datetime
    steps: int = 0
    late: int = 0
    overruns: int = 0
    worst_s: float = 0.0
    restarts: int = 0


class FmuAdapter(Adapter):
    """An FMU in its worker process.

    Attributes:
        pace: Steps and lateness.
    """

    kind: ClassVar[str] = "fmu"
    settings: ClassVar[type[BaseModel]] = FmuSettings
    address: ClassVar[type[BaseModel]] = FmuAddress
    short: ClassVar[str] = "variable"
    plant: ClassVar[bool] = False

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._settings: FmuSettings = source.settings
        self._bindings = {binding.point: binding for binding in source.bindings if not binding.type.is_command}
        self._description: FmuDescription | None = None
        self._variables: dict[Point, Variable] = {}
        self._inputs: dict[str, Value] = {}
        self._input_names: list[str] = []
        self._output_names: list[str] = []
        self._samples: dict[str, Sample] = {}
        self._cause = "not started yet"
        self._outbox = Outbox(source.name, _QUEUE)
        self._worker: Worker | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._task: asyncio.Task[None] | None = None
        self.pace = Pace(utc_now())

    @property
    def pid(self) -> int | None:
        """Process id of the worker, while it runs."""
        return self._worker.pid if self._worker else None

    @classmethod
    def check(cls, source: Source) -> list[Diagnostic]:
        """Checks that the FMU is there and readable, and every variable, type, unit, parameter; runs nothing of it."""
        return checks.check(source)

    @classmethod
    def direction(cls, source: Source, binding: Binding) -> Direction:
        """Outputs and locals give values, inputs and tunable parameters take them."""
        return checks.direction(source, binding)

    async def __aenter__(self) -> Self:
        """Prepares the FMU and starts its worker.

        Raises:
            InputUnreadable, ArchiveUnsafe, DescriptionInvalid, PlatformMissing, BuildFailed: The FMU cannot be used.
            ConfigInvalid: A parameter that it does not take.
        """
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"megatwin-fmu-{self.source.name}")
        try:
            system = await self._in_thread(self._prepare)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise
        self._task = asyncio.create_task(self._live(system), name=f"simulation {self.source.name}")
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._cause = "closed"
        self._outbox.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            if self._worker is not None:
                closing = asyncio.ensure_future(self._in_thread(self._worker.close))
                await asyncio.wait({closing}, timeout=_CLOSE_S)
                if not closing.done():
                    self._worker.kill()
                    await closing
        finally:
            if self._worker is not None:
                self._worker.kill()
            if self._thread is not None:
                self._thread.shutdown(wait=False)

    def _prepare(self) -> System:
        """Finds the FMU, builds it if it ships unbuilt, and resolves names; in the thread."""
        settings = self._settings
        description = checks.describe(settings, self.source.base)
        path = provide(settings.fmu, Path(self.source.base))
        check_platform(path, description, choose_interface(description))
        start, findings = checks.start_values(settings, description)
        if findings:
            raise ConfigInvalid(findings)
        self._description = description
        for point, binding in self._bindings.items():
            variable = description.variable(binding.address.variable)
            if variable is not None and not mismatch(binding.type, variable):
                self._variables[point] = variable
        names = dict.fromkeys(variable.name for variable in self._variables.values())
        taken = {name for name in names if is_taken(self._known(name))}
        self._input_names = [name for name in names if name in taken]
        self._output_names = [name for name in names if name not in taken]
        for name in self._input_names:
            first = start.get(name, self._known(name).start)
            self._samples[name] = Sample(_json(first), GOOD if first is not None else BAD_WAITING)
        name = self.source.name
        return System(
            name=name,
            parts=(Part(name=name, fmu=path, start=start),),
            inputs=[Connector(name=taken, port=Port(name, taken)) for taken in self._input_names],
            outputs=[Connector(name=given, port=Port(name, given)) for given in self._output_names],
        )

    def _known(self, name: str) -> Variable:
        assert self._description is not None
        variable = self._description.variable(name)
        assert variable is not None
        return variable

    async def _live(self, system: System) -> None:
        """Runs the simulation, and begins anew when it fails, until cancelled."""
        limits = WorkerLimits(memory_bytes=self._settings.memory, call_s=self._settings.call_deadline)
        failures = 0
        clock = asyncio.get_running_loop().time
        while True:
            begun = clock()
            self._worker = Worker(system, limits=limits)
            try:
                values = await self._in_thread(self._worker.start)
                self._came_up(values)
                await self._pace(self._worker)
            except MegatwinError as error:
                cause = error.message
            else:
                # it is not begun anew: that is what the FMU wants
                self._went_down(
                    f"the FMU asked to end the simulation, at t = {self.pace.steps * self._settings.step:g} s"
                )
                await self._in_thread(self._worker.close)
                return
            self._went_down(cause)
            await self._in_thread(self._worker.close)
            failures = 0 if clock() - begun > _STEADY_S else failures + 1
            await asyncio.sleep(_BACK_OFF_S[min(max(failures, 1), len(_BACK_OFF_S)) - 1])
            self.pace.restarts += 1

    def _came_up(self, values: Sequence[Any]) -> None:
        now = utc_now()
        again = self.pace.restarts
        self.pace = Pace(now, restarts=again)
        if again:
            cause = "the simulation began anew at t = 0; its earlier state is lost"
            self._put(LinkEvent(self.source.name, "restarted", now, cause=cause))
        self._cause = ""
        self._put(LinkEvent(self.source.name, "up", now))
        self._give(values, now)

    def _went_down(self, cause: str) -> None:
        self._cause = cause
        self._put(LinkEvent(self.source.name, "down", utc_now(), cause=cause))

    async def _pace(self, worker: Worker) -> None:
        """Steps at absolute times until the FMU asks to end."""
        step_s = self._settings.step
        clock = asyncio.get_running_loop().time
        pacer = Pacer(step_s, self._settings.factor, clock)
        heard = clock()
        while not worker.ended:
            inputs = [self._inputs.get(name) for name in self._input_names]
            pacer.begin()
            values = await self._stepped(partial(worker.step, step_s, inputs), heard)
            heard = clock()
            ahead_s = pacer.done()
            self.pace.steps, self.pace.late, self.pace.worst_s = pacer.made, pacer.late, pacer.worst_s
            self.pace.overruns = pacer.overruns
            # readers run, however far behind it is
            await asyncio.sleep(max(ahead_s, 0.0))
            if -ahead_s > pacer.patience_s:
                self._skip(-ahead_s)
                pacer.skip(-ahead_s)
            self._give(values, self.pace.epoch + timedelta(seconds=pacer.time_s))

    async def _stepped(self, step: Callable[[], list[Any]], heard: float) -> list[Any]:
        """Waits for a step, and says that the simulation is down for as long as the step is late.

        The deadline of a call is the worker's own: it ends a step that hangs.

        Args:
            step: Makes the step.
            heard: When the step before came, on the loop's clock.
        """
        loop = asyncio.get_running_loop()
        least_s = _SILENT_STEPS * self._settings.step / self._settings.factor
        silence_s = max(_SILENCE * self._settings.defaults.stale_after, least_s)
        stepping = loop.run_in_executor(self._thread, step)
        try:
            await asyncio.wait([stepping], timeout=max(heard + silence_s - loop.time(), 0.0))
            if not stepping.done():
                t = self.pace.steps * self._settings.step
                self._went_down(f"the step is late: none came for {loop.time() - heard:.1f} s, at t = {t:g} s")
            values = await stepping
        finally:
            stepping.cancel()
        if self._cause:
            self._cause = ""
            self._put(LinkEvent(self.source.name, "up", utc_now()))
        return values

    def _skip(self, behind_s: float) -> None:
        """Moves the epoch when the simulation cannot catch up, after a sleep of the machine for example."""
        since = utc_now() - timedelta(seconds=behind_s)
        self.pace.epoch += timedelta(seconds=behind_s)
        cause = f"the simulation was {behind_s:.1f} s late and goes on from now"
        self._put(LinkEvent(self.source.name, "gap", since, utc_now(), cause=cause))

    def _give(self, values: Sequence[Any], source_time: datetime) -> None:
        now = utc_now()
        for name, value in zip(self._output_names, values, strict=True):
            self._samples[name] = Sample(*self._quality(self._known(name), value), source_time, now)
        for point, variable in self._variables.items():
            if variable.name in self._samples and not is_taken(variable):
                self._put(Reading(point, self._seen(point, self._samples[variable.name])))

    @staticmethod
    def _quality(variable: Variable, value: Any) -> tuple[Value, Status]:
        if isinstance(value, float) and not math.isfinite(value):
            return None, BAD_OUT_OF_RANGE
        if isinstance(value, int | float) and not checks.in_range(value, variable):
            return value, UNCERTAIN_OUT_OF_RANGE
        return value, GOOD

    def _seen(self, point: Point, sample: Sample) -> Sample:
        """An enumeration shows its names where the model's values are texts."""
        items = self._items(point)
        name = next((name for name, value in items.items() if value == sample.value), None)
        return sample if name is None else sample._replace(value=name)

    def _items(self, point: Point) -> Mapping[str, int]:
        schema = self._bindings[point].type.schema
        variable = self._variables[point]
        if isinstance(schema, Enum) and schema.value_schema.kind == "String" and variable.type == "Enumeration":
            return {item.name: item.value for item in variable.items}
        return {}

    async def read(self, points: Sequence[Point]) -> Sequence[Sample]:
        """Gives the outputs of the last step, and the newest inputs.

        Raises:
            LinkDown: The simulation does not run.
        """
        self._require_link()
        samples: list[Sample] = []
        for point in points:
            variable = self._variables.get(point)
            if variable is None:
                samples.append(Sample(None, BAD_NOT_FOUND))
            else:
                samples.append(self._seen(point, self._samples.get(variable.name, Sample(None, BAD_WAITING))))
        return samples

    async def describe(self, points: Sequence[Point]) -> Sequence[Description]:
        """Gives unit, range and direction as the FMU declares them."""
        return [self._describe(point) for point in points]

    def _describe(self, point: Point) -> Description:
        variable = self._variables.get(point)
        if variable is None:
            return Description(found=False, detail="the FMU has no such variable of a fitting type")
        limits = None
        if variable.min is not None and variable.max is not None:
            limits = (variable.min, variable.max)
        return Description(
            unit=unit_name(variable),
            raw_unit=variable.unit,
            direction="out" if is_taken(variable) else "in",
            value_range=limits,
        )

    async def observe(self, points: Sequence[Point]) -> AsyncIterator[Sequence[Observed]]:
        """Gives the outputs after each step; a link event is a batch of its own."""
        wanted = set(points)
        while taken := await self._outbox.take():
            if batch := [item for item in taken if isinstance(item, LinkEvent) or item.point in wanted]:
                yield batch

    async def write(self, values: Sequence[tuple[Point, Value]], *, deadline_s: float) -> Sequence[WriteResult]:  # noqa: ARG002 - nothing is waited for
        """Takes inputs; the newest of each is set at the start of the next step, so ``done`` comes at once.

        Raises:
            LinkDown: The simulation does not run.
        """
        self._require_link()
        results: list[WriteResult] = []
        for point, value in values:
            if any(result.outcome == "refused" for result in results):
                results.append(WriteResult("refused", "BadRequestCancelledByClient"))
            else:
                results.append(self._set(point, value))
        return results

    def _set(self, point: Point, value: Value) -> WriteResult:
        variable = self._variables.get(point)
        if variable is None:
            return WriteResult("refused", "BadNodeIdUnknown", "the FMU has no such variable of a fitting type")
        if not is_taken(variable):
            return WriteResult("refused", "BadNotWritable", f"{variable.name} ({variable.causality}) cannot be set")
        raw = self._items(point).get(value, value) if isinstance(value, str) else value
        if not fits(raw, variable.type):
            return WriteResult("refused", "BadTypeMismatch", f"{variable.name} takes {variable.type}")
        if isinstance(raw, int | float) and not (math.isfinite(raw) and checks.in_range(raw, variable)):
            text = checks.range_text(variable)
            return WriteResult("refused", "BadOutOfRange", f"{variable.name}: {raw!r} is outside {text}")
        now = utc_now()
        self._inputs[variable.name] = raw
        self._samples[variable.name] = Sample(raw, GOOD, now, now)
        return WriteResult("done")

    def _require_link(self) -> None:
        if self._cause:
            raise LinkDown(f"the simulation {self.source.name} does not run: {self._cause}")

    def _put(self, item: Observed) -> None:
        self._outbox.put([item])

    async def _in_thread(self, work: Callable[[], T]) -> T:
        assert self._thread is not None
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _json(value: object) -> Value:
    return value if isinstance(value, bool | int | float | str) else None


__all__ = ["FmuAdapter", "Pace"]
