"""What many calls show together: jitter that is missing, and the herd."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.core.test_backoff_oracle import (
    attempt,
    policies,
    refused,
    unhurried,
)
from fakes.backoff.crowd import ENOUGH, Crowd, least_spread
from fakes.backoff.oracle import judge_attempts
from fakes.backoff.policy import Policy
from voiceutils.backoff import Backoff

EQUAL = Policy(0.25, 1.5, 5.0, "equal", 5)


def crowd_of(delays: list[list[float]], policy: Policy | None) -> Crowd:
    """What calls that were refused, with these delays, add up to."""
    crowd = Crowd()
    for one in delays:
        crowd.merge(judge_attempts(refused(one), policy).crowd)
    return crowd


@settings(unhurried, max_examples=60)
@given(policies, st.integers(0, 2**32), st.integers(ENOUGH, 60))
def test_calls_that_draw_their_delays_are_never_accused(
    policy: Policy, seed: int, calls: int
) -> None:
    """Each call waits as `Backoff` says; every call is refused in the same moment."""
    chance, crowd = random.Random(seed), Crowd()
    backoff = Backoff(
        policy.initial,
        policy.factor,
        policy.max_delay,
        policy.jitter,  # type: ignore[arg-type]
    )
    for _ in range(calls):
        delays: list[float] = []
        for retry in range(policy.attempts - 1):
            before = delays[-1] if delays else None
            delays.append(backoff.delay(retry, chance.random(), before))
        crowd.merge(judge_attempts(refused(delays), policy).crowd)

    assert crowd.violations(policy) == ()


@pytest.mark.parametrize("calls", [ENOUGH, 40, 1000])
def test_calls_in_step_are_named(calls: int) -> None:
    """Each delay lies within its bounds; that they are all the same does not."""
    noise = random.Random(1)
    in_step = [[0.2 + noise.random() * 0.004] for _ in range(calls)]

    assert all(not judge_attempts(refused(one), EQUAL).violations for one in in_step)
    assert "no jitter: retries 1" in crowd_of(in_step, EQUAL).violations(EQUAL)[0]


def test_one_late_start_does_not_pass_for_jitter() -> None:
    """A tenth at either end is left out."""
    in_step = [[0.2]] * 30 + [[0.13], [0.25]]

    assert crowd_of(in_step, EQUAL).violations(EQUAL)


def test_calls_in_step_are_named_without_a_policy() -> None:
    """A spread of a few milliseconds is the scheduler's."""
    in_step = [[0.2 + n % 3 * 0.001] for n in range(60)]
    spread = [[0.2 + n / 600] for n in range(60)]

    assert "no jitter" in crowd_of(in_step, None).violations(None)[0]
    assert crowd_of(spread, None).violations(None) == ()


def test_a_client_that_declares_no_jitter_may_have_none() -> None:
    """It is what it promised."""
    policy = Policy(0.25, 1.5, 5.0, "none", 5)

    assert crowd_of([[0.25]] * 50, policy).violations(policy) == ()


def test_working_links_that_end_together_must_come_back_apart() -> None:
    """A provider that restarts is met by all its clients at once."""
    crowd = Crowd()
    for _ in range(200):
        seen = [attempt(0.0, lasted=60.0), attempt(60.2)]
        crowd.merge(judge_attempts(seen, EQUAL).crowd)

    assert "reconnections of 200 calls" in crowd.violations(EQUAL)[0]


def test_a_few_delays_are_not_judged() -> None:
    """Three equal ones are chance."""
    assert crowd_of([[0.2]] * (ENOUGH - 1), EQUAL).violations(EQUAL) == ()


@pytest.mark.parametrize(("count", "share"), [(12, 0.06), (100, 0.5), (10_000, 0.6)])
def test_the_narrowest_spread_that_chance_gives(count: int, share: float) -> None:
    """More draws leave less room for chance; it is never the whole range."""
    assert share * 0.7 < least_spread(count) < share * 1.3


def test_the_narrowest_spread_is_seldom_undercut() -> None:
    """One in 100 would show in 100 000 draws of twelve; one in 10^9 does not."""
    chance = random.Random(7)
    narrowest = 1.0
    for _ in range(20_000):
        drawn = sorted(chance.random() for _ in range(12))
        narrowest = min(narrowest, drawn[10] - drawn[1])

    assert least_spread(12) < narrowest < 5 * least_spread(12)


def test_the_herd_is_the_worst_second_over_the_busiest_of_new_needs() -> None:
    """Thirty calls a second that are all tried six times within one."""
    crowd = crowd_of([[0.1] * 5] * 30, None)

    assert crowd.herd == 6.0
    assert crowd_of([[]] * 30, None).herd is None


def test_a_herd_is_named_without_a_policy() -> None:
    """Eleven attempts for each new one, in one second."""
    assert "herd" in crowd_of([[0.08] * 11] * 5, None).violations(None)[0]


@unhurried
@given(st.lists(st.lists(st.floats(0.0, 3.0), max_size=4), max_size=6))
def test_crowds_of_several_processes_add_up(delays: list[list[float]]) -> None:
    """In any order, and after a journey as JSON."""
    whole = crowd_of(delays, None)
    back = msgspec.convert(
        msgspec.to_builtins(crowd_of(delays[::-1], None), str_keys=True),
        Crowd,
        strict=False,
    )

    assert back == whole
