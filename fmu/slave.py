"""FMPy's object for one instance: it loads the binary and types its functions.

This module imports FMPy, so only what loads FMUs imports it.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Callable
from contextlib import chdir
from copy import copy
from pathlib import Path
from typing import Any, Final

from fmpy import calloc, free
from fmpy.fmi1 import FMICallException

from dtdl.errors import FmuError, MegatwinError
from fmu.border import border
from fmu.description import Description, Interface

Log = Callable[[int, str], None]
"""Takes a status and a message."""

_listeners: Final[dict[bytes, Log]] = {}
_kept: Final[dict[Any, Any]] = {}
_loaded: Final[dict[Path, Any]] = {}
"""FMPy's object for each binary that is loaded, without an instance."""
_users: Final[Counter[Path]] = Counter()


class Slave:
    """An instance as FMPy holds it.

    Args:
        kind: FMPy's class, such as ``FMU3Slave``.
        description: What the FMU says of itself.
        interface: Its co-simulation.
        binary: Its shared library, below ``binaries/<platform>`` of the unpacked FMU.
        name: Name of the instance.

    Raises:
        FmuError: The binary cannot be loaded.
    """

    def __init__(self, kind: type, *, description: Description, interface: Interface, binary: Path, name: str) -> None:
        self._name = name

        def unloadable(error: Exception) -> FmuError:
            return FmuError(
                f"{description.file}: its binary cannot be loaded: {error}",
                action="Install the libraries that it names, or export the FMU again.",
            )

        if binary not in _loaded:
            path = binary.resolve()
            folder = path.parents[2]
            # FMPy names it to the FMU whether it is there or not
            (folder / "resources").mkdir(exist_ok=True)
            # FMPy tells FMI versions apart by the name of its class
            known: Any = type(kind.__name__, (_Present, kind), {})
            # FMPy stays in the library's folder when loading fails
            with border(unloadable), chdir(path.parent):
                _loaded[binary] = known(
                    guid=description.token,
                    modelIdentifier=interface.model_identifier,
                    unzipDirectory=str(folder),
                    instanceName=name,
                    libraryPath=str(path),
                )
        _users[binary] += 1
        self._path: Path | None = binary
        # typing all functions takes a millisecond; a copy shares them
        self._fmpy: Any = copy(_loaded[binary])
        self._fmpy.instanceName = name

    def instantiate(self, refused: Callable[[], MegatwinError], **options: Any) -> ctypes.c_void_p:
        """Instantiates the FMU.

        Args:
            refused: Gives the error for an FMU that gave no instance.
            options: Of FMPy's ``instantiate``.

        Returns:
            Handle of the instance.
        """
        with border(lambda _: refused()):
            self._fmpy.instantiate(**options)
        if not self._fmpy.component:
            raise refused()
        return ctypes.c_void_p(self._fmpy.component)

    def function(self, name: str) -> Any:
        """A function of the binary, with the types that FMPy gave it; calling it gives the status.

        Its attribute ``bare`` is the same function for arguments that have those types already: converting four
        pointers takes as long as all the rest of a call.

        Args:
            name: With the prefix of its FMI version.

        Raises:
            AttributeError: The binary lacks it.
        """
        library = self._fmpy.dll
        found = getattr(library, name)
        found.bare = library[name]
        return found

    def terminate(self) -> int:
        """Ends the simulation; gives the status."""
        try:
            status: int = self._fmpy.terminate()
        except FMICallException as error:
            status = error.status
        return status or 0

    def free(self) -> None:
        """Frees the instance, and unloads the binary after the last; nothing may be called then."""
        # FMPy's own would unload it under the feet of the others
        self._fmpy.freeLibrary = _nothing
        self._fmpy.freeInstance()
        _listeners.pop(self._name.encode(), None)
        path, self._path = self._path, None
        if path is not None:
            _users[path] -= 1
            if not _users[path]:
                _loaded.pop(path).freeLibrary()


def _nothing() -> None: ...


class _Present:
    """Hides from FMPy what a binary lacks: it would refuse all of it for a function that nobody calls."""

    dll: Any

    def __dir__(self) -> list[str]:
        prefix: str = getattr(self, "modelIdentifier", "") + "_fmi"
        return [
            name
            for name in super().__dir__()
            if not name.startswith("fmi")
            or hasattr(self.dll, name.replace("fmi1", prefix, 1) if name.startswith("fmi1") else name)
        ]


def callbacks(kind: Any, name: str, log: Log) -> Any:
    """Callbacks of FMI 1.0 and 2.0, with a logger; the same for all instances.

    FMPy's native logger fills in the message's values before it comes to us. There is one for the whole process, so
    what it says is given to the instance that it names.

    Args:
        kind: FMPy's ``fmi1CallbackFunctions`` or ``fmi2CallbackFunctions``.
        name: Name of the instance, unique in this process.
        log: What takes its messages.
    """
    _listeners[name.encode()] = log
    if kind in _kept:
        return _kept[kind]
    types = dict(kind._fields_)
    made = kind()
    made.logger = types["logger"](_route)
    # native functions, and no Python in between
    made.allocateMemory = ctypes.cast(calloc, types["allocateMemory"])
    made.freeMemory = ctypes.cast(free, types["freeMemory"])
    try:
        from fmpy.logging import addLoggerProxy  # noqa: PLC0415 - it is a binary that FMPy has not for every processor
    except OSError:
        # messages then come with their placeholders
        pass
    else:
        addLoggerProxy(ctypes.byref(made))
    _kept[kind] = made
    return made


def _route(environment: int, name: bytes | None, status: int, category: bytes, message: bytes | None) -> None:
    del environment, category
    log = _listeners.get(name or b"")
    # one that names no instance is heard by all
    for hear in [log] if log is not None else list(_listeners.values()):
        hear(status, (message or b"").decode("utf-8", "replace"))
