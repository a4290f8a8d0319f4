"""The judge of reconnections: accepts what keeps the promise, names what breaks it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import accumulate, count

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fakes.backoff.oracle import (
    GENERAL_LONGEST,
    SLACK_AFTER_LEAVING,
    SLACK_EARLY,
    SLACK_LATE,
    SLACK_NOTICING,
    Judgement,
    judge_attempts,
)
from fakes.backoff.policy import JITTERS, Policy
from fakes.conduct import Conduct
from fakes.ledger_entries import Attempt
from voiceutils.backoff import Backoff
from voiceutils.errors import ProviderError, RetriesExhausted
from voiceutils.retry import with_retry

_ids = count(1)
# A machine on which calls run beside the tests is slow at times.
unhurried = settings(suppress_health_check=[HealthCheck.too_slow])
policies = st.builds(
    Policy,
    initial=st.floats(0.05, 2.0),
    factor=st.floats(1.0, 4.0),
    max_delay=st.floats(0.05, 10.0),
    jitter=st.sampled_from(JITTERS),
    attempts=st.integers(2, 8),
    healthy=st.sampled_from([0.5, 1.0, 2.0]),
)


def attempt(
    at: float,
    status: int = 0,
    retry_after: float | None = None,
    *,
    lasted: float | None = None,
    by: str = "fake",
    code: int = 1011,
    surface: str = "listen",
    said: str = "",
) -> Attempt:
    """An entry of the ledger: refused, ended after ``lasted`` seconds, or open."""
    made = Attempt(
        id=next(_ids), surface=surface, at=at, retry_after=retry_after, said=said
    )
    if status:
        made.outcome, made.closed, made.closed_by = f"refused {status}", at, "fake"
        return made
    made.outcome, made.opened = "accepted", at
    if lasted is not None:
        made.closed, made.closed_by, made.close_code = at + lasted, by, code
    return made


def refused(delays: Sequence[float], status: int = 503) -> list[Attempt]:
    """Refusals with ``delays`` between them."""
    return [attempt(at, status) for at in accumulate(delays, initial=100.0)]


def shortest(policy: Policy) -> list[float]:
    """The shortest delays that the policy allows."""
    return [policy.bounds(n, None)[0] for n in range(policy.attempts - 1)]


async def attempts_of_with_retry(policy: Policy, seed: int) -> list[Attempt]:
    """What the door sees of `with_retry` in virtual time when it refuses always."""
    now = 100.0
    seen: list[Attempt] = []

    async def knock() -> None:
        seen.append(attempt(now, 503))
        raise ProviderError("busy", status=503)

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    with pytest.raises(RetriesExhausted):
        await with_retry(
            knock,
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


@st.composite
def lives(draw: st.DrawFn, policy: Policy) -> list[Attempt]:
    """A client that keeps its policy while links are refused, cut, lost and finished.

    The schedule is voiceutils' own `Backoff`; a link that lasted for ``healthy``
    seconds starts it anew. Waits seem longer by what connecting takes.
    """
    backoff = Backoff(
        policy.initial,
        policy.factor,
        policy.max_delay,
        policy.jitter,  # type: ignore[arg-type]
    )
    now, failures, before = 100.0, 0, None
    seen: list[Attempt] = []
    fates = ("refused", "asked to wait", "cut", "short", "lasted", "finished")
    for fate in draw(st.lists(st.sampled_from(fates), min_size=1, max_size=30)):
        asked = 0.0
        if fate == "refused":
            seen.append(attempt(now, draw(st.sampled_from([408, 429, 500, 503]))))
        elif fate == "asked to wait":
            asked = draw(st.floats(0.0, 20.0))
            seen.append(attempt(now, 429, asked))
        elif fate == "cut":
            cut = attempt(now)
            cut.opened, cut.closed, cut.closed_by = None, now + 0.1, "fake"
            seen.append(cut)
        else:
            least, most = (0.0, 0.9) if fate == "short" else (1.1, 30.0)
            lasted = draw(st.floats(least, most)) * policy.healthy
            by = "client" if fate == "finished" else "fake"
            seen.append(attempt(now, lasted=lasted, by=by))
        now = seen[-1].closed or now
        if fate == "finished":
            failures, before = 0, None
            now += draw(st.floats(0.0, 100.0))
            continue
        if fate == "lasted":
            failures, before = 0, None
        else:
            failures += 1
        if failures >= policy.attempts:
            break
        drawn = draw(st.floats(0.0, 1.0))
        wait = backoff.delay(max(failures - 1, 0), drawn, before)
        before = None if fate == "lasted" else wait
        now += max(wait, asked) + draw(st.floats(0.0, SLACK_LATE * 0.9))
    return seen


# --- what keeps the promise ----------------------------------------------------------


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


@unhurried
@given(policies, st.integers(0, 2**32))
async def test_whatever_with_retry_does_keeps_its_promise(
    policy: Policy, seed: int
) -> None:
    """Every schedule of the real retry, in any jitter mode, is accepted."""
    seen = await attempts_of_with_retry(policy, seed)

    judgement = judge_attempts(seen, policy)

    assert (judgement.delays, judgement.violations) == (policy.attempts - 1, ())


@unhurried
@given(policies.flatmap(lambda policy: st.tuples(st.just(policy), lives(policy))))
def test_a_client_that_keeps_its_policy_is_never_accused(
    life: tuple[Policy, list[Attempt]],
) -> None:
    """Whatever becomes of its links, and however the ledger lists them."""
    policy, seen = life

    assert judge_attempts(seen[::-1], policy).violations == ()


# --- what breaks it ------------------------------------------------------------------


@unhurried
@given(policies.filter(lambda p: p.jitter in ("none", "equal")), st.data())
def test_a_delay_cut_short_is_named(policy: Policy, data: st.DataObject) -> None:
    """One delay below its lower bound gives exactly one violation."""
    lows = shortest(policy)
    assume(any(low > 2 * SLACK_EARLY for low in lows))
    numbers = [n for n, low in enumerate(lows) if low > 2 * SLACK_EARLY]
    cut = data.draw(st.sampled_from(numbers))
    lows[cut] = (lows[cut] - SLACK_EARLY) * 0.9

    (violation,) = judge_attempts(refused(lows), policy).violations

    assert f"retry {cut + 1} " in violation


@unhurried
@given(policies, st.data())
def test_a_delay_beyond_its_cap_is_named(policy: Policy, data: st.DataObject) -> None:
    """At any retry, and slack is allowed for."""
    retry = data.draw(st.integers(0, policy.attempts - 2))
    delays = shortest(policy)[:retry]
    longest = policy.bounds(retry, delays[-1] if delays else None)[1]

    fine = judge_attempts(refused([*delays, longest + SLACK_LATE * 0.99]), policy)
    late = judge_attempts(refused([*delays, longest + SLACK_LATE + 0.01]), policy)

    assert fine.violations == ()
    assert "at the most" in late.violations[0]


@unhurried
@given(policies)
def test_more_attempts_than_promised_are_named(policy: Policy) -> None:
    """One attempt too many is a violation even when every delay is right."""
    delays = [*shortest(policy), policy.bounds(policy.attempts - 1, None)[0]]

    (violation,) = judge_attempts(refused(delays), policy).violations

    assert violation == (
        f"listen: attempt {policy.attempts + 1}, "
        f"{policy.attempts} at the most were promised"
    )


@unhurried
@given(policies.filter(lambda p: p.bounds(1, None)[0] > 0.1 and p.attempts > 2))
def test_a_count_that_begins_anew_after_a_short_link_is_named(policy: Policy) -> None:
    """An open handshake is no working service: the next delay is the second one."""
    low = policy.bounds(0, None)[0]
    assume(policy.bounds(1, None)[0] > low + 2 * SLACK_EARLY)
    first = attempt(100.0, 503)
    second = attempt(100.0 + low, lasted=0.02)
    assert second.closed is not None

    broken = judge_attempts([first, second, attempt(second.closed + low)], policy)

    assert "retry 2" in broken.violations[0]


@pytest.mark.parametrize("policy", [None, Policy(0.25, 1.5, 5.0, "full", 5)])
def test_accept_and_close_every_20_ms_is_a_loop(policy: Policy | None) -> None:
    """That each attempt was let in does not hide that none of them worked."""
    seen = [attempt(n * 0.02, lasted=0.01) for n in range(100)]

    assert judge_attempts(seen, policy).violations


def test_failures_before_a_healthy_time_are_forgotten() -> None:
    """Who waits as if they still counted lets the caller wait."""
    seen = refused([0.25, 1.0])
    seen.append(attempt(seen[-1].at + 4.0, lasted=60.0))
    seen.append(attempt(seen[-1].at + 60.0, 503))
    policy = Policy(0.25, 4.0, 20.0, attempts=5)

    fine = judge_attempts([*seen, attempt(seen[-1].at + 1.0)], policy)
    late = judge_attempts([*seen, attempt(seen[-1].at + 16.0)], policy)

    assert fine.violations == ()
    assert "1.000 s at the most" in late.violations[0]


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
    judgement = judge_attempts(refused([0.25], status), Policy(0.25, 2.0, 5.0))

    assert (judgement.delays, judgement.violations) == (1, ())


@pytest.mark.parametrize("policy", [None, Policy(0.25, 2.0, 5.0)])
def test_retry_after_goes_before_the_policy(policy: Policy | None) -> None:
    """Coming back before the moment the provider named is a violation."""
    early = judge_attempts([attempt(0.0, 429, 9.0), attempt(0.25)], policy)
    waited = judge_attempts([attempt(0.0, 429, 9.0), attempt(9.01)], policy)

    assert "9.000 s at the least" in early.violations[0]
    assert waited.violations == ()


@pytest.mark.parametrize("policy", [None, Policy(0.25, 2.0, 5.0)])
def test_an_attempt_for_a_caller_who_left_is_named(policy: Policy | None) -> None:
    """One that was under way at the hang-up is not."""
    seen = refused([0.25])
    last = seen[-1].at

    late = judge_attempts(seen, policy, left=last - SLACK_AFTER_LEAVING - 0.01)
    fine = judge_attempts(seen, policy, left=last - SLACK_AFTER_LEAVING + 0.01)

    assert "after the caller had left" in late.violations[0]
    assert fine.violations == ()


@pytest.mark.parametrize(
    ("delays", "said"),
    [
        ([0.01, 0.01, 0.01], "no backoff"),
        ([0.2] * 20, "more than 15 attempts in 5 s"),
        ([1.0] * 40, "more than 30 attempts in 60 s"),
        ([GENERAL_LONGEST + 1], "at the most"),
    ],
)
def test_hammering_is_named_without_a_policy(delays: list[float], said: str) -> None:
    """A client that declares nothing must still leave room between attempts."""
    assert said in judge_attempts(refused(delays)).violations[0]


# --- what is no retry ----------------------------------------------------------------


def test_a_new_chain_begins_after_a_healthy_time() -> None:
    """A reconnection in mid-call is no third retry, and may come at once."""
    seen = [
        attempt(0.0, 503),
        attempt(0.25, lasted=20.0),
        attempt(20.26, 503),
        attempt(20.51),
    ]

    judgement = judge_attempts(seen, Policy(0.25, 2.0, 5.0, attempts=2))

    assert (judgement.delays, judgement.violations) == (3, ())


@pytest.mark.parametrize(
    "before",
    [
        attempt(0.0, lasted=0.5, by="client"),
        attempt(0.0, lasted=0.5, by="fake", surface="speak_rest"),
        attempt(0.0),
    ],
)
def test_what_the_client_ended_or_still_has_is_followed_by_a_new_need(
    before: Attempt,
) -> None:
    """Connections side by side, and one after another, are no reconnections."""
    after = attempt(0.51, surface=before.surface)

    assert judge_attempts([before, after], Policy(5.0, 2.0, 5.0)).delays == 0


def test_an_orderly_end_that_the_client_asked_for_is_no_failure() -> None:
    """CloseStream is answered with 1000."""
    before = attempt(0.0, lasted=0.5, code=1000)
    unasked = judge_attempts([before, attempt(0.51)])
    before.conduct = Conduct(farewell="CloseStream")
    asked = judge_attempts([before, attempt(0.51)])

    assert (unasked.delays, asked.delays) == (1, 0)


def test_requests_for_different_things_are_not_retries_of_each_other() -> None:
    """The next question to a model that refused the last one is a new need."""
    seen = [
        attempt(0.0, 401, surface="chat", said="What time is it?"),
        attempt(0.1, 401, surface="chat", said="And now?"),
    ]

    assert judge_attempts(seen).violations == ()


def test_a_lost_link_is_noticed_in_some_seconds_not_in_minutes() -> None:
    """A client that comes back much later has left its caller unheard."""
    policy = Policy(0.25, 2.0, 5.0)
    before = attempt(0.0, lasted=5.0)

    fine = judge_attempts([before, attempt(5.25 + SLACK_NOTICING)], policy)
    late = judge_attempts([before, attempt(6.0 + SLACK_NOTICING)], policy)

    assert fine.violations == ()
    assert "at the most" in late.violations[0]


def test_a_refusal_that_did_not_read_what_was_asked_is_followed_by_a_new_need() -> None:
    """Two sentences of one reply are no retries of each other."""
    seen = [attempt(n * 0.05, 401, surface="speak_rest") for n in range(3)]

    assert judge_attempts(seen) == judge_attempts(seen, left=99.0)
    assert judge_attempts(seen).delays == 0


def test_a_policy_is_held_against_the_recogniser_only() -> None:
    """Models and voices are asked again under rules of their own."""
    seen = [
        attempt(0.0, 503, surface="chat", said="a"),
        attempt(0.3, surface="chat", said="a"),
    ]

    assert judge_attempts(seen, Policy(5.0, 2.0, 9.0)).violations == ()


def test_nothing_seen_is_nothing_broken() -> None:
    """An empty ledger accuses nobody."""
    assert judge_attempts([]) == Judgement()
