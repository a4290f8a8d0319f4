"""The search for the capacity, against agents and generators with known limits."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.core.test_load_verdict import TERMS, a_run
from loadtests._capacity import (
    MOST_STEPS,
    RESOLUTION,
    CapacityStep,
    Search,
    judge_search,
    step_of,
)
from loadtests._curve import draw_curve, render_steps
from loadtests._tally import Tally
from loadtests._verdict import INVALID, MET, MISSED, Terms, judge_run
from voiceutils.budget import DEFAULT_BUDGETS


def searched(
    agent: int, *, most: int = 500, generator: int = 10**6, upset: int = -1
) -> Search:
    """A whole search; the ``upset``-th step is missed whatever the agent holds."""
    search = Search(5, most)
    while (phones := search.next_phones) is not None:
        word = "OK" if phones <= agent else "MISSED"
        if len(search.steps) == upset:
            word = "MISSED"
        if phones > generator:
            word = "INVALID"
        gap = 0.7 + 0.5 * phones / max(agent, 1)
        why = () if word == "OK" else ("turn gap p95 is <too> long",)
        search.took(CapacityStep(phones, word, why, gap_p50=0.6, gap_p95=gap))
    return search


@given(st.integers(0, 499))
def test_the_knee_is_found(agent: int) -> None:
    """Never above what the agent holds, and at most a tenth below."""
    search = searched(agent)

    assert search.knee is not None
    assert search.knee <= agent <= search.knee + max(1, RESOLUTION * search.knee)
    assert len(search.steps) <= MOST_STEPS


@given(st.integers(20, 499), st.integers(0, 9))
def test_one_bad_moment_does_not_decide(agent: int, upset: int) -> None:
    """The miss at the end is tried again before it is believed."""
    search = searched(agent, upset=upset)

    least = agent - max(1, RESOLUTION * agent) - 1
    assert search.held <= agent
    # An upset on the way down costs the steps above it only until they are retried.
    assert search.knee is not None or search.held >= least


@given(st.integers(1, 300), st.integers(1, 300))
def test_a_late_generator_is_never_the_agents_limit(agent: int, generator: int) -> None:
    """Beyond what the generator paces nothing is said, and the verdict is INVALID."""
    search = searched(agent, generator=generator)

    if agent > generator * 1.2 + 2:
        assert search.knee is None
        assert "nothing can be said of it" in search.finding
        assert judge_search(search, 0).exit_code == INVALID
    elif generator > agent * 1.3 + 2:
        assert search.knee is not None
    assert search.missed is None or search.missed > agent
    assert search.held <= min(agent, generator)


def test_an_invalid_step_is_repeated_and_may_come_good() -> None:
    """A machine that was busy for a moment costs a step, not the answer."""
    search = Search(5, 10)

    search.took(CapacityStep(5, "INVALID"))
    assert search.next_phones == 5
    search.took(CapacityStep(5, "OK"))
    assert search.next_phones == 10
    search.took(CapacityStep(10, "OK"))

    assert search.next_phones is None
    assert search.finding == "the agent holds all 10 calls asked for (--max-calls)"


@pytest.mark.parametrize(
    ("agent", "need", "code"),
    [(40, 0, MET), (40, 30, MET), (40, 60, MISSED), (0, 0, MISSED), (900, 0, MET)],
)
def test_the_exit_code_follows_what_is_needed(agent: int, need: int, code: int) -> None:
    """Any capacity is fine unless so many calls are needed."""
    assert judge_search(searched(agent), need).exit_code == code


def test_what_is_needed_may_be_shown_below_the_generators_limit() -> None:
    """Thirty were held; that fifty could not be measured does not matter then."""
    search = searched(900, generator=50)

    assert judge_search(search, 30).exit_code == MET
    assert judge_search(search, 60).exit_code == INVALID
    assert judge_search(search, 30, "the agent died").exit_code == MISSED


def test_a_step_holds_the_agent_to_whole_audio() -> None:
    """Audio that ran dry in more than one utterance of a hundred is a miss."""
    tally = a_run(100, turn_gap=0.7)
    tally.counts.update(utterances=300, underruns=4, generator_cpu_ms=2500)

    step = step_of(30, tally, judge_run(tally, TERMS), seconds=10.0)

    assert step.word == "MISSED"
    assert step.reasons == ("the agent's audio ran dry 4 times in 300 utterances",)
    assert step.generator == 0.25
    tally.counts["underruns"] = 3
    assert step_of(30, tally, judge_run(tally, TERMS), 10.0).word == "OK"


@given(st.integers(0, 499), st.integers(1, 499))
def test_the_curve_is_a_picture_and_a_table(agent: int, generator: int) -> None:
    """Well-formed SVG with a dot a step; the table fits and marks the knee."""
    search = searched(agent, generator=generator)

    picture = ET.fromstring(draw_curve(search, DEFAULT_BUDGETS))
    table = render_steps(search).splitlines()

    dots = [part for part in picture.iter() if part.tag.endswith("circle")]
    assert len(dots) == len(search.steps)
    assert len(table) == len(search.steps) + 2
    assert max(map(len, table)) <= 100
    assert any(line.startswith("> ") for line in table) == bool(search.knee)


def test_a_search_that_did_nothing_can_be_drawn() -> None:
    """Ended before its first step."""
    search = Search(5, 10)

    ET.fromstring(draw_curve(search, ()))
    assert "ended early" in search.finding


def test_a_step_without_one_turn_says_nothing_of_the_agent() -> None:
    """Too short, or its calls came too late: it is repeated. Failures are told."""
    tally = Tally()
    tally.counts.update(placed=5, cut=5)
    terms = Terms(DEFAULT_BUDGETS, whole_calls=False)

    assert step_of(5, tally, judge_run(tally, terms), 8.0).word == "INVALID"
    tally.counts.update(cut=-5, failed=5)
    assert step_of(5, tally, judge_run(tally, terms), 8.0).word == "MISSED"
