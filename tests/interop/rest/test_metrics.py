"""Figures for Prometheus."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.interop.rest.memory_service import MemoryService

LABELS = ("operation", "status", "source", "kind")


async def figures(http: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    reply = await http.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *(sample.labels[name] for name in LABELS if name in sample.labels)): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }


async def test_the_service_and_its_sources_are_told(http: httpx.AsyncClient, service: MemoryService) -> None:
    found = await figures(http)
    assert found[("megatwin_ready",)] == 1
    assert found[("megatwin_ledger_events_total",)] == service.graph.seq
    assert found[("megatwin_twins",)] == 1
    assert found[("megatwin_source_up", "plant", "memory")] == 1
    assert found[("megatwin_source_points", "plant", "memory")] == 2


async def test_requests_are_counted_by_operation_and_status(http: httpx.AsyncClient) -> None:
    await http.get("/v1/twins/room")
    await http.get("/v1/twins/room")
    await http.get("/v1/twins/none")
    await http.get("/nothing")
    found = await figures(http)
    assert found[("megatwin_http_requests_total", "get_twin", "200")] == 2
    assert found[("megatwin_http_requests_total", "get_twin", "404")] == 1
    assert found[("megatwin_http_requests_total", "", "404")] == 1
    assert found[("megatwin_http_request_seconds_count", "get_twin")] == 3
