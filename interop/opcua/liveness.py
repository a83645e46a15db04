"""Liveness: when a silent plant is asked for a sign of life, and how long its answer is awaited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_KEEP_ALIVE: Final = 1 / 4
_BEAT: Final = 1 / 3
_SILENCE: Final = 0.85
_LATE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Liveness:
    """Splits ``stale-after`` so that a silent plant is reported before it is over.

    Attributes:
        stale_s: Without a sign of life for so long, the values of the plant must be bad.
    """

    stale_s: float

    @property
    def keep_alive_s(self) -> float:
        """So often a plant with nothing to publish is to say that it lives, so that it need not be asked."""
        return self.stale_s * _KEEP_ALIVE

    @property
    def beat_s(self) -> float:
        """After so long a silence the plant is asked."""
        return self.stale_s * _BEAT

    @property
    def silence_s(self) -> float:
        """So long a silence is the loss of the link; the rest of ``stale_s`` is for reporting it."""
        return self.stale_s * _SILENCE

    def patience_s(self, quiet_s: float) -> float:
        """How long the answer is awaited.

        Args:
            quiet_s: How long nothing has been heard when the plant is asked, at least ``beat_s``.

        Returns:
            What is left of ``silence_s``. Who asks much later than due was busy and could not hear; that is not the
            plant's silence, and does not count.
        """
        if quiet_s - self.beat_s > self.stale_s * _LATE:
            return self.silence_s - self.beat_s
        return self.silence_s - quiet_s
