"""What retrying costs, by us, by the libraries for it and by a plain loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from conformance.bench._installed import needs
from conformance.bench._retried import flaky, flaky_awaited, succeed, succeed_awaited
from conformance.bench._retry_rivals import MISSING, RIVALS, Rival
from voiceutils import Backoff

CALLS = 100
EVERY_RIVAL = pytest.mark.parametrize(
    "rival",
    [pytest.param(rival, id=rival.name) for rival in RIVALS]
    + [pytest.param(None, id=name, marks=needs(name)) for name in MISSING],
)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One event loop for all rounds; starting one costs more than what is timed."""
    with asyncio.Runner() as runner:
        yield runner.get_loop()


@pytest.fixture(autouse=True)
def _nobody_waits_or_writes() -> Iterator[None]:
    """Some cannot be told not to sleep or to log between two attempts."""
    logging.disable(logging.CRITICAL)
    with patch("time.sleep", lambda _: None):
        yield
    logging.disable(logging.NOTSET)


@pytest.mark.benchmark(group="retry: immediate success")
@EVERY_RIVAL
def test_sync(benchmark: BenchmarkFixture, rival: Rival) -> None:
    """One call of a plain function."""
    assert benchmark(rival.sync(succeed)) == 1


@pytest.mark.benchmark(group="retry: two failures, then success")
@EVERY_RIVAL
def test_sync_failures(benchmark: BenchmarkFixture, rival: Rival) -> None:
    """Three attempts of a plain function."""
    assert benchmark(rival.sync(flaky())) == 1


@pytest.mark.benchmark(group="retry: immediate success, 100 awaited in one loop run")
@EVERY_RIVAL
def test_async(
    benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, rival: Rival
) -> None:
    """A hundred calls of a coroutine function, so that the loop's own cost is small."""
    call = rival.awaited(succeed_awaited)

    async def calls() -> int:
        return sum([await call() for _ in range(CALLS)])

    assert benchmark(lambda: loop.run_until_complete(calls())) == CALLS


@pytest.mark.benchmark(group="retry: two failures, 100 awaited in one loop run")
@EVERY_RIVAL
def test_async_failures(
    benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, rival: Rival
) -> None:
    """Three attempts each; everybody gives way to the loop between two."""
    call = rival.awaited(flaky_awaited())

    async def calls() -> int:
        return sum([await call() for _ in range(CALLS)])

    assert benchmark(lambda: loop.run_until_complete(calls())) == CALLS


@pytest.mark.benchmark(group="retry: one delay")
@pytest.mark.parametrize("jitter", ["none", "full", "equal", "decorrelated"])
@pytest.mark.parametrize("attempt", [3, 10**6])
def test_delay(benchmark: BenchmarkFixture, jitter: str, attempt: int) -> None:
    """The millionth delay costs about what the third does."""
    backoff = Backoff(1, 2, 10, jitter)  # type: ignore[arg-type]
    assert 0 <= benchmark(backoff.delay, attempt, 0.5) <= 10
