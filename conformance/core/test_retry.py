"""Both retry functions in virtual time: what is tried again, when, and when not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.core._virtual_time import VirtualTime
from voiceutils import (
    ProviderError,
    RetriesExhausted,
    Retry,
    SettingError,
    log_style,
    sync_with_retry,
    with_retry,
)

Run = Callable[..., Any]


def run_async(func: Callable[[], Any], time: VirtualTime, **settings: Any) -> Any:
    """Run a plain function under ``with_retry``."""

    async def attempt() -> Any:
        return func()

    return asyncio.run(
        with_retry(attempt, sleep=time.async_sleep, clock=time.clock, **settings)
    )


def run_sync(func: Callable[[], Any], time: VirtualTime, **settings: Any) -> Any:
    """Run a plain function under ``sync_with_retry``."""
    return sync_with_retry(func, sleep=time.sleep, clock=time.clock, **settings)


@pytest.fixture(params=[run_async, run_sync], ids=["async", "sync"])
def run(request: pytest.FixtureRequest) -> Run:
    """Each of the two functions, called the same way."""
    function: Run = request.param
    return function


@pytest.fixture
def time() -> VirtualTime:
    """A clock of the test's own."""
    return VirtualTime()


class Failing:
    """Fails with the given errors in turn, then succeeds."""

    def __init__(
        self, *errors: BaseException, takes: VirtualTime | None = None
    ) -> None:
        self.errors = list(errors)
        self.calls = 0
        self.takes = takes

    def __call__(self) -> str:
        self.calls += 1
        if self.takes:
            self.takes.now += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def failures(count: int) -> Failing:
    """Return a function that fails so often, then succeeds."""
    return Failing(*(ConnectionError(f"failure {n}") for n in range(1, count + 1)))


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


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422])
def test_permanent_refusal_is_raised_as_it_is(
    run: Run, time: VirtualTime, status: int
) -> None:
    """A wrong key stays wrong: one attempt, the very error, no wrapping."""
    error = ProviderError("refused", status=status)
    failing = Failing(error)
    with pytest.raises(ProviderError) as caught:
        run(failing, time, retry_on=ProviderError)
    assert caught.value is error
    assert (failing.calls, time.sleeps) == (1, [])


@pytest.mark.parametrize("status", [None, 408, 429, 500, 502, 503, 504])
def test_passing_refusal_is_retried(
    run: Run, time: VirtualTime, status: int | None
) -> None:
    """Overload, server errors and broken links may pass."""
    failing = Failing(ProviderError("busy", status=status))
    assert run(failing, time) == "done"
    assert failing.calls == 2


def test_only_what_retry_on_names_is_retried(run: Run, time: VirtualTime) -> None:
    """A type, a tuple of types or a predicate; the rest is raised as it is."""
    for retry_on in (OSError, (OSError, EOFError), lambda e: isinstance(e, OSError)):
        assert run(Failing(ConnectionError()), time, retry_on=retry_on) == "done"
        with pytest.raises(KeyError):
            run(Failing(KeyError("k")), time, retry_on=retry_on)


def test_predicate_may_retry_a_refusal(run: Run, time: VirtualTime) -> None:
    """Who knows better decides, save for errors in the settings themselves."""
    failing = Failing(ProviderError("not yet", status=404))
    assert run(failing, time, retry_on=lambda _: True) == "done"
    with pytest.raises(SettingError, match="port"):
        run(Failing(SettingError("port")), time, retry_on=lambda _: True)


@pytest.mark.parametrize(
    ("asked", "slept"),
    [(7.5, 7.5), (0.2, 1.0), (0, 1.0), (None, 1.0), (-3, 1.0), (99.0, 99.0)],
)
def test_retry_after_is_honoured(
    run: Run, time: VirtualTime, asked: float | None, slept: float
) -> None:
    """The longer of the provider's wish and our own delay, even above max_delay."""
    failing = Failing(ProviderError("slow down", status=429, retry_after=asked))
    assert run(failing, time) == "done"
    assert time.sleeps == [slept]


@pytest.mark.parametrize("asked", [3601, 1e300, float("inf"), 10**400])
def test_endless_retry_after_is_a_refusal(
    run: Run, time: VirtualTime, asked: float
) -> None:
    """Nobody sleeps for a day because a header says so."""
    failing = Failing(ProviderError("later", status=503, retry_after=asked))
    with pytest.raises(RetriesExhausted, match="after 1 attempts"):
        run(failing, time)
    assert time.sleeps == []


def test_foreign_retry_after_does_no_harm(run: Run, time: VirtualTime) -> None:
    """Errors of other libraries may carry anything under that name."""
    for value in ("soon", b"7", float("nan"), object()):
        error = ConnectionError()
        error.retry_after = value  # type: ignore[attr-defined]
        assert run(Failing(error), time) == "done"
    assert set(time.sleeps) == {1.0}


def test_retry_after_beyond_the_total_limit_ends_it_now(
    run: Run, time: VirtualTime
) -> None:
    """No wait is begun that the limit would not let us finish."""
    failing = Failing(ProviderError("later", status=429, retry_after=30))
    with pytest.raises(RetriesExhausted):
        run(failing, time, total_limit=20)
    assert (failing.calls, time.sleeps) == (1, [])


def test_total_limit_counts_attempts_and_waits(run: Run, time: VirtualTime) -> None:
    """Attempts of 1 s and waits of 1, 2, 4 s: the wait of 4 would end at 10 > 9.5."""
    failing = Failing(*(OSError() for _ in range(9)), takes=time)
    with pytest.raises(RetriesExhausted, match="after 3 attempts"):
        run(failing, time, max_retries=9, total_limit=9.5)
    assert time.sleeps == [1, 2]
    assert time.now <= 9.5


@given(
    limit=st.floats(0, 100),
    seed=st.integers(0, 99),
    jitter=st.sampled_from(["none", "full", "equal", "decorrelated"]),
)
@settings(deadline=None)
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


BAD_SETTINGS = [
    {"max_retries": 0},
    {"max_retries": -1},
    {"max_retries": 2.5},
    {"initial_delay": -0.1},
    {"initial_delay": float("nan")},
    {"initial_delay": float("inf")},
    {"initial_delay": "1"},
    {"initial_delay": 10**400},
    {"backoff_factor": 0.9},
    {"backoff_factor": float("nan")},
    {"backoff_factor": -2},
    {"max_delay": -1},
    {"max_delay": float("inf")},
    {"max_delay": None},
    {"jitter": "some"},
    {"jitter": None},
    {"total_limit": -1},
    {"total_limit": float("nan")},
    {"retry_on": KeyboardInterrupt},
    {"retry_on": BaseException},
    {"retry_on": (OSError, asyncio.CancelledError)},
    {"retry_on": 503},
    {"retry_on": (OSError, lambda _: True)},
]


@pytest.mark.parametrize("bad", BAD_SETTINGS, ids=lambda bad: str(bad)[:40])
def test_bad_setting_is_named_before_the_first_attempt(
    run: Run, time: VirtualTime, bad: dict[str, Any]
) -> None:
    """A mistake shows at the first use, not at the first outage."""
    (name,) = bad
    failing = failures(0)
    with pytest.raises(SettingError, match=name):
        run(failing, time, **bad)
    assert failing.calls == 0


async def test_wrong_kind_of_function_is_told_apart() -> None:
    """Plain functions, coroutine functions and coroutines are no failures."""

    async def coroutine() -> int:
        return 1

    with pytest.raises(SettingError, match="cannot be awaited"):
        await with_retry(lambda: 1)  # type: ignore[arg-type,return-value]
    with pytest.raises(SettingError, match="coroutines"):
        _ = sync_with_retry(coroutine)
    running = coroutine()
    with pytest.raises(SettingError, match="a function to call"):
        await with_retry(running)  # type: ignore[arg-type]
    running.close()


def test_log_tells_the_story_in_ascii(
    run: Run, time: VirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning a failure, the end at its level, foreign texts made harmless."""
    nasty = Failing(OSError("caf\u00e9\nFORGED line"), OSError("two"))
    with caplog.at_level(logging.DEBUG, logger="voiceutils"):
        run(nasty, time, operation_name="STT")
        with pytest.raises(RetriesExhausted):
            run(failures(9), time, max_retries=1, operation_name="TTS")
        with pytest.raises(ProviderError):
            run(Failing(ProviderError("no", status=401)), time, operation_name="LLM")

    lines = [
        (record.levelname, record.getMessage())
        for record in caplog.records
        if record.name == "voiceutils"
    ]
    assert lines == [
        (
            "WARNING",
            "STT failed (attempt 1/3), next in 1.00 s: caf\\xe9\\nFORGED line",
        ),
        ("WARNING", "STT failed (attempt 2/3), next in 2.00 s: two"),
        ("INFO", "STT succeeded on attempt 3/3"),
        ("ERROR", "TTS failed after 1 attempts: failure 1"),
        ("ERROR", "LLM is not retried: no"),
    ]


def test_emoji_are_there_for_who_asks(
    run: Run,
    time: VirtualTime,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The switch is that of the metrics."""
    monkeypatch.setattr(log_style, "emoji", True)
    with caplog.at_level(logging.DEBUG, logger="voiceutils"):
        run(failures(1), time)
    lines = [r.getMessage() for r in caplog.records if r.name == "voiceutils"]
    assert len(lines) == 2
    assert not any(line.isascii() for line in lines)
