"""The same retry by other libraries, each in its own idiom; those that are installed.

Five attempts, exponential from nothing, no jitter, and no real waiting: what is timed
is the library.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from conformance.bench._installed import installed
from voiceutils import sync_with_retry, with_retry

__all__ = ["ATTEMPTS", "MISSING", "RIVALS", "Rival"]

ATTEMPTS = 5


class Rival(NamedTuple):
    """One library; both functions give back the function with retrying around it."""

    name: str
    sync: Callable[[Callable[[], Any]], Callable[[], Any]]
    awaited: Callable[[Callable[[], Awaitable[Any]]], Callable[[], Awaitable[Any]]]


async def _no_sleep(_: float) -> None:
    await asyncio.sleep(0)  # as those do that cannot be told not to sleep


def _ours() -> Rival:
    return Rival(
        "voiceutils",
        lambda func: lambda: sync_with_retry(func, ATTEMPTS, 0, sleep=lambda _: None),
        lambda func: lambda: with_retry(func, ATTEMPTS, 0, sleep=_no_sleep),
    )


def _tenacity() -> Rival:
    import tenacity

    stop = tenacity.stop_after_attempt(ATTEMPTS)
    wait = tenacity.wait_exponential(multiplier=0)
    return Rival(
        "tenacity",
        tenacity.retry(stop=stop, wait=wait, sleep=lambda _: None),
        tenacity.retry(stop=stop, wait=wait, sleep=_no_sleep),
    )


def _stamina() -> Rival:
    import stamina

    around: Any = stamina.retry(
        on=Exception, attempts=ATTEMPTS, wait_initial=0, wait_max=0, wait_jitter=0
    )
    return Rival("stamina", around, around)


def _backoff() -> Rival:
    import backoff

    around: Any = backoff.on_exception(
        backoff.constant, Exception, max_tries=ATTEMPTS, interval=0, jitter=None
    )
    return Rival("backoff", around, around)


def _plain() -> Rival:
    def sync(func: Callable[[], Any]) -> Callable[[], Any]:
        def call() -> Any:
            for _ in range(ATTEMPTS):
                try:
                    return func()
                except Exception:
                    continue
            raise TimeoutError

        return call

    def awaited(func: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
        async def call() -> Any:
            for _ in range(ATTEMPTS):
                try:
                    return await func()
                except Exception:
                    await asyncio.sleep(0)
            raise TimeoutError

        return call

    return Rival("plain loop, no rules", sync, awaited)


_MAKERS = {"tenacity": _tenacity, "stamina": _stamina, "backoff": _backoff}
RIVALS = [
    _ours(),
    *(make() for name, make in _MAKERS.items() if installed(name)),
    _plain(),
]
MISSING = [name for name in _MAKERS if not installed(name)]
