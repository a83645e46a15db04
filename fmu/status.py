"""What FMI functions answer (FMI 2.0, 2.1.3; FMI 3.0, 2.2.3); the numbers are the same in every version."""

from __future__ import annotations

from typing import Final

OK, WARNING, DISCARD, ERROR, FATAL = range(5)
NAMES: Final = ("OK", "Warning", "Discard", "Error", "Fatal", "Pending")
