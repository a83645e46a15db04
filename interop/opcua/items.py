"""TwinItem: what one monitored item samples, compares and queues (OPC 10000-4, 5.12.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from asyncua import ua
from asyncua.server.monitored_item_service import MonitoredItemData

OVERFLOW: Final = 0x480
"""InfoType DataValue, and Overflow (OPC 10000-4, 7.39.1)."""


class TwinItem(MonitoredItemData):
    """A monitored item that samples, compares with its last report and tells when its queue was full."""

    def __init__(self, stock: MonitoredItemData) -> None:
        super().__init__()
        self.__dict__.update(stock.__dict__)
        self.interval_s = 0.0
        self.due_s = 0.0
        self.pending: ua.DataValue | None = None
        self.last: ua.DataValue | None = None
        self.discards_oldest = True
        self.deadband = 0.0
        self.held: list[Any] = []

    def changed(self, value: ua.DataValue) -> bool:
        """Whether a value is to be reported after the last one (OPC 10000-4, 7.22.2)."""
        last = self.last
        if last is None or code_of(last) != code_of(value):
            return True
        trigger = self.filter.Trigger if self.filter else ua.DataChangeTrigger.StatusValue
        if trigger == ua.DataChangeTrigger.Status:
            return False
        old, new = (each.Value.Value if each.Value is not None else None for each in (last, value))
        if self.deadband > 0.0:
            return _beyond(old, new, self.deadband)
        return bool(old != new) or (
            trigger == ua.DataChangeTrigger.StatusValueTimestamp and last.SourceTimestamp != value.SourceTimestamp
        )

    def queue(self, values: list[Any], note: ua.MonitoredItemNotification) -> None:
        """Appends to a queue; a full one loses a value, and says so (OPC 10000-4, 5.12.1.5)."""
        values.append(note)
        if len(values) <= self.queue_size:
            return
        if self.discards_oldest:
            values.pop(0)
            marked = 0
        else:
            values.pop(-2)
            marked = -1
        if self.queue_size > 1:
            values[marked] = ua.MonitoredItemNotification(note.ClientHandle, overflowed(values[marked].Value))


def code_of(data: ua.DataValue) -> int:
    """The StatusCode; 0, Good, without one."""
    return data.StatusCode.value if data.StatusCode is not None else 0


def overflowed(data: ua.DataValue) -> ua.DataValue:
    """The value with the Overflow bit."""
    return replace(data, StatusCode=ua.StatusCode(code_of(data) | OVERFLOW))


def _beyond(old: Any, new: Any, band: float) -> bool:
    """Whether a value, or any element of an array, has moved by more than the deadband."""
    if isinstance(old, list) and isinstance(new, list):
        return len(old) != len(new) or any(_beyond(*pair, band) for pair in zip(old, new, strict=True))
    if isinstance(old, int | float) and isinstance(new, int | float):
        return not abs(new - old) <= band  # not a number is always a change
    return bool(old != new)
