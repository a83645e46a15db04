"""Bubblewrap around a worker process, where it works: no network, no other processes, and one folder to write to.

It is tried once. It is never required: a worker is a process with limits in any case.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_TIMEOUT_S: Final = 10.0
_FLAGS: Final = (
    "--unshare-user-try", "--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
    "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc",
)  # fmt: skip
_SIGNALLED: Final = 128


@functools.cache
def _tried() -> tuple[str, str]:
    """Path of bubblewrap, and why it is not used; one of the two is empty."""
    found = shutil.which("bwrap")
    if found is None:
        return "", "bubblewrap is not installed"
    probe = shutil.which("true") or "/bin/true"
    try:
        done = subprocess.run(  # noqa: S603 - a program of the system with arguments of ours
            [found, *_FLAGS, probe], capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", f"bubblewrap does not start: {error}"
    if done.returncode:
        return "", f"bubblewrap does not work here: {done.stderr.strip() or f'exit code {done.returncode}'}"
    return found, ""


def why_not() -> str:
    """Why workers run without bubblewrap; empty when they run with it."""
    return _tried()[1]


def wrapped(command: Sequence[str], folder: Path) -> list[str]:
    """Puts bubblewrap before a command, where it works; the process in between is killed with its group.

    Args:
        command: Program and arguments; open file descriptors are handed on.
        folder: The one folder that it may write to.
    """
    found, _ = _tried()
    if not found:
        return list(command)
    place = str(folder.resolve())
    return [found, *_FLAGS, "--bind", place, place, "--chdir", place, "--setenv", "TMPDIR", place, "--", *command]


def exit_code(code: int) -> int:
    """The exit code of a wrapped command, as `subprocess` gives it: below 0 for a signal.

    Args:
        code: Of the process that was started; bubblewrap gives 128 and the signal.
    """
    return _SIGNALLED - code if code > _SIGNALLED and not why_not() else code
