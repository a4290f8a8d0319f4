"""Both retry functions in virtual time: what is tried again, when, and when not."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.core import _retrying
from conformance.core._retrying import Failing, Run, failures, run_async, run_sync
from conformance.core._virtual_time import VirtualTime
from voiceutils import (
    RetriesExhausted,
    Retry,
    with_retry,
)

# Fixtures are found by their names in this module.
run, time = _retrying.run, _retrying.time


def test_success_needs_no_clock_and_no_sleep(run: Run, time: VirtualTime) -> None:
    """The first success is returned as it is."""
    assert run(failures(0), time) == "done"
    assert time.sleeps == []


def test_delays_grow_from_the_initial_one(run: Run, time: VirtualTime) -> None:
    """min(initial * factor ** n, max), n counted from 0."""
    failing = failures(6)
    result = run(
        failing, time, max_retries=7, initial_delay=0.5, backoff_factor=2, max_delay=5
    )
    assert result == "done"
    assert failing.calls == 7
    assert time.sleeps == [0.5, 1, 2, 4, 5, 5]


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_exhaustion_says_how_often_and_why(
    run: Run, time: VirtualTime, attempts: int
) -> None:
    """The error counts attempts, quotes and chains the last failure."""
    failing = failures(9)
    with pytest.raises(RetriesExhausted) as caught:
        run(failing, time, max_retries=attempts, operation_name="Deepgram")
    assert failing.calls == attempts == caught.value.attempts
    assert len(time.sleeps) == attempts - 1  # none after the last
    assert (
        str(caught.value)
        == f"Deepgram failed after {attempts} attempts: failure {attempts}"
    )
    assert str(caught.value.__cause__) == f"failure {attempts}"


@pytest.mark.parametrize(
    "stop", [asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit]
)
def test_what_ends_a_program_is_never_retried(
    run: Run, time: VirtualTime, stop: type[BaseException]
) -> None:
    """Cancellation, Ctrl-C and exit pass through at the first attempt."""
    failing = Failing(stop())
    with pytest.raises(stop):
        run(failing, time, retry_on=lambda _: True)
    assert (failing.calls, time.sleeps) == (1, [])


async def test_cancelling_the_wait_ends_it() -> None:
    """A task cancelled between two attempts makes no other one."""
    failing, waiting = failures(9), asyncio.Event()

    async def sleep(_: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    async def attempt() -> str:
        return failing()

    task = asyncio.create_task(with_retry(attempt, sleep=sleep))
    await asyncio.wait_for(waiting.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert failing.calls == 1


@given(
    limit=st.floats(0, 100),
    seed=st.integers(0, 99),
    jitter=st.sampled_from(["none", "full", "equal", "decorrelated"]),
)
def test_no_attempt_begins_after_the_total_limit(
    limit: float, seed: int, jitter: str
) -> None:
    """Whatever the jitter, the last attempt begins in time."""
    time, begun = VirtualTime(), []

    def attempt() -> None:
        begun.append(time.now)
        time.now += 0.3
        raise OSError

    with pytest.raises(RetriesExhausted):
        run_sync(
            attempt,
            time,
            max_retries=50,
            total_limit=limit,
            jitter=jitter,
            random=Random(seed),
        )
    assert max(begun) <= limit + 1e-9


@pytest.mark.parametrize("jitter", ["none", "full", "equal", "decorrelated"])
@pytest.mark.parametrize("seed", [0, 1, 7])
def test_async_and_sync_agree(jitter: str, seed: int) -> None:
    """The same seed and failures give the same waits, hook calls and error."""
    seen = []
    for run in (run_async, run_sync):
        time, told = VirtualTime(), list[Retry]()
        with pytest.raises(RetriesExhausted) as caught:
            run(
                failures(20),
                time,
                max_retries=12,
                jitter=jitter,
                random=Random(seed),
                on_retry=told.append,
            )
        hooks = [(r.operation, r.attempt, r.delay, str(r.error)) for r in told]
        seen.append((time.sleeps, hooks, str(caught.value)))
    assert seen[0] == seen[1]
    assert len(seen[0][0]) == 11


@pytest.mark.parametrize("seed", range(5))
def test_decorrelated_waits_follow_each_other(
    run: Run, time: VirtualTime, seed: int
) -> None:
    """Each wait is drawn from initial to three times the one before, or the most."""
    draws, expected, before = Random(seed), list[float](), 0.5
    for _ in range(9):
        before = 0.5 + (min(60, 3 * before) - 0.5) * draws.random()
        expected.append(before)

    run(
        failures(9),
        time,
        max_retries=10,
        initial_delay=0.5,
        max_delay=60,
        jitter="decorrelated",
        random=Random(seed),
    )

    assert time.sleeps == pytest.approx(expected)


def test_hook_is_told_before_each_wait(run: Run, time: VirtualTime) -> None:
    """Operation, failed attempts, delay and error; not after the last failure."""
    told: list[Retry] = []
    with pytest.raises(RetriesExhausted):
        run(
            failures(9),
            time,
            operation_name="speech",
            on_retry=lambda retry: told.append(retry._replace(error=OSError(time.now))),
        )
    assert [(r.operation, r.attempt, r.delay) for r in told] == [
        ("speech", 1, 1.0),
        ("speech", 2, 2.0),
    ]
    assert [r.error.args for r in told] == [(0.0,), (1.0,)]


def test_hook_may_end_it(run: Run, time: VirtualTime) -> None:
    """What the hook raises is raised; the caller has hung up, say."""

    def hung_up(_: Retry) -> None:
        raise EOFError("hung up")

    with pytest.raises(EOFError, match="hung up"):
        run(failures(9), time, on_retry=hung_up)
    assert time.sleeps == []
