"""Percentiles against the sorted list they stand for; budgets against plain numbers."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from math import ceil, inf, nan
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from voiceutils import (
    DEFAULT_BUDGETS,
    Budget,
    LatencyHistogram,
    SettingError,
    WireError,
)

OFTEN = st.integers(1, 600)
LATENCIES = st.lists(
    st.one_of(
        st.floats(0, 1e4),
        st.floats(1e-9, 1e-3),
        st.integers(0, 12).map(lambda power: 2.0**-power),  # bucket edges
        st.floats(0, 1.7e308),
    ),
    max_size=200,
)
PERCENTS = st.one_of(
    st.sampled_from([0, 1, 50, 50.0, 90, 95.0, 99, 99.9, 99.99, 100]),
    st.floats(0, 100),
)


def histogram_of(values: list[float]) -> LatencyHistogram:
    """Return the values, recorded."""
    histogram = LatencyHistogram()
    for value in values:
        histogram.record(value)
    return histogram


@given(LATENCIES.filter(bool), PERCENTS)
@settings(max_examples=300)
def test_percentile_is_within_its_promise(values: list[float], percent: float) -> None:
    """At every scale the answer is within 0.4 % of the nearest-rank value."""
    rank = max(1, ceil(Fraction(repr(percent)) * len(values) / 100))
    exact = sorted(values)[rank - 1]
    got = histogram_of(values).percentile(percent)
    assert got == pytest.approx(exact, rel=0.004, abs=1e-320)


@given(st.lists(st.floats(0, 1e4), max_size=100), st.floats(0, 1e4))
def test_sums_and_shares_are_within_their_promise(
    values: list[float], limit: float
) -> None:
    """The total, and how many are within a limit, give or take those at its edge."""
    histogram = histogram_of(values)
    assert histogram.total == pytest.approx(sum(values), rel=0.004, abs=1e-300)
    within = histogram.count_within(limit)
    assert sum(value <= limit * 0.996 for value in values) <= within
    assert within <= sum(value <= limit * 1.004 for value in values)
    assert histogram.count_within(1e5) == len(values)


@pytest.mark.parametrize(("percent", "count"), [(86.4, 1375), (64.9, 1000), (8.8, 750)])
def test_rank_is_exact(percent: float, count: int) -> None:
    """These percents of these counts are whole ranks, though not in binary floats."""
    rank = Fraction(repr(percent)) * count / 100
    assert rank.denominator == 1
    histogram = histogram_of([1.01**n for n in range(count)])
    expected = 1.01 ** (int(rank) - 1)
    assert histogram.percentile(percent) == pytest.approx(expected, rel=0.004)


@given(LATENCIES.filter(bool), PERCENTS, PERCENTS)
def test_percentiles_rise_and_stay_within_the_extremes(
    values: list[float], one: float, other: float
) -> None:
    """Smallest <= any percentile <= any higher one <= largest, exact at the ends."""
    histogram = histogram_of(values)
    low, high = sorted((one, other))
    answers = [histogram.percentile(percent) for percent in (low, high)]
    assert histogram.min == min(values)
    assert histogram.max == max(values) == histogram.percentile(100)
    assert min(values) <= answers[0] <= answers[1] <= max(values)  # type: ignore[operator]


@given(st.lists(LATENCIES, max_size=6))
def test_merging_is_recording_everything(runs: list[list[float]]) -> None:
    """Histograms of workers, merged, equal the histogram of all their values."""
    merged = LatencyHistogram()
    for run in runs:
        merged.merge(histogram_of(run))
    everything = [value for run in runs for value in run]
    assert merged == histogram_of(everything)
    assert merged.count == len(everything)


@given(
    # At the begin and the end of an octave, and beside each other.
    st.dictionaries(
        st.sampled_from([0.25, 0.251, 0.253, 0.4995, 0.5]), st.integers(1, 600)
    ),
    st.integers(1, 700),
    st.dictionaries(st.sampled_from([0.25, 0.4995]), st.integers(1, 600)),
)
@example({0.25: 255, 0.251: 255}, 700, {0.25: 256})
def test_many_are_added_up_without_loss(
    alike: dict[float, int], times: int, last: dict[float, int]
) -> None:
    """However often each latency occurred, and in however many histograms."""
    one, other = (
        histogram_of([x for x, n in counts.items() for _ in range(n)])
        for counts in (alike, last)
    )
    merged = LatencyHistogram()
    merged.merge_all([*[one] * times, other])
    wanted = Counter[str]()
    for histogram, number in ((one, times), (other, 1)):
        for bucket, count in histogram.to_counts().items():
            if not bucket.endswith("_bits"):
                wanted[bucket] += count * number
    counts = merged.to_counts()
    assert {x: n for x, n in counts.items() if not x.endswith("_bits")} == wanted


@given(LATENCIES, st.randoms())
def test_what_came_before_does_not_matter(values: list[float], chance: Random) -> None:
    """A latency counts the same as a new extreme, between others or for the nth time.

    Recording takes another path for what lies between others.
    """
    values = values * 2
    shuffled = chance.sample(values, len(values))
    assert histogram_of(sorted(values)) == histogram_of(shuffled)
    assert histogram_of(sorted(values, reverse=True)) == histogram_of(shuffled)


@pytest.mark.parametrize("wrong", [-1e-9, inf, nan])
def test_latency_that_cannot_be_is_refused_among_others_too(wrong: float) -> None:
    """The extremes that are there do not let it through, and it leaves no trace."""
    histogram = histogram_of([0.0, 1.0, 2.0])
    with pytest.raises(ValueError, match="0 or more seconds"):
        histogram.record(wrong)
    assert histogram == histogram_of([0.0, 1.0, 2.0])


@given(LATENCIES.filter(bool))
def test_merging_with_itself_doubles(values: list[float]) -> None:
    """A histogram may be merged into itself."""
    histogram = histogram_of(values)
    histogram.merge(histogram)
    assert histogram == histogram_of(values + values)


@given(LATENCIES)
def test_counts_survive_json(values: list[float]) -> None:
    """Counts, and with them count, extremes and percentiles, come back exactly."""
    histogram = histogram_of(values)
    back = LatencyHistogram.from_counts(json.loads(json.dumps(histogram.to_counts())))
    assert back == histogram
    assert (back.count, back.min, back.max) == (
        histogram.count,
        histogram.min,
        histogram.max,
    )
    assert back.percentile(95) == histogram.percentile(95)


@pytest.mark.parametrize(
    "counts",
    [
        {"5": 1},
        {"5": 1, "min_bits": 0, "max_bits": 0},
        {"min_bits": 0, "max_bits": 0},
        histogram_of([1.0]).to_counts() | {"x": 1},
        histogram_of([1.0]).to_counts() | {"900": 1},
        histogram_of([1.0]).to_counts() | {"min_bits": -1},
        histogram_of([1.0, 2.0]).to_counts() | {"256": 0},
        histogram_of([1.0]).to_counts() | {"256": "many"},
        histogram_of([1.0]).to_counts() | {"max_bits": 1 << 70},
    ],
)
def test_counts_that_cannot_be_are_refused(counts: dict[str, int]) -> None:
    """Nothing that did not come from a histogram becomes one."""
    with pytest.raises(WireError, match="not the counts"):
        LatencyHistogram.from_counts(counts)


@pytest.mark.parametrize("wrong", [-1e-9, -1, inf, nan, -inf])
def test_latency_that_cannot_be_is_refused(wrong: float) -> None:
    """A negative or endless latency is an error, not a value to clamp."""
    histogram = LatencyHistogram()
    with pytest.raises(ValueError, match="0 or more seconds"):
        histogram.record(wrong)
    assert histogram.count == 0


@pytest.mark.parametrize("wrong", [-1, 100.1, nan])
def test_percentile_that_cannot_be_is_refused(wrong: float) -> None:
    """Percentiles lie in 0..100."""
    with pytest.raises(ValueError, match=r"0\.\.100"):
        LatencyHistogram().percentile(wrong)


def test_nothing_recorded_has_no_percentile() -> None:
    """None, rather than a zero that looks fast."""
    empty = LatencyHistogram()
    assert (empty.count, empty.min, empty.max, empty.percentile(95)) == (
        0,
        None,
        None,
        None,
    )
    assert empty.to_counts() == {}


def test_memory_does_not_grow_with_the_number_of_values() -> None:
    """A hundred thousand latencies between 1 ms and 10 s fill under 1800 buckets."""
    histogram = LatencyHistogram()
    for number in range(100_000):
        histogram.record(0.001 + number * 1e-4)
    assert len(histogram.to_counts()) < 1800


@given(LATENCIES.filter(bool), st.floats(0.001, 1e4), st.floats(0.1, 100))
def test_verdict_compares_the_percentile_with_the_limit(
    values: list[float], limit: float, percent: float
) -> None:
    """Met exactly when the percentile is within the limit; else it says by how much."""
    histogram = histogram_of(values)
    value = histogram.percentile(percent)
    verdict = Budget("turn_gap", percent, limit).judge(histogram)
    assert value is not None
    assert verdict.value == value
    assert verdict.met is (value <= limit)
    assert verdict.missed_by == (None if verdict.met else value - limit)


@pytest.mark.parametrize(
    ("value", "met"), [(1.0, True), (1.0000001, False), (0.9999999, True)]
)
def test_limit_itself_is_still_within(value: float, met: bool) -> None:
    """At most the limit, and not a hair more."""
    verdict = Budget("turn_gap", 95, 1.0).judge(histogram_of([value]))
    assert verdict.met is met


def test_what_was_not_measured_misses_its_budget() -> None:
    """An agent that never answered is not a fast agent."""
    verdict = Budget("turn_gap", 95, 1.1).judge(LatencyHistogram())
    assert verdict.met is False
    assert verdict.value is None
    assert "nothing was measured" in str(verdict)


def test_verdict_reads_as_a_sentence() -> None:
    """Budget, value and distance are all there."""
    budget = Budget("turn_gap", 95, 1.1)
    assert (
        str(budget.judge(histogram_of([1.5])))
        == "turn_gap p95 <= 1.100 s: missed by 0.400 s with 1.500 s"
    )
    assert (
        str(budget.judge(histogram_of([0.5])))
        == "turn_gap p95 <= 1.100 s: met with 0.500 s"
    )


@pytest.mark.parametrize(
    ("percentile", "limit"), [(0, 1), (101, 1), (nan, 1), (95, 0), (95, -1), (95, inf)]
)
def test_budget_that_cannot_be_is_refused(percentile: float, limit: float) -> None:
    """The message names the budget."""
    with pytest.raises(SettingError, match="budget greeting"):
        Budget("greeting", percentile, limit)


def test_default_budgets_are_the_published_ones() -> None:
    """Twilio's target and upper limit for the gap; the others have one limit each."""
    limits = {
        (budget.name, budget.percentile): budget.limit_seconds
        for budget in DEFAULT_BUDGETS
    }
    assert limits == {
        ("turn_gap", 50): 0.885,
        ("turn_gap", 95): 1.1,
        ("greeting", 95): 1.5,
        ("barge_in", 95): 0.5,
    }
