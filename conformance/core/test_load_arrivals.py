"""Arrivals: the load offered does not depend on what the agent does with it."""

from __future__ import annotations

from itertools import islice
from math import inf, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests._arrivals import (
    ARRIVALS,
    HOLDING,
    DueCalls,
    arrivals,
    holding_time,
    share_of,
)
from loadtests._erlang import blocking, lines_for
from loadtests._profiles import PROFILES, Profile, flat, profile

names = st.sampled_from(PROFILES)


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_reaches_its_peak_and_no_more(name: str) -> None:
    """Between nothing and the peak at every moment, and at the peak at some."""
    levels = [profile(name, 600).level(second) for second in range(601)]

    assert max(levels) == 1.0
    assert min(levels) >= 0.0


@given(names, st.floats(10, 3600), st.floats(0.001, 0.99))
def test_when_is_the_inverse_of_the_area(name: str, length: float, at: float) -> None:
    """The area up to the moment that ``when`` gives is the area asked for."""
    course = profile(name, length)
    steps = 4000
    moment = at * length
    area = sum(course.level(moment * (n + 0.5) / steps) for n in range(steps))
    area *= moment / steps

    assert course.when(area) == pytest.approx(moment, rel=0.02, abs=length * 0.002)


def test_a_profile_that_ends_in_nothing_never_goes_on() -> None:
    """No call arrives any more, instead of a division by zero."""
    course = Profile(((0.0, 1.0), (10.0, 0.0)))

    assert course.when(4.9) < 10
    assert course.when(5.1) == inf


def test_constant_arrivals_are_evenly_apart() -> None:
    """Two a second: each half second."""
    moments = list(islice(arrivals(2.0, "constant", flat()), 4))

    assert moments == [0.5, 1.0, 1.5, 2.0]


@pytest.mark.parametrize("kind", ARRIVALS)
@given(seed=st.integers(0, 50))
def test_the_rate_is_what_was_asked_for(kind: str, seed: int) -> None:
    """1000 arrivals at 5 a second take 200 s, give or take four deviations."""
    *_, last = islice(arrivals(5.0, kind, flat(), seed=seed), 1000)

    assert abs(last - 200) <= 4 * sqrt(1000) / 5


def test_poisson_arrivals_are_independent() -> None:
    """Gaps vary as much as their mean: a third of them exceed it."""
    moments = list(islice(arrivals(1.0, "poisson", flat(), seed=3), 5000))
    gaps = [b - a for a, b in zip([0.0, *moments], moments, strict=False)]

    assert 0.33 < sum(gap > 1 for gap in gaps) / len(gaps) < 0.41


@given(st.integers(1, 7), names)
def test_workers_together_offer_what_one_would(workers: int, name: str) -> None:
    """Every arrival is exactly one worker's."""

    def moments() -> list[tuple[int, float]]:
        return list(enumerate(islice(arrivals(3.0, "poisson", profile(name, 60)), 99)))

    shares = [
        list(share_of((at for _, at in moments()), index, workers))
        for index in range(workers)
    ]

    assert sorted(call for share in shares for call in share) == moments()


@pytest.mark.parametrize("kind", HOLDING)
def test_holding_times_have_their_mean(kind: str) -> None:
    """And are the same for the same call."""
    times = [holding_time(kind, 60.0, call, seed=2) for call in range(20_000)]

    assert sum(times) / len(times) == pytest.approx(60.0, rel=0.03)
    assert holding_time(kind, 60.0, 5, seed=2) == times[5]
    assert min(times) >= 0


@given(
    st.lists(st.floats(0, 30), max_size=40).map(sorted),
    st.lists(st.floats(0, 40), max_size=60).map(sorted),
)
def test_every_call_that_arrived_is_placed_or_counted(
    moments: list[float], phones_free_at: list[float]
) -> None:
    """Whenever phones come free: taken in order and in time, or lost, or waiting."""
    due = DueCalls(iter(enumerate(moments)), late_by=1.0)
    taken = []
    for now in phones_free_at:
        due.advance(now)
        if (call := due.take(now)) is not None:
            assert now - 1.0 <= call[1] <= now
            taken.append(call)
    end = 100.0
    due.advance(end)

    assert taken == sorted(taken)
    assert due.offered == len(moments)
    assert due.blocked + len(taken) == len(moments)


def test_a_stalled_agent_does_not_thin_the_load() -> None:
    """No phone comes free for ten seconds: every call of that time is counted."""
    due = DueCalls(share_of(arrivals(10.0, "constant", flat()), 0, 1), late_by=1.0)
    placed = 0
    for tick in range(2000):
        now = tick / 100
        due.advance(now)
        stalled = 5 <= now < 15
        while not stalled and due.take(now) is not None:
            placed += 1

    assert due.offered == 199
    assert (placed, due.blocked) == (109, 90)


@pytest.mark.parametrize(
    ("erlangs", "lines", "lost"),
    # Published tables of Erlang's B formula, to three digits.
    [(1.0, 1, 0.5), (10.0, 10, 0.215), (20.0, 30, 0.00846), (100.0, 117, 0.0098)],
)
def test_erlangs_formula(erlangs: float, lines: int, lost: float) -> None:
    """As the tables have it."""
    assert blocking(erlangs, lines) == pytest.approx(lost, rel=0.01)


@given(st.floats(0.1, 500), st.sampled_from([0.1, 0.01, 0.0001]))
def test_the_lines_for_a_loss_are_the_fewest(erlangs: float, lost: float) -> None:
    """One line less would lose more."""
    lines = lines_for(erlangs, lost)

    assert blocking(erlangs, lines) <= lost
    assert lines == 1 or blocking(erlangs, lines - 1) > lost
