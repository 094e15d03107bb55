"""What the server counts, in Prometheus' format."""

from __future__ import annotations

from typing import Any

from wavenetlite.serve.packages import prometheus

TICK_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
LATENCY_SECONDS = (0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.2, 0.5, 1.0, 2.0)


class Metrics:
    """Counters of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = prometheus.CollectorRegistry()
        self.streams = self._gauge("streams", "Open streams", "model")
        self.opened = self._counter("streams_opened", "Streams opened", "model")
        self.resumed = self._counter("streams_resumed", "Streams opened that go on from the store", "model")
        self.closed = self._counter("streams_closed", "Streams closed, by reason", "reason")
        self.refused = self._counter("requests_refused", "Requests refused, by HTTP status", "status")
        self.blocks = self._counter("blocks", "Blocks of audio processed", "model")
        self.events = self._counter("events", "Events detected", "model")
        self.saved = self._counter("snapshots_saved", "Streams written to the store")
        self.save_failures = self._counter("store_failures", "Calls of the store that failed")
        self.classified = self._counter("files_classified", "Files classified", "model")
        self.ticks = self._histogram("tick_seconds", "Time to process what waits, of all streams", TICK_SECONDS)
        self.latency = self._histogram(
            "latency_seconds", "From the arrival of the block that waited longest to its events, each tick",
            LATENCY_SECONDS,
        )  # fmt: skip

    def text(self) -> bytes:
        written: bytes = prometheus.generate_latest(self.registry)
        return written

    def _gauge(self, name: str, about: str, *labels: str) -> Any:
        return prometheus.Gauge(f"wavenetlite_{name}", about, labels, registry=self.registry)

    def _counter(self, name: str, about: str, *labels: str) -> Any:
        return prometheus.Counter(f"wavenetlite_{name}", about, labels, registry=self.registry)

    def _histogram(self, name: str, about: str, buckets: tuple[float, ...]) -> Any:
        return prometheus.Histogram(f"wavenetlite_{name}", about, buckets=buckets, registry=self.registry)
