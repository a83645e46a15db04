"""The compiled loop as a shared library: found in a wheel, or built from its source on first use."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from dtdl.errors import BuildFailed
from dtdl.resources import data_dir
from fmu.binaries import ending
from fmu.build import compiler

SOURCE: Final = Path(__file__).with_name("loop.c")
FLAGS: Final = (
    "-std=c99", "-O2", "-ffp-contract=off", "-fno-fast-math", "-fPIC", "-shared", "-g0", "-s", "-Wl,--build-id=none",
)  # fmt: skip
"""Contraction would round once where Python rounds twice."""
_TIMEOUT_S: Final = 120.0


def build(target: Path) -> Path:
    """Compiles the loop.

    Args:
        target: The library to write; replaced in one step when all went well.

    Raises:
        BuildFailed: There is no compiler, or it refused.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="megatwin-kernel-", dir=target.parent) as scratch:
        beside = Path(scratch) / target.name
        command = [compiler(), *FLAGS, "-o", str(beside), SOURCE.name, "-lm"]
        try:
            done = subprocess.run(  # noqa: S603 - a compiler with arguments of ours, without a shell
                command, cwd=SOURCE.parent, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BuildFailed(f"the compiled loop: the compiler did not run: {error}", action="Install gcc.") from error
        if done.returncode:
            raise BuildFailed(f"the compiled loop: the compiler refused it:\n{done.stderr}", action="Install gcc.")
        beside.replace(target)
    return target


def wheel_name() -> str:
    """Name of the library in a wheel."""
    return f"loop{ending()}"


def find() -> Path:
    """Path of the library, built if it is not there yet.

    Raises:
        BuildFailed: It is not built, and cannot be here.
    """
    shipped = data_dir("fmu") / "kernel" / wheel_name()
    if shipped.is_file() and shipped.parent != SOURCE.parent:
        return shipped
    # named by the content, so that an old one is never taken for a new one
    digest = hashlib.sha256(SOURCE.read_bytes() + " ".join(FLAGS).encode()).hexdigest()[:16]
    name = f"loop-{digest}{ending()}"
    beside = SOURCE.parent / name
    # built by a process that may write here, and used by one in a sandbox, which may not
    if beside.is_file():
        return beside
    target = beside if os.access(SOURCE.parent, os.W_OK) else _kept(name)
    if target.is_file():
        return target
    try:
        build(target)
    except OSError as error:
        raise BuildFailed(f"the compiled loop cannot be built: {error}", action="Install megatwin again.") from error
    for old in target.parent.glob(f"loop-*{ending()}"):
        if old != target:
            old.unlink(missing_ok=True)
    return target


def _kept(name: str) -> Path:
    try:
        return Path.home() / ".cache" / "megatwin" / "kernel" / name
    except RuntimeError as error:
        raise BuildFailed("there is no folder to build the compiled loop in", action="Set HOME.") from error


@functools.cache
def load() -> ctypes.CDLL:
    """The library, in this process.

    Raises:
        BuildFailed: It is not built, and cannot be here; or it cannot be loaded.
    """
    path = find()
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise BuildFailed(f"{path}: it cannot be loaded: {error}", action="Install megatwin again.") from error
