"""Other ways to record a latency, each as its library's manual shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from voiceutils import LatencyHistogram

__all__ = ["RECORDERS", "Record", "empty_call", "histogram_record"]

Record: TypeAlias = Callable[[float], object]
_HOUR_IN_MICROSECONDS = 3_600_000_000


class _Nothing:
    def record(self, seconds: float) -> None: ...


def empty_call() -> Record:
    """Return a method that does nothing: the floor."""
    return _Nothing().record


def histogram_record() -> Record:
    """Return what all the others are compared with."""
    return LatencyHistogram().record


def _hdrhistogram() -> Record:
    from hdrh.histogram import HdrHistogram

    histogram = HdrHistogram(1, _HOUR_IN_MICROSECONDS, 2)  # two digits are 1 %
    # It counts whole numbers, so the conversion is part of recording.
    return lambda seconds: histogram.record_value(int(seconds * 1e6))


def _ddsketch() -> Record:
    from ddsketch import DDSketch

    add: Record = DDSketch(0.01).add
    return add


def _prometheus() -> Record:
    from prometheus_client import CollectorRegistry, Histogram

    registry = CollectorRegistry()
    observe: Record = Histogram("latency", "seconds", registry=registry).observe
    return observe


def _opentelemetry() -> Record:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    provider = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    record: Record = provider.get_meter("calls").create_histogram("latency").record
    return record


# What is imported -> how it records. Locust is not among them: to import it patches
# the sockets, threads and clocks of the whole process.
RECORDERS: dict[str, Callable[[], Record]] = {
    "hdrh": _hdrhistogram,
    "ddsketch": _ddsketch,
    "prometheus_client": _prometheus,
    "opentelemetry.sdk": _opentelemetry,
}
