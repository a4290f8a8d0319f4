"""One latency recorded, beside the libraries for it and beside an empty call."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from _pytest.mark import ParameterSet
from pytest_benchmark.fixture import BenchmarkFixture

from conformance.bench._installed import needs
from conformance.bench._latency_rivals import (
    RECORDERS,
    Record,
    empty_call,
    histogram_record,
)
from voiceutils import LatencyHistogram

# Around 20 ms, a tenth of them above 50 ms, as frames of a busy phone are late.
_CHANCE = random.Random(7)
LATENCIES = [_CHANCE.lognormvariate(-3.9, 0.7) for _ in range(1000)]


def recorders() -> list[ParameterSet]:
    """Return every way to record, those not installed marked to be skipped."""
    own = [
        pytest.param(empty_call, id="empty call"),
        pytest.param(histogram_record, id="LatencyHistogram"),
    ]
    return own + [
        pytest.param(make, id=module, marks=needs(module))
        for module, make in RECORDERS.items()
    ]


@pytest.mark.benchmark(group="latency: 1000 recorded")
@pytest.mark.parametrize("make", recorders())
def test_record(benchmark: BenchmarkFixture, make: Callable[[], Record]) -> None:
    """Once a frame in a load run: 50 times a second for each call."""
    record = make()

    def thousand() -> None:
        for latency in LATENCIES:
            record(latency)

    benchmark(thousand)


@pytest.mark.benchmark(group="latency: one recorded")
@pytest.mark.parametrize("make", recorders())
def test_record_one(benchmark: BenchmarkFixture, make: Callable[[], Record]) -> None:
    """The same as a caller sees it that does nothing else."""
    record = make()
    record(0.0)
    record(1.0)  # so that what follows is no new extreme
    benchmark(record, 0.0123)


@pytest.mark.benchmark(group="latency: p95 of a million")
def test_percentile(benchmark: BenchmarkFixture) -> None:
    """Depends on the number of buckets, not of latencies."""
    histogram = LatencyHistogram()
    for number in range(1, 1001):
        histogram.record(number / 1000)
    for _ in range(10):  # doubled ten times
        histogram.merge(histogram)
    assert benchmark(histogram.percentile, 95) == pytest.approx(0.95, rel=0.004)


@pytest.mark.benchmark(group="latency: the histograms of 100 calls merged")
def test_merge(benchmark: BenchmarkFixture) -> None:
    """At the end of a run, and for each row of a table."""
    calls = []
    for number in range(100):
        calls.append(call := LatencyHistogram())
        for latency in LATENCIES[number:]:
            call.record(latency)

    def merged() -> LatencyHistogram:
        everything = LatencyHistogram()
        for call in calls:
            everything.merge(call)
        return everything

    assert benchmark(merged).count == sum(call.count for call in calls)


@pytest.mark.benchmark(group="latency: 800 histograms added up")
def test_merge_all(benchmark: BenchmarkFixture) -> None:
    """For which the frames of 800 calls wait, whenever an engine is asked."""
    calls = []
    for _ in range(800):
        call = LatencyHistogram()
        call.record_all(_CHANCE.lognormvariate(-8.0, 0.8) for _ in range(600))
        calls.append(call)

    def added_up() -> LatencyHistogram:
        everything = LatencyHistogram()
        everything.merge_all(calls)
        return everything

    assert benchmark(added_up).count == 800 * 600
