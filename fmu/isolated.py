"""An instance in a process of its own, beside the process of its system: safe against a crash, and slow.

`Host` stands in the process of the system for the instance; `Guest` holds it in its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dtdl.errors import FmuError
from fmu.description import Description, Interface, Variable, read_description
from fmu.instance import Getter, Instance, Setter
from fmu.loader import open_instance
from fmu.note import Board, Note
from fmu.options import Options
from fmu.process import Process, WorkerLimits
from fmu.rollback import Memory, memory_of
from fmu.system import Part


class Guest:
    """The instance in its process.

    Args:
        folder: Where the FMU was unpacked.
        name: Name of the instance.
        options: How it is run.
        board: Where calls are noted.
    """

    def __init__(self, folder: Path, name: str, options: Options, board: Board) -> None:
        description = read_description(folder, lenient=not options.checked)
        self._instance = open_instance(folder, description, name, Note(board, 0), options=options)
        self._prepared: dict[tuple[str, tuple[str, ...]], Any] = {}
        self._memories: dict[int, Memory] = {}

    def answer(self, name: str, arguments: Sequence[Any]) -> Any:
        """Makes a call; gives its value, the time reached, and whether the FMU asked to end."""
        value = getattr(self, f"_{name}")(*arguments)
        return value, self._instance.time_s, self._instance.ended

    def _facts(self) -> None: ...

    def _enter(self, values: Mapping[str, Any], span: tuple[float, float | None], tolerance: float | None) -> None:
        self._instance.enter(values, start_s=span[0], stop_s=span[1], tolerance=tolerance)

    def _leave(self, final: bool) -> None:  # noqa: FBT001 - a value that is passed on
        self._instance.final = final
        self._instance.leave()

    def _step(self, time_s: float, step_s: float) -> None:
        self._instance.time_s = time_s
        self._instance.step(step_s)

    def _get(self, names: tuple[str, ...]) -> list[Any]:
        get: Getter = self._ready("get", names, self._instance.getter)
        return get()

    def _put(self, names: tuple[str, ...], values: Sequence[Any]) -> None:
        put: Setter = self._ready("put", names, self._instance.setter)
        put(values)

    def _ready(self, verb: str, names: tuple[str, ...], make: Callable[[Sequence[Variable]], Any]) -> Any:
        if (verb, names) not in self._prepared:
            self._prepared[verb, names] = make([self._instance.variable(name) for name in names])
        return self._prepared[verb, names]

    def _save(self, number: int) -> None:
        self._memories.setdefault(number, memory_of(self._instance)).save()

    def _restore(self, number: int) -> None:
        self._memories[number].restore()

    def _forget(self, number: int) -> None:
        self._memories.pop(number).close()

    def _size(self, name: str) -> int:
        return self._instance.size(self._instance.variable(name))

    def close(self) -> None:
        """Frees the instance."""
        for memory in self._memories.values():
            memory.close()
        self._instance.close()


class Host(Instance):
    """What the loop sees of an instance that is elsewhere.

    Args:
        part: The instance.
        folder: Where its FMU was unpacked.
        limits: What its process may take.
    """

    prefix = ""

    def __init__(self, part: Part, folder: Path, limits: WorkerLimits) -> None:
        # what the class above loads is loaded elsewhere
        self.name = part.name
        self.time_s = 0.0
        self.ended = False
        self.final = True
        self.structure = {}
        self._numbers = itertools.count(1)
        self._process = Process(folder.parent, [f"{part.name} ({part.fmu.name})"], limits)
        self._process.ask(
            ("invite", str(folder), part.name, part.options, limits.memory_bytes), patience_s=limits.start_s
        )

    def receive(self, description: Description, interface: Interface | None, note: Note) -> Host:
        """Takes what is known only when the system is opened."""
        self.description, self.note = description, note
        if interface is not None:
            self.interface = interface
        return self

    def _ask(self, *request: Any) -> Any:
        # the process of the system is alive while it waits here; the other one is watched
        self.note.call("isolated call", self.time_s)
        value, self.time_s, self.ended = self._process.ask(request)
        return value

    def enter(
        self,
        values: Mapping[str, Any],
        *,
        start_s: float = 0.0,
        stop_s: float | None = None,
        tolerance: float | None = None,
    ) -> None:
        """See `Instance.enter`."""
        self._ask("enter", dict(values), (start_s, stop_s), tolerance)

    def getter(self, variables: Sequence[Variable]) -> Getter:
        """See `Instance.getter`."""
        names = tuple(variable.name for variable in variables)
        return lambda: self._ask("get", names)

    def setter(self, variables: Sequence[Variable]) -> Setter:
        """See `Instance.setter`."""
        names = tuple(variable.name for variable in variables)

        def put(values: Sequence[Any]) -> None:
            at = self.time_s
            self._ask("put", names, list(values))
            self.time_s = at

        return put

    def size(self, variable: Variable) -> int:
        """See `Instance.size`."""
        return int(self._ask("size", variable.name))

    def memory(self) -> RemoteMemory:
        """A saved state of the instance, which stays in its process."""
        return RemoteMemory(self, next(self._numbers))

    def remember(self, verb: str, number: int) -> None:
        """Saves, restores or forgets a state."""
        self._ask(verb, number)

    def function(self, name: str) -> Any:
        """None can be called from here.

        Raises:
            FmuError: Always.
        """
        raise FmuError(f"{self.name}: {name} cannot be called in another process", action="Do not isolate it.")

    def close(self) -> None:
        """Ends the process; does nothing the second time."""
        self._process.close()

    def _options(self) -> Mapping[str, Any]:
        return {}

    def _enter(self, start_s: float, stop_s: float | None, tolerance: float | None) -> None:
        self._ask("enter", {}, (start_s, stop_s), tolerance)

    def _leave(self) -> None:
        self._ask("leave", self.final)

    def _prepare_step(self) -> Callable[[float, float], None]:
        return lambda time_s, step_s: self._ask("step", time_s, step_s)


class RemoteMemory(Memory):
    """One saved state of an instance in another process."""

    def __init__(self, host: Host, number: int) -> None:
        self._host, self._number, self._saved = host, number, False

    def save(self) -> None:
        """See `Memory.save`."""
        self._host.remember("save", self._number)
        self._saved = True

    def restore(self) -> None:
        """See `Memory.restore`."""
        self._host.remember("restore", self._number)

    def close(self) -> None:
        """See `Memory.close`."""
        if self._saved:
            self._host.remember("forget", self._number)
        self._saved = False
