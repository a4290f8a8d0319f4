"""What a success at the first attempt costs under retry, beside a plain loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from voiceutils import Backoff, sync_with_retry, with_retry

CALLS = 100


def succeed() -> int:
    """Do nothing, successfully."""
    return 1


async def succeed_async() -> int:
    """Do nothing, successfully."""
    return 1


def plain(func: Callable[[], int]) -> int:
    """Retry in five lines, without any of the rules."""
    for _ in range(3):
        try:
            return func()
        except Exception:
            continue
    raise AssertionError


async def plain_async(func: Callable[[], Awaitable[int]]) -> int:
    """Retry in five lines, without any of the rules."""
    for _ in range(3):
        try:
            return await func()
        except Exception:
            continue
    raise AssertionError


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One event loop for all rounds; starting one costs more than what is timed."""
    with asyncio.Runner() as runner:
        yield runner.get_loop()


@pytest.mark.benchmark(group="retry: immediate success")
@pytest.mark.parametrize("retry", [sync_with_retry, plain])
def test_sync(benchmark: BenchmarkFixture, retry: Callable[..., int]) -> None:
    """One call of a plain function."""
    assert benchmark(retry, succeed) == 1


@pytest.mark.benchmark(group="retry: immediate success, 100 awaited in one loop run")
@pytest.mark.parametrize("retry", [with_retry, plain_async])
def test_async(
    benchmark: BenchmarkFixture,
    loop: asyncio.AbstractEventLoop,
    retry: Callable[..., Awaitable[int]],
) -> None:
    """A hundred calls of a coroutine function, so that the loop's own cost is small."""

    async def calls() -> int:
        return sum([await retry(succeed_async) for _ in range(CALLS)])

    assert benchmark(lambda: loop.run_until_complete(calls())) == CALLS


@pytest.mark.benchmark(group="retry: one delay")
@pytest.mark.parametrize("jitter", ["none", "full", "equal", "decorrelated"])
@pytest.mark.parametrize("attempt", [3, 10**6])
def test_delay(benchmark: BenchmarkFixture, jitter: str, attempt: int) -> None:
    """The millionth delay costs about what the third does."""
    backoff = Backoff(1, 2, 10, jitter)  # type: ignore[arg-type]
    assert 0 <= benchmark(backoff.delay, attempt, 0.5) <= 10
