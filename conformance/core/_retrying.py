"""Both retry functions called the same way, and what they are let loose on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from conformance.core._virtual_time import VirtualTime
from voiceutils import sync_with_retry, with_retry

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
