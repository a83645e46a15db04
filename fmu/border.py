"""The one place where exceptions of FMPy, which knows hardly any class of its own for them, become ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dtdl.errors import MegatwinError


@contextmanager
def border(error_of: Callable[[Exception], MegatwinError]) -> Iterator[None]:
    """Turns whatever FMPy raises inside into one of our errors; nothing but a call of FMPy belongs inside.

    Args:
        error_of: Gives ours for theirs.
    """
    try:
        yield
    except Exception as error:
        raise error_of(error) from error
