"""Messages over a pair of pipes: their length, then their bytes; pickled ones begin with 0x80."""

from __future__ import annotations

import os
import pickle
import select
import struct
from typing import Any, Final

LENGTH: Final = struct.Struct("<Q")
_CHUNK: Final = 1 << 20
SHORT: Final = 4096
PICKLED: Final = 0x80


class Channel:
    """One end of the two pipes.

    Args:
        source: File descriptor to read from; it is the channel's own.
        sink: File descriptor to write to; it is the channel's own.
    """

    def __init__(self, source: int, sink: int) -> None:
        self._source, self._sink = source, sink
        self._rest = b""
        self._poll = select.poll()
        self._poll.register(source, select.POLLIN)

    @property
    def pending(self) -> bool:
        """Whether something was read already."""
        return bool(self._rest)

    def ends(self) -> tuple[int, int]:
        """File descriptors to read from and to write to."""
        return self._source, self._sink

    def feed(self, data: bytes) -> None:
        """Takes bytes that somebody else has read."""
        self._rest += data

    def ready(self, timeout_s: float) -> bool:
        """Waits until something can be read, or the other end has gone.

        Args:
            timeout_s: At most so long, in seconds.
        """
        return bool(self._rest) or bool(self._poll.poll(timeout_s * 1000.0))

    def send(self, message: bytes) -> None:
        """Sends a message.

        Raises:
            BrokenPipeError: The other end has gone.
        """
        data: bytes | memoryview = LENGTH.pack(len(message)) + message
        sent = os.write(self._sink, data)
        while sent < len(data):
            data = memoryview(data)[sent:]
            sent = os.write(self._sink, data)

    def send_object(self, value: Any) -> None:
        """Sends a value pickled."""
        self.send(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))

    def exchange(self, framed: bytes, timeout_ms: float) -> bytes:
        """Sends a short message and waits for what comes; all in one, since it is what a live step waits for.

        Args:
            framed: The message with its length in front, at most a few kilobytes.
            timeout_ms: How long to wait, in milliseconds.

        Returns:
            The first bytes of what came, with its length in front; nothing when there is nothing yet.

        Raises:
            BrokenPipeError, EOFError: The other end has gone.
        """
        os.write(self._sink, framed)
        if not self._poll.poll(timeout_ms):
            return b""
        data = os.read(self._source, SHORT)
        if not data:
            raise EOFError
        return data

    def receive(self) -> bytes:
        """Waits for a message.

        Raises:
            EOFError: The other end has gone.
        """
        data, self._rest = self._rest, b""
        while len(data) < LENGTH.size:
            # most messages are short, and room for a long one is not had for nothing
            data += self._some(SHORT)
        end = LENGTH.unpack_from(data)[0] + LENGTH.size
        if len(data) < end:
            parts = [data]
            missing = end - len(data)
            while missing > 0:
                parts.append(self._some(_CHUNK))
                missing -= len(parts[-1])
            data = b"".join(parts)
        # answers that come in parts follow one another closely
        self._rest = data[end:]
        return data[LENGTH.size : end]

    def _some(self, most: int) -> bytes:
        data = os.read(self._source, most)
        if not data:
            raise EOFError
        return data

    def close(self) -> None:
        """Closes both pipes; does nothing the second time."""
        source, self._source = self._source, -1
        sink, self._sink = self._sink, -1
        for fd in (source, sink):
            if fd >= 0:
                os.close(fd)


def opened(message: bytes) -> Any:
    """The value of a message that was pickled by the other end, which is our own process."""
    return pickle.loads(message)  # noqa: S301 - see above
