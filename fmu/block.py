"""Variables of one type with their prepared buffers: one call gets or sets them all."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from dtdl.errors import FmuError
from fmu.description import FMI_3, Type, Variable
from fmu.status import WARNING

if TYPE_CHECKING:
    from fmu.instance import Instance

_VALUES: Final = 3
"""Place of the values among the arguments of a get or set function."""

Values = list[Any]
Members = Sequence[tuple[int, Variable]]


class Block:
    """Variables of one type with their prepared buffers."""

    def __init__(self, owner: Instance, verb: str, type_: Type, members: Members) -> None:
        self.positions = [position for position, _ in members]
        self.variables = [variable for _, variable in members]
        self.owner = owner
        self._type = type_
        self._has_arrays = any(variable.dimensions for variable in self.variables)
        self.names = [variable.name for variable in self.variables]
        if type_ not in owner.suffixes:
            raise FmuError(
                f"{owner.description.file}: {self.names[0]!r} is of type {type_}, which FMI "
                f"{owner.description.fmi_version} cannot exchange",
                action="Leave it out.",
            )
        self._verb = verb + owner.suffixes[type_]
        self._call = owner.prefix + self._verb
        self._prepare()
        if self._has_arrays:
            owner.watch(self)

    def _prepare(self) -> None:
        """Makes the buffers, of the sizes that the arrays have now."""
        owner = self.owner
        self._sizes = [owner.size(variable) for variable in self.variables]
        typed = owner.function(self._verb)
        # its arguments get their types once, here, and not in every call
        self._function = typed.bare
        # component, references, their count, for binaries sizes, then the values
        pointer = typed.argtypes[_VALUES + (self._type == "Binary")]
        self.element: Any = pointer._type_
        references = (ctypes.c_uint32 * len(self.variables))(*(v.value_reference for v in self.variables))
        count = sum(self._sizes)
        # a char is a byte string for ctypes; a boolean of FMI 1.0 is meant
        held = ctypes.c_int8 if self.element is ctypes.c_char else self.element
        self.buffer: Any = (held * count)()
        self.arguments: tuple[Any, ...] = (
            owner.component, references, ctypes.c_size_t(len(self.variables)), ctypes.cast(self.buffer, pointer),
        )  # fmt: skip
        if owner.description.major >= FMI_3:
            self.arguments += (ctypes.c_size_t(count),)

    def resize(self) -> None:
        """Follows structural parameters that have changed."""
        self._prepare()

    def exchange(self) -> None:
        """Makes the call."""
        owner = self.owner
        owner.note.call(self._call, owner.time_s)
        status = self._function(*self.arguments)
        if status > WARNING:
            owner.fail(self._verb, status)

    def get(self) -> Values:
        """Gives the values in order of the members."""
        self.exchange()
        if self._type == "String":
            values: Values = [(text or b"").decode("utf-8", "replace") for text in self.buffer]
        elif self._type == "Boolean":
            values = [bool(value) for value in self.buffer]
        else:
            values = list(self.buffer)
        return self.grouped(values)

    def grouped(self, values: Values) -> Values:
        """One value a member: a list for an array."""
        if not self._has_arrays:
            return values
        grouped: Values = []
        start = 0
        for variable, size in zip(self.variables, self._sizes, strict=True):
            grouped.append(values[start : start + size] if variable.dimensions else values[start])
            start += size
        return grouped

    def flat(self, values: Sequence[Any]) -> Values:
        """The elements of all members in order.

        Raises:
            FmuError: An array of another length.
        """
        if not self._has_arrays:
            return list(values)
        flat: Values = []
        for name, size, value in zip(self.names, self._sizes, values, strict=True):
            elements = list(elements_of(value)) if isinstance(value, list | tuple) else [value]
            if len(elements) != size:
                raise self.refused(name, value, f"it has {size} elements")
            flat += elements
        return flat

    def set(self, values: Sequence[Any]) -> None:
        """Takes values in order of the members."""
        flat = self.flat(values)
        if self._type == "String":
            flat = [value.encode() if isinstance(value, str) else value for value in flat]
        try:
            self.buffer[:] = flat
        except (TypeError, ValueError, OverflowError) as error:
            name, value = next(
                ((n, v) for n, v in zip(self.names, values, strict=False) if not fits(v, self._type)),
                (self.names[0], values[0]),
            )
            raise self.refused(name, value, f"its type is {self._type}") from error
        self.exchange()

    def refused(self, name: str, value: object, why: str) -> FmuError:
        """The error for a value that a variable does not take."""
        return FmuError(f"{self.owner.name}: {name!r} does not take {value!r}: {why}", action="Give such a value.")


def elements_of(value: Sequence[Any]) -> Iterator[Any]:
    """The elements of an array in row-major order, whether it is nested (``[[1, 2], [3, 4]]``) or flat."""
    for item in value:
        if isinstance(item, list | tuple):
            yield from elements_of(item)
        else:
            yield item


def fits(value: object, type_: Type) -> bool:
    """Whether a JSON value can be given to a scalar variable of a type."""
    if type_ in ("Float64", "Float32"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if type_ in ("Boolean", "Clock"):
        return isinstance(value, bool)
    if type_ == "String":
        return isinstance(value, str)
    if type_ == "Binary":
        return isinstance(value, bytes)
    whole = isinstance(value, float) and value.is_integer()
    return (isinstance(value, int) and not isinstance(value, bool)) or whole
