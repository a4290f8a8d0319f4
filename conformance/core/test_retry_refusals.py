"""Which failures are tried again, and how long a provider may make us wait."""

from __future__ import annotations

import pytest

from conformance.core import _retrying
from conformance.core._retrying import Failing, Run
from conformance.core._virtual_time import VirtualTime
from voiceutils import ProviderError, RetriesExhausted, SettingError

# Fixtures are found by their names in this module.
run, time = _retrying.run, _retrying.time


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
