"""What retrying decides after each attempt; it neither calls, sleeps nor waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from sys import float_info
from typing import NamedTuple, TypeAlias

from voiceutils.backoff import Backoff, Jitter, number
from voiceutils.errors import ProviderError, RetriesExhausted, SettingError
from voiceutils.log_style import logger, plain, sign

__all__ = [
    "NOT_CALLED",
    "Attempts",
    "Policy",
    "Retry",
    "RetryOn",
    "check_awaitable",
    "check_callable",
    "checked",
    "unusable",
]

RetryOn: TypeAlias = (
    type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]
)

# A provider that asks for more than this says no.
LONGEST_RETRY_AFTER = 3600.0
NOT_CALLED = object()
_random = Random()


class Retry(NamedTuple):
    """What ``on_retry`` is told before each wait."""

    operation: str
    attempt: int  # how many attempts have failed so far
    delay: float  # seconds until the next one
    error: Exception


class Policy(NamedTuple):
    """Settings that were found to work."""

    most: int
    backoff: Backoff
    retry_on: RetryOn | None
    limit: float | None


@lru_cache(64)
def checked(
    most: int,
    initial_delay: float,
    backoff_factor: float,
    max_delay: float,
    jitter: Jitter,
    retry_on: RetryOn | None,
    limit: float | None,
) -> Policy:
    """Return the settings; what was checked once is not checked at every call.

    Without this a success at the first attempt costs four times as much, which is felt
    where a retry stands around each message sent.
    """
    if most < 1:
        raise unusable(most)
    if retry_on is not None:
        _check_retry_on(retry_on)
    if limit is not None:
        limit = number("total_limit", limit, 0)
    backoff = Backoff(initial_delay, backoff_factor, max_delay, jitter)
    return Policy(most, backoff, retry_on, limit)


@dataclass(slots=True)
class Attempts:
    """One operation's attempts; decides after each failure, without sleeping."""

    operation: str
    policy: Policy
    on_retry: Callable[[Retry], object] | None
    random: Random | None
    clock: Callable[[], float]
    started: float
    failures: int = 0
    previous: float | None = None

    def succeeded(self) -> None:
        """Take that an attempt succeeded."""
        if self.failures:
            logger.info(
                "%s%s succeeded on attempt %d/%d",
                sign("done"),
                self.operation,
                self.failures + 1,
                self.policy.most,
                extra={"operation": self.operation, "attempt": self.failures + 1},
            )

    def failed(self, error: Exception) -> float | None:
        """Return the seconds to wait, or None when the error is final as it is."""
        if not _worth_retrying(error, self.policy.retry_on):
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
            self.policy.most,
            delay,
            plain(error),
            extra={"operation": self.operation, "attempt": self.failures},
        )
        if self.on_retry is not None:
            self.on_retry(Retry(self.operation, self.failures, delay, error))
        return delay

    def _next_delay(self, error: Exception) -> float | None:
        if self.failures >= self.policy.most:
            return None
        backoff, limit = self.policy.backoff, self.policy.limit
        draw = 1.0 if backoff.jitter == "none" else (self.random or _random).random()
        delay = backoff.delay(self.failures - 1, draw, self.previous)
        self.previous = delay
        asked = _retry_after(error)
        if asked > LONGEST_RETRY_AFTER:
            return None
        delay = max(delay, asked)
        if limit is not None:
            left = self.started + limit - self.clock()
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


def unusable(max_retries: object, error: TypeError | None = None) -> SettingError:
    """Return what to say of a number of attempts, or of what cannot be looked up."""
    if error is not None and isinstance(max_retries, int):
        return SettingError(f"retry_on: {error}; give types or one function")
    return SettingError(f"max_retries is {max_retries!r}; it must be 1 or more")


def check_callable(func: object, operation: str) -> None:
    """Raise SettingError for what cannot be called."""
    if not callable(func):
        raise SettingError(f"{operation}: give a function to call, not {func!r}")


def check_awaitable(func: object, pending: object, operation: str) -> None:
    """Raise SettingError for a function whose result cannot be awaited."""
    check_callable(func, operation)
    if pending is not NOT_CALLED and not hasattr(pending, "__await__"):
        raise SettingError(
            f"{operation}: {pending!r} cannot be awaited; "
            "sync_with_retry is for plain functions"
        )


def _check_retry_on(retry_on: object) -> None:
    kinds = retry_on if isinstance(retry_on, tuple) else (retry_on,)
    types = [kind for kind in kinds if isinstance(kind, type)]
    if any(not issubclass(kind, Exception) for kind in types):
        raise SettingError(f"retry_on is {retry_on!r}; only Exceptions can be retried")
    if len(types) < len(kinds) and (
        isinstance(retry_on, tuple) or not callable(retry_on)
    ):
        raise SettingError(f"retry_on is {retry_on!r}; give types or one function")
