"""Trying again: the one place that knows how long to wait and when to give up.

:func:`with_retry` and :func:`sync_with_retry` only call, sleep and read the clock.
All decisions are made by one object without either, so both make the same ones.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from operator import index
from random import Random
from types import CoroutineType
from typing import TypeVar

from voiceutils._attempts import (
    NOT_CALLED,
    Attempts,
    Retry,
    RetryOn,
    check_awaitable,
    check_callable,
    checked,
    unusable,
)
from voiceutils.backoff import DEFAULT_MAX_DELAY, Backoff, Jitter
from voiceutils.errors import SettingError

__all__ = ["Backoff", "Jitter", "Retry", "RetryOn", "sync_with_retry", "with_retry"]

T = TypeVar("T")


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
    try:
        policy = checked(
            index(max_retries),
            initial_delay,
            backoff_factor,
            max_delay,
            jitter,
            retry_on,  # type: ignore[arg-type]  # a list is refused below
            total_limit,
        )
    except TypeError as error:
        raise unusable(max_retries, error) from error
    started = 0.0 if total_limit is None else clock()
    attempts: Attempts | None = None  # needed once something failed, which is rare
    while True:
        pending: object = NOT_CALLED
        try:
            pending = func()
            result: T = await pending
        except Exception as error:
            if attempts is None:
                check_awaitable(func, pending, operation_name)
                attempts = Attempts(
                    operation_name, policy, on_retry, random, clock, started
                )
            delay = attempts.failed(error)
            if delay is None:
                raise
        else:
            if attempts is not None:
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
    try:
        policy = checked(
            index(max_retries),
            initial_delay,
            backoff_factor,
            max_delay,
            jitter,
            retry_on,  # type: ignore[arg-type]  # a list is refused below
            total_limit,
        )
    except TypeError as error:
        raise unusable(max_retries, error) from error
    started = 0.0 if total_limit is None else clock()
    attempts: Attempts | None = None
    while True:
        try:
            result = func()
        except Exception as error:
            if attempts is None:
                check_callable(func, operation_name)
                attempts = Attempts(
                    operation_name, policy, on_retry, random, clock, started
                )
            delay = attempts.failed(error)
            if delay is None:
                raise
        else:
            if isinstance(result, CoroutineType):
                result.close()
                raise SettingError(f"{operation_name}: with_retry is for coroutines")
            if attempts is not None:
                attempts.succeeded()
            return result
        sleep(delay)
