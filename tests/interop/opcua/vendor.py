"""A client of another vendor (node-opcua) in a process of its own, for tests of our server."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent / "node"


def installed() -> str:
    """Node's program; continuous integration installs the client, and its absence is a reason to skip elsewhere."""
    ci = os.environ.get("CI") == "true"
    node = shutil.which("node")
    there = (HERE / "node_modules" / ".package-lock.json").is_file()  # what npm writes last
    if node is None or not there:
        reason = "no Node.js" if node is None else f"node-opcua is not installed: npm ci --ignore-scripts in {HERE}"
        if ci:
            pytest.fail(reason)
        pytest.skip(reason)
    return node


class Refusal(Exception):
    """What the client says when a request fails."""


class Vendor:
    """Commands to the client; see node/client.cjs for what they are."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, folder: Path) -> Vendor:
        pipe = asyncio.subprocess.PIPE
        return cls(
            await asyncio.create_subprocess_exec(
                installed(), str(HERE / "client.cjs"), str(folder), stdin=pipe, stdout=pipe, limit=1 << 24
            )
        )

    async def ask(self, do: str, **arguments: Any) -> Any:
        """Does one command; gives its result.

        Raises:
            Refusal: The client's own words.
        """
        process = self._process
        process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        async with asyncio.timeout(60):
            while not (line := await process.stdout.readline()).startswith(b"@"):
                assert line, "the client ended"
        answer = json.loads(line[1:])
        if "error" in answer:
            raise Refusal(answer["error"])
        return answer.get("result")

    async def stop(self) -> None:
        self._process.stdin.close()
        await self._process.wait()
