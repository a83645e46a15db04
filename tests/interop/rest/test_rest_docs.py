from __future__ import annotations

import re
from pathlib import Path

from interop.rest.app import App
from interop.rest.client import Client
from interop.rest.problem import STATUS_OF_CODE
from tests.interop.rest.memory_service import MemoryService

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_on_rest_names_every_route_and_no_other() -> None:
    text = (DOCS / "rest.md").read_text("utf-8")
    named = {path.split("?")[0] for path in re.findall(r"`(?:[A-Z`, ]+ )?(/[\w{}/.]+(?:\?[^`]*)?)`", text)}
    assert named - {"/v1"} == {route.path for route in App(MemoryService()).routes}


def test_the_page_on_errors_names_every_status_of_its_own() -> None:
    text = (DOCS / "rest.md").read_text("utf-8")
    for status in (400, 409, 412, 500, 503, 504, *STATUS_OF_CODE.values()):
        assert str(status) in text


def test_the_page_on_the_client_names_every_operation() -> None:
    text = (DOCS / "python-client.md").read_text("utf-8")
    operations = {name for name in dir(Client) if not name.startswith("_")} - {"send", "close"}
    assert operations == {name for name in operations if f"`{name}(" in text}
