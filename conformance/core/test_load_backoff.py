"""The judge of reconnections: accepts what keeps the promise, names what breaks it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests._backoff import (
    SLACK_EARLY,
    SLACK_LATE,
    AttemptSeen,
    Judgement,
    Policy,
    judge_attempts,
    parse_policy,
)
from voiceutils.errors import ProviderError, RetriesExhausted, SettingError
from voiceutils.retry import with_retry

JITTERS = ("none", "full", "equal", "decorrelated")

policies = st.builds(
    Policy,
    initial=st.floats(0.05, 2.0),
    factor=st.floats(1.0, 4.0),
    max_delay=st.floats(0.05, 10.0),
    jitter=st.sampled_from(JITTERS),
    attempts=st.integers(2, 8),
)


def refused(delays: list[float], status: int = 503) -> list[AttemptSeen]:
    """Refusals with ``delays`` between them."""
    seen = [AttemptSeen(100.0, status)]
    for delay in delays:
        seen.append(AttemptSeen(seen[-1].at + delay, status))
    return seen


async def attempts_of_with_retry(policy: Policy, seed: int) -> list[AttemptSeen]:
    """What the door sees of `with_retry` in virtual time when it refuses always."""
    now = 0.0
    seen: list[AttemptSeen] = []

    async def attempt() -> None:
        seen.append(AttemptSeen(now, 503))
        raise ProviderError("busy", status=503)

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    with pytest.raises(RetriesExhausted):
        await with_retry(
            attempt,
            max_retries=policy.attempts,
            initial_delay=policy.initial,
            backoff_factor=policy.factor,
            max_delay=policy.max_delay,
            jitter=policy.jitter,  # type: ignore[arg-type]
            sleep=sleep,
            random=random.Random(seed),
            clock=lambda: now,
        )
    return seen


@pytest.mark.parametrize(
    ("jitter", "first", "third_after_two_seconds"),
    [
        ("none", (0.5, 0.5), (2.0, 2.0)),
        ("full", (0.0, 0.5), (0.0, 2.0)),
        ("equal", (0.25, 0.5), (1.0, 2.0)),
        ("decorrelated", (0.5, 1.5), (0.5, 5.0)),
    ],
)
def test_the_bounds_are_those_of_the_published_formulas(
    jitter: str,
    first: tuple[float, float],
    third_after_two_seconds: tuple[float, float],
) -> None:
    """Worked by hand: initial 0.5 s, factor 2, cap 5 s."""
    policy = Policy(0.5, 2.0, 5.0, jitter)

    assert policy.bounds(0, None) == first
    assert policy.bounds(2, 2.0) == third_after_two_seconds


@given(policies, st.integers(0, 2**32))
async def test_whatever_with_retry_does_keeps_its_promise(
    policy: Policy, seed: int
) -> None:
    """Every schedule of the real retry, in any jitter mode, is accepted."""
    seen = await attempts_of_with_retry(policy, seed)

    assert judge_attempts(seen, policy) == Judgement(policy.attempts - 1, ())


@given(policies.filter(lambda p: p.jitter in ("none", "equal")), st.data())
def test_a_delay_cut_short_is_named(policy: Policy, data: st.DataObject) -> None:
    """One delay below its lower bound gives exactly one violation."""
    lows = [policy.bounds(n, None)[0] for n in range(policy.attempts - 1)]
    cut = data.draw(
        st.sampled_from(range(len(lows))).filter(lambda n: lows[n] > 2 * SLACK_EARLY)
    )
    lows[cut] = (lows[cut] - SLACK_EARLY) * 0.9

    judgement = judge_attempts(refused(lows), policy)

    assert len(judgement.violations) == 1
    assert f"retry {cut + 1} " in judgement.violations[0]


@given(policies)
def test_a_backoff_without_cap_is_named(policy: Policy) -> None:
    """A delay past the longest allowed one is a violation, slack allowed for."""
    longest = policy.bounds(0, None)[1]

    fine = judge_attempts(refused([longest + SLACK_LATE * 0.99]), policy)
    late = judge_attempts(refused([longest + SLACK_LATE + 0.01]), policy)

    assert fine.violations == ()
    assert "at the most" in late.violations[0]


@given(policies)
def test_more_attempts_than_promised_are_named(policy: Policy) -> None:
    """One attempt too many is a violation even when every delay is right."""
    delays: list[float] = []
    for retry in range(policy.attempts):
        delays.append(policy.bounds(retry, delays[-1] if delays else None)[1])

    judgement = judge_attempts(refused(delays), policy)

    assert judgement.violations == (
        f"{policy.attempts + 1} attempts, {policy.attempts} at the most were promised",
    )


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404])
@pytest.mark.parametrize("policy", [None, Policy(0.25, 2.0, 5.0)])
def test_retrying_a_permanent_error_is_named(
    status: int, policy: Policy | None
) -> None:
    """The same request after a 401 is wrong, however patiently it is repeated."""
    judgement = judge_attempts(refused([0.25], status), policy)

    assert "permanent" in judgement.violations[0]


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_passing_refusals_may_be_retried(status: int) -> None:
    """408, 429 and 5xx ask to come back later."""
    assert judge_attempts(refused([0.25], status), Policy(0.25, 2.0, 5.0)) == Judgement(
        1, ()
    )


def test_a_new_chain_begins_after_success() -> None:
    """A reconnection in mid-call is no third retry: its first delay is unbounded."""
    seen = [
        AttemptSeen(0.0, 503),
        AttemptSeen(0.25),
        AttemptSeen(30.0, 503),
        AttemptSeen(30.25),
    ]

    assert judge_attempts(seen, Policy(0.25, 2.0, 5.0, attempts=2)) == Judgement(2, ())


def test_retry_after_goes_before_the_policy() -> None:
    """Coming back before the moment the provider named is a violation."""
    seen = [AttemptSeen(0.0, 429, retry_after=2.0), AttemptSeen(0.25)]
    waited = [AttemptSeen(0.0, 429, retry_after=2.0), AttemptSeen(2.01)]
    policy = Policy(0.25, 2.0, 5.0)

    assert "2.000 s at the least" in judge_attempts(seen, policy).violations[0]
    assert judge_attempts(waited, policy).violations == ()


def test_hammering_is_named_without_a_policy() -> None:
    """A client that declares nothing must still leave room between attempts."""
    judgement = judge_attempts(refused([0.01, 0.01, 0.01]), None)

    assert "no backoff" in judgement.violations[0]


def test_order_of_the_attempts_does_not_matter() -> None:
    """The ledger may list attempts in any order."""
    seen = refused([0.25, 0.5])

    assert judge_attempts(seen[::-1], Policy(0.25, 2.0, 5.0)) == Judgement(2, ())


def test_a_policy_reads_as_it_is_written() -> None:
    """The option names every part of the policy."""
    text = "initial=0.25,factor=1.5,max=5,jitter=equal,attempts=5"

    assert parse_policy(text) == Policy(0.25, 1.5, 5.0, "equal", 5)


@pytest.mark.parametrize(
    "text",
    [
        "fast",
        "initial=x,factor=1,max=1,attempts=2",
        "initial=1,factor=2,max=3,attempts=2,jitter=some",
        "initial=1,factor=2,max=3",
    ],
)
def test_a_policy_that_does_not_read_is_a_setting_error(text: str) -> None:
    """The message shows what was given."""
    with pytest.raises(SettingError, match="--backoff"):
        parse_policy(text)
