"""What the retrying libraries are let loose on."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable

__all__ = ["flaky", "flaky_awaited", "succeed", "succeed_awaited"]


def flaky() -> Callable[[], int]:
    """Return a function that fails twice, then succeeds, over and over."""
    calls = itertools.count(1)

    def fail_twice() -> int:
        if next(calls) % 3:
            raise ConnectionError("refused")
        return 1

    return fail_twice


def flaky_awaited() -> Callable[[], Awaitable[int]]:
    """Return the same to be awaited."""
    fail_twice = flaky()

    async def fail_twice_awaited() -> int:
        return fail_twice()

    return fail_twice_awaited


def succeed() -> int:
    """Do nothing, successfully."""
    return 1


async def succeed_awaited() -> int:
    """Do nothing, successfully."""
    return 1
