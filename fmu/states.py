"""The state of an instance: kept, put back, and as bytes (FMI 2.0, 2.1.8; FMI 3.0, 2.2.6.4)."""

from __future__ import annotations

import ctypes
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from dtdl.errors import FmuError
from fmu.description import FMI_2, FMI_3

if TYPE_CHECKING:
    from fmu.instance import Instance

_MAGIC: Final = b"megatwin-fmu-state-1\n"
_MOST_BYTES: Final = 1 << 30


class _Names(NamedTuple):
    """What the functions are called."""

    get: str
    set: str
    free: str
    size: str
    serialize: str
    deserialize: str


_NAMES: Final = {
    FMI_2: _Names(
        "GetFMUstate", "SetFMUstate", "FreeFMUstate", "SerializedFMUstateSize", "SerializeFMUstate",
        "DeSerializeFMUstate",
    ),
    FMI_3: _Names(
        "GetFMUState", "SetFMUState", "FreeFMUState", "SerializedFMUStateSize", "SerializeFMUState",
        "DeserializeFMUState",
    ),
}  # fmt: skip


class State:
    """A kept state; it belongs to one instance.

    Attributes:
        time_s: Simulation time in seconds at which it was kept.
    """

    def __init__(self, owner: Instance, handle: ctypes.c_void_p, time_s: float, extra: Any) -> None:
        self.owner = owner
        self.handle = handle
        self.time_s = time_s
        self.extra = extra

    def free(self) -> None:
        """Gives the memory back to the FMU; does nothing the second time, nor when the instance is gone."""
        if self.handle.value and self.owner.component is not None:
            self.owner.call(_NAMES[self.owner.description.major].free, ctypes.byref(self.handle))
        self.handle = ctypes.c_void_p()


def save(owner: Instance, extra: Any) -> State:
    """See `Instance.save`."""
    names = _names(owner, serialized=False)
    handle = ctypes.c_void_p()
    owner.call(names.get, ctypes.byref(handle))
    return State(owner, handle, owner.time_s, [owner.ended, extra])


def restore(owner: Instance, state: State) -> Any:
    """Puts a state back and gives what was kept with it."""
    names = _names(owner, serialized=False)
    _own(owner, state)
    owner.call(names.set, state.handle)
    owner.time_s = state.time_s
    owner.ended, extra = state.extra
    return extra


def serialize(owner: Instance, state: State) -> bytes:
    """See `Instance.serialize`."""
    names = _names(owner, serialized=True)
    _own(owner, state)
    size = ctypes.c_size_t()
    owner.call(names.size, state.handle, ctypes.byref(size))
    if size.value > _MOST_BYTES:
        raise FmuError(
            f"{owner.name}: its state has {size.value} bytes, more than {_MOST_BYTES}", action="Do without it."
        )
    buffer = (ctypes.c_ubyte * max(size.value, 1))()
    owner.call(names.serialize, state.handle, _bytes(owner, names.serialize, buffer), size.value)
    body = bytes(buffer[: size.value])
    head = {
        "token": owner.description.token,
        "kind": owner.interface.kind,
        "time": state.time_s,
        "extra": state.extra,
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    return _MAGIC + json.dumps(head).encode() + b"\n" + body


def deserialize(owner: Instance, data: bytes) -> State:
    """See `Instance.deserialize`."""
    names = _names(owner, serialized=True)
    head, _, body = data.removeprefix(_MAGIC).partition(b"\n")
    try:
        said = json.loads(head)
        sound = data.startswith(_MAGIC) and said["sha256"] == hashlib.sha256(body).hexdigest()
        token, kind, time_s, extra = said["token"], said["kind"], float(said["time"]), said["extra"]
    except (ValueError, KeyError, TypeError) as error:
        raise _unsound(owner, "these bytes are no state") from error
    if not sound:
        raise _unsound(owner, "these bytes are no state, or they were changed")
    if (token, kind) != (owner.description.token, owner.interface.kind):
        raise _unsound(owner, f"this is a state of another FMU ({token}, {kind})")
    buffer = (ctypes.c_ubyte * max(len(body), 1)).from_buffer_copy(body or b"\0")
    handle = ctypes.c_void_p()
    owner.call(names.deserialize, _bytes(owner, names.deserialize, buffer), len(body), ctypes.byref(handle))
    return State(owner, handle, time_s, extra)


def _unsound(owner: Instance, why: str) -> FmuError:
    return FmuError(f"{owner.name}: {why}", action="Give what serialize gave for the same FMU.")


def _bytes(owner: Instance, name: str, buffer: Any) -> Any:
    """FMPy types the bytes of FMI 2.0 as a text and those of FMI 3.0 as numbers."""
    kinds = owner.function(name).argtypes
    kind = next(found for found in kinds[1:] if found not in (ctypes.c_size_t, ctypes.c_void_p))
    return ctypes.cast(buffer, kind)


def _own(owner: Instance, state: State) -> None:
    if state.owner is not owner or not state.handle.value:
        raise FmuError(
            f"{owner.name}: this state is of another instance, or it was freed",
            action="Give a state that this instance gave; serialize it for another one.",
        )


def _names(owner: Instance, *, serialized: bool) -> _Names:
    can = owner.interface.serialize_state if serialized else owner.interface.get_set_state
    names = _NAMES.get(owner.description.major)
    if names is None or not can or not owner.interface.get_set_state:
        what = "canSerializeFMUState" if serialized else "canGetAndSetFMUState"
        raise FmuError(
            f"{owner.name} ({owner.description.model_name}): its state cannot be "
            f"{'serialized' if serialized else 'kept'}: it does not announce {what}",
            action="Use an algorithm without roll-back, or export the FMU with that capability.",
        )
    return names
