"""``GET /metrics``: what runs, in the Prometheus text format, from the service and the requests of this server."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.responses import Response

from interop.rest.routes import Call, Reply, Route
from interop.service import TwinService

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Metrics:
    """Counts the requests of one server; reads the rest from the service when it is asked.

    Args:
        service: What is served.
        streams: Gives the number of open streams.
    """

    def __init__(self, service: TwinService, streams: Callable[[], int]) -> None:
        self._registry = CollectorRegistry(auto_describe=True)
        self._requests = Counter(
            "megatwin_http_requests", "Requests answered, by operation and status.", ("operation", "status"),
            registry=self._registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "megatwin_http_request_seconds", "Time to an answer's first byte, by operation.", ("operation",),
            buckets=_BUCKETS_S, registry=self._registry,
        )  # fmt: skip
        self._registry.register(_Service(service, streams))

    def count(self, operation: str, status: int, seconds: float) -> None:
        """Counts one request.

        Args:
            operation: ``operationId`` of its route; empty for one that no route serves.
            status: HTTP status of the answer.
            seconds: How long it took.
        """
        self._requests.labels(operation, str(status)).inc()
        self._seconds.labels(operation).observe(seconds)

    async def get(self, call: Call) -> Response:  # noqa: ARG002 - a handler's signature
        """GET /metrics."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


class _Service(Collector):
    """What the service says of itself, read at the time of the question."""

    def __init__(self, service: TwinService, streams: Callable[[], int]) -> None:
        self._service = service
        self._streams = streams

    def describe(self) -> Iterable[Metric]:
        """Nothing is read before the first question."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The figures of now."""
        health = self._service.health()
        yield GaugeMetricFamily("megatwin_ready", "1 when every source has been opened.", int(health.ready))
        yield CounterMetricFamily("megatwin_ledger_events", "Durable events.", health.seq)
        yield GaugeMetricFamily("megatwin_twins", "Twins.", len(self._service.graph.twins))
        yield GaugeMetricFamily("megatwin_streams", "Open streams.", self._streams())
        yield GaugeMetricFamily("megatwin_problems", "Problems that /v1/health lists.", len(health.problems))
        up = GaugeMetricFamily("megatwin_source_up", "1 while the link of a source is up.", labels=("source", "kind"))
        bound = GaugeMetricFamily("megatwin_source_points", "Points bound to a source.", labels=("source", "kind"))
        lost = CounterMetricFamily(
            "megatwin_source_overflowed", "Readings dropped by a full queue.", labels=("source", "kind")
        )
        anew = CounterMetricFamily(
            "megatwin_source_restarts", "Times that a source was opened anew.", labels=("source", "kind")
        )
        for source in health.sources:
            labels = (source.name, source.kind)
            up.add_metric(labels, int(source.state == "up"))
            bound.add_metric(labels, source.bound)
            lost.add_metric(labels, source.overflowed)
            anew.add_metric(labels, source.restarts)
        yield from (up, bound, lost, anew)


def routes(metrics: Metrics) -> Iterable[Route]:
    """Gives the route of the metrics."""
    yield Route(
        method="GET", path="/metrics", handler=metrics.get, family="plain", id="get_metrics",
        summary="Figures for Prometheus.",
        replies={200: Reply(description="Prometheus text format 0.0.4.", model={"type": "string"},
                            media="text/plain")},
    )  # fmt: skip
