"""Every operation of the published Azure Digital Twins client for JavaScript, unmodified, over TLS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.interop.rest.serving import MODELS, serving

NODE = Path(__file__).parent / "node"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with what its lock names, installed."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("node and npm are not installed, and continuous integration must run this test")
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json", "client.mjs"):
        shutil.copy(NODE / name, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=110, check=False)
    if done.returncode and os.environ.get("CI") != "true":
        pytest.skip(f"npm ci failed, perhaps without a network: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr
    return folder


def test_the_client_for_javascript_does_everything_that_it_can(folder: Path, tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--endpoint", f"log={tmp_path / 'events.ndjson'}") as served:
        done = subprocess.run(
            ["node", "client.mjs", served.url, json.dumps(MODELS)],
            cwd=folder,
            env={**os.environ, "NODE_EXTRA_CA_CERTS": served.authority, "NO_PROXY": "127.0.0.1"},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        "models", "twins", "components", "relationships", "telemetry", "queries", "eventRoutes", "end",
    ]  # fmt: skip
