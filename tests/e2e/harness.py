"""Processes for end-to-end tests: plants that obey, and megatwin itself as a user starts it."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WATERWORKS = HERE / "waterworks"
API = {"api-version": "2023-10-31"}


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment() -> dict[str, str]:
    """The environment of a child: this checkout first, no colours."""
    return os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


def wait_until(condition: Callable[[], Any], timeout_s: float = 20.0, what: str = "") -> Any:
    """Polls until it gives something true; gives that."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"not within {timeout_s} s: {what}")


class Plant:
    """A plant process of the waterworks that obeys."""

    def __init__(self, kind: str, port: int) -> None:
        self.kind, self.port = kind, port
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(WATERWORKS / "plant.py"), self.kind, "--port", str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        assert self.process.stdout is not None
        self.url = json.loads(self.process.stdout.readline())["url"]

    def tell(self, text: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()


@contextmanager
def plant(kind: str) -> Iterator[Plant]:
    found = Plant(kind, free_port())
    try:
        yield found
    finally:
        found.kill()


class Megatwin:
    """``megatwin`` in a process of its own; what it says on stderr is kept."""

    def __init__(
        self, *arguments: str, cwd: Path, python: str = sys.executable, env: dict[str, str] | None = None
    ) -> None:
        self.process = subprocess.Popen(
            [python, "-m", "megatwin", *arguments],
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env or environment(),
            start_new_session=True,
        )
        self.said: list[str] = []
        self.lines: queue.Queue[str] = queue.Queue()
        self._readers = [
            threading.Thread(target=self._keep, args=(self.process.stderr, self.said.append)),
            threading.Thread(target=self._keep, args=(self.process.stdout, self.lines.put)),
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _keep(pipe: Any, put: Callable[[str], None]) -> None:
        with pipe:
            for line in pipe:
                put(line.rstrip("\n"))

    @property
    def url(self) -> str:
        """Where REST is, once it is said."""

        def find() -> str | None:
            assert self.process.poll() is None, "\n".join(self.said)
            return next((line.split()[2] for line in self.said if line.startswith("megatwin: REST")), None)

        found: str = wait_until(find, 30, "REST is served")
        return found

    @property
    def opcua(self) -> str:
        """Where the OPC UA server is, once it is said."""
        found: str = wait_until(
            lambda: next((line.split()[3] for line in self.said if line.startswith("megatwin: OPC UA")), None),
            30,
            "OPC UA is served",
        )
        return found

    def get(self, path: str, /, **params: str) -> Any:
        """GET below the service; the JSON answer."""
        reply = httpx.get(self.url + path, params=params, timeout=10)
        reply.raise_for_status()
        return reply.json()

    def value(self, text: str) -> dict[str, Any]:
        """One value of ``/v1``: ``twin/path``."""
        twin, _, path = text.partition("/")
        found: dict[str, Any] = self.get(f"/v1/twins/{twin}")["values"][path]
        return found

    def patch(self, twin: str, path: str, value: Any, request: str | None = None) -> httpx.Response:
        """PATCH one property in the Azure form."""
        return httpx.patch(
            f"{self.url}/digitaltwins/{twin}",
            params=API,
            content=json.dumps([{"op": "add", "path": path, "value": value}]),
            headers={"content-type": "application/json-patch+json"}
            | ({"x-ms-client-request-id": request} if request else {}),
            timeout=15,
        )

    def stop(self, number: int = signal.SIGINT) -> int:
        """Sends a signal and waits; gives the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(20)
        for reader in self._readers:
            reader.join(5)
        return code


@contextmanager
def megatwin(*arguments: str, cwd: Path, **more: Any) -> Iterator[Megatwin]:
    found = Megatwin(*arguments, cwd=cwd, **more)
    try:
        yield found
    finally:
        found.stop(signal.SIGKILL)


def run(
    *arguments: str, cwd: Path, timeout_s: float = 60, python: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    return subprocess.run(
        [python, "-m", "megatwin", *arguments],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def children_of(session: int) -> list[int]:
    """Processes of a session that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(entry.name))
    return found
