"""What measuring costs: one turn of a call, one latency into the histogram."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from voiceutils import LatencyHistogram, PerformanceMetrics


@pytest.mark.benchmark(group="metrics: one turn of 40 tokens and 100 audio messages")
def test_turn(benchmark: BenchmarkFixture) -> None:
    """All marks of a turn, of which four count, and the reset."""
    metrics = PerformanceMetrics()

    def turn() -> int:
        metrics.start_llm()
        for _ in range(40):
            metrics.track_llm_first_token()
        metrics.start_tts()
        for _ in range(100):
            metrics.track_first_audio_byte()
        values = len(metrics.get_metrics())
        metrics.reset()
        return values

    assert benchmark(turn) == 3


@pytest.mark.benchmark(group="metrics: one latency")
def test_record(benchmark: BenchmarkFixture) -> None:
    """Once a frame in a load run: 50 times a second for each call."""
    histogram = LatencyHistogram()
    benchmark(histogram.record, 0.0123)
    assert histogram.count >= 1


@pytest.mark.benchmark(group="metrics: p95 of a million latencies")
def test_percentile(benchmark: BenchmarkFixture) -> None:
    """Depends on the number of buckets, not of latencies."""
    histogram = LatencyHistogram()
    for number in range(1, 1001):
        histogram.record(number / 1000)
    for _ in range(10):  # doubled ten times
        histogram.merge(histogram)
    assert benchmark(histogram.percentile, 95) == pytest.approx(0.95, rel=0.004)
