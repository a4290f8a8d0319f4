"""Trying again: the one place that knows how long to wait and when to give up.

:func:`with_retry` and :func:`sync_with_retry` only call, sleep and read the clock.
All decisions are made by one object without either, so both make the same ones.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from sys import float_info
from types import CoroutineType
from typing import NamedTuple, TypeAlias, TypeVar

from voiceutils.backoff import DEFAULT_MAX_DELAY, Backoff, Jitter, number
from voiceutils.errors import ProviderError, RetriesExhausted, SettingError
from voiceutils.log_style import logger, plain, sign

__all__ = ["Backoff", "Jitter", "Retry", "RetryOn", "sync_with_retry", "with_retry"]

T = TypeVar("T")
RetryOn: TypeAlias = (
    type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]
)

# A provider that asks for more than this says no.
LONGEST_RETRY_AFTER = 3600.0
_random = Random()


class Retry(NamedTuple):
    """What ``on_retry`` is told before each wait."""

    operation: str
    attempt: int  # how many attempts have failed so far
    delay: float  # seconds until the next one
    error: Exception


async def with_retry(
    func: Callable[[], Awaitable[T]],
    max_retries: int = 3,
    initial_delay: float = 1.0,
    backoff_factor: float = 2.0,
    max_delay: float = DEFAULT_MAX_DELAY,
    operation_name: str = "operation",
    *,
    jitter: Jitter = "none",
    retry_on: RetryOn | None = None,
    total_limit: float | None = None,
    on_retry: Callable[[Retry], object] | None = None,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    random: Random | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Await ``func()`` until it succeeds, and return its result.

    Cancellation, KeyboardInterrupt and SystemExit pass through at once. A running
    attempt is never interrupted, so give ``func`` a deadline of its own.

    Example::

        await with_retry(lambda: connect(url), operation_name="connect")

    Args:
        func: what to attempt; takes no arguments.
        max_retries: how many attempts in all, the first one included.
        initial_delay: see :class:`Backoff`, also for the next two and ``jitter``.
        backoff_factor: growth of the delays.
        max_delay: the longest delay, except where a provider asked for more by
            ``Retry-After`` (up to an hour, then it is taken as final).
        operation_name: named in the log and in the error.
        jitter: how delays are spread.
        retry_on: which errors are worth another attempt: a type, a tuple of types or a
            predicate. By default all but permanent ones: a ProviderError that is not
            ``retryable``, or a SettingError. Types never make a permanent error
            retried; a predicate decides alone, save for SettingError.
        total_limit: seconds since the first attempt began; a wait that would end later
            is not begun, whoever asked for it.
        on_retry: called before each wait; what it raises ends the retrying.
        sleep: waits for seconds.
        random: source of jitter; the same seed gives the same delays.
        clock: monotonic seconds.

    Raises:
        SettingError: a setting that cannot work, before the first attempt.
        RetriesExhausted: no attempt is left, or no time; chains the last failure.
        Exception: the failure itself, when it is not worth another attempt.
    """
    attempts = _Attempts(
        func,
        operation_name,
        max_retries,
        _backoff(initial_delay, backoff_factor, max_delay, jitter),
        retry_on,
        total_limit,
        on_retry,
        random,
        clock,
    )
    while True:
        try:
            pending = func()
            if not hasattr(pending, "__await__"):
                raise SettingError(
                    f"{operation_name}: {pending!r} cannot be awaited; "
                    "sync_with_retry is for plain functions"
                )
            result = await pending
        except Exception as error:
            delay = attempts.failed(error)
            if delay is None:
                raise
        else:
            attempts.succeeded()
            return result
        await sleep(delay)


def sync_with_retry(
    func: Callable[[], T],
    max_retries: int = 3,
    initial_delay: float = 1.0,
    backoff_factor: float = 2.0,
    max_delay: float = DEFAULT_MAX_DELAY,
    operation_name: str = "operation",
    *,
    jitter: Jitter = "none",
    retry_on: RetryOn | None = None,
    total_limit: float | None = None,
    on_retry: Callable[[Retry], object] | None = None,
    sleep: Callable[[float], object] = time.sleep,
    random: Random | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Do what :func:`with_retry` does, for plain functions and threads.

    Its sleep blocks the thread; in an event loop that would freeze every call.
    """
    attempts = _Attempts(
        func,
        operation_name,
        max_retries,
        _backoff(initial_delay, backoff_factor, max_delay, jitter),
        retry_on,
        total_limit,
        on_retry,
        random,
        clock,
    )
    while True:
        try:
            result = func()
            if isinstance(result, CoroutineType):
                result.close()
                raise SettingError(f"{operation_name}: with_retry is for coroutines")
        except Exception as error:
            delay = attempts.failed(error)
            if delay is None:
                raise
        else:
            attempts.succeeded()
            return result
        sleep(delay)


_backoff = lru_cache(64)(Backoff)  # settings are checked once, not at every call


@dataclass(slots=True)
class _Attempts:
    """One operation's attempts; decides after each failure, without sleeping."""

    func: Callable[[], object]
    operation: str
    most: int
    backoff: Backoff
    retry_on: RetryOn | None
    limit: float | None
    on_retry: Callable[[Retry], object] | None
    random: Random | None
    clock: Callable[[], float]
    failures: int = 0
    previous: float | None = None
    started: float = 0.0

    def __post_init__(self) -> None:
        if not callable(self.func):
            raise SettingError(
                f"{self.operation}: give a function to call, not {self.func!r}"
            )
        if not isinstance(self.most, int) or self.most < 1:
            raise SettingError(f"max_retries is {self.most!r}; it must be 1 or more")
        if self.retry_on is not None:
            _check_retry_on(self.retry_on)
        if self.limit is not None:
            self.limit = number("total_limit", self.limit, 0)
            self.started = self.clock()

    def succeeded(self) -> None:
        if self.failures:
            logger.info(
                "%s%s succeeded on attempt %d/%d",
                sign("done"),
                self.operation,
                self.failures + 1,
                self.most,
                extra={"operation": self.operation, "attempt": self.failures + 1},
            )

    def failed(self, error: Exception) -> float | None:
        """Return the seconds to wait, or None when the error is final as it is."""
        if not _worth_retrying(error, self.retry_on):
            self._log_end("is not retried", error)
            return None
        self.failures += 1
        delay = self._next_delay(error)
        if delay is None:
            self._log_end(f"failed after {self.failures} attempts", error)
            raise RetriesExhausted(self.operation, self.failures, error) from error
        logger.warning(
            "%s%s failed (attempt %d/%d), next in %.2f s: %s",
            sign("again"),
            self.operation,
            self.failures,
            self.most,
            delay,
            plain(error),
            extra={"operation": self.operation, "attempt": self.failures},
        )
        if self.on_retry is not None:
            self.on_retry(Retry(self.operation, self.failures, delay, error))
        return delay

    def _next_delay(self, error: Exception) -> float | None:
        if self.failures >= self.most:
            return None
        backoff = self.backoff
        draw = 1.0 if backoff.jitter == "none" else (self.random or _random).random()
        delay = backoff.delay(self.failures - 1, draw, self.previous)
        self.previous = delay
        asked = _retry_after(error)
        if asked > LONGEST_RETRY_AFTER:
            return None
        delay = max(delay, asked)
        if self.limit is not None:
            left = self.started + self.limit - self.clock()
            if delay > left:
                return None
        return delay

    def _log_end(self, what: str, error: Exception) -> None:
        logger.error(
            "%s%s %s: %s",
            sign("failed"),
            self.operation,
            what,
            plain(error),
            extra={"operation": self.operation},
        )


def _worth_retrying(error: Exception, retry_on: RetryOn | None) -> bool:
    if isinstance(error, SettingError):
        return False
    if retry_on is not None and not isinstance(retry_on, type | tuple):
        return bool(retry_on(error))
    if isinstance(error, ProviderError) and not error.retryable:
        return False
    return retry_on is None or isinstance(error, retry_on)


def _retry_after(error: Exception) -> float:
    asked = getattr(error, "retry_after", None)
    # Others' errors may carry anything under this name.
    if isinstance(asked, int | float) and asked > 0:
        return float(min(asked, float_info.max))
    return 0.0


def _check_retry_on(retry_on: object) -> None:
    kinds = retry_on if isinstance(retry_on, tuple) else (retry_on,)
    types = [kind for kind in kinds if isinstance(kind, type)]
    if any(not issubclass(kind, Exception) for kind in types):
        raise SettingError(f"retry_on is {retry_on!r}; only Exceptions can be retried")
    if len(types) < len(kinds) and (
        isinstance(retry_on, tuple) or not callable(retry_on)
    ):
        raise SettingError(f"retry_on is {retry_on!r}; give types or one function")
