"""``python -m conformance.bench.rivals``: retrying, beside the libraries for it.

Costs are the fastest of several rounds taken in turn, in one process; behaviour is
tried out, not read up. Needs ``pip install 'busyhour[rivals]'`` for the others.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple
from unittest.mock import patch

from conformance.bench._retried import flaky, flaky_awaited, succeed, succeed_awaited
from conformance.bench._retry_rivals import MISSING, RIVALS, Rival
from voiceutils.errors import ProviderError

__all__ = ["Costs", "Row", "main", "measure"]

ROUNDS = 7
CALLS = 2000
PENDING = 200


class Costs(NamedTuple):
    """Seconds for one call."""

    success: float
    success_awaited: float
    two_failures: float
    two_failures_awaited: float


class Row(NamedTuple):
    """What one library costs and does; memory in bytes."""

    name: str
    costs: Costs
    memory: float
    behaviour: tuple[str, ...]


def measure() -> list[Row]:
    """Run every rival, in turn; nobody sleeps, also who cannot be told not to."""
    logging.disable(logging.CRITICAL)
    best = {rival.name: Costs(*[float("inf")] * 4) for rival in RIVALS}
    with patch("time.sleep", lambda _: None):
        for _ in range(ROUNDS):
            for rival in RIVALS:
                best[rival.name] = Costs(*map(min, best[rival.name], _costs(rival)))
    return [
        Row(rival.name, best[rival.name], _memory(rival), _behaviour(rival))
        for rival in RIVALS
    ]


def _costs(rival: Rival) -> Costs:
    return Costs(
        _sync(rival.sync(succeed)),
        asyncio.run(_awaited(rival.awaited(succeed_awaited))),
        _sync(rival.sync(flaky())),
        asyncio.run(_awaited(rival.awaited(flaky_awaited()))),
    )


def _sync(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - begun) / CALLS


async def _awaited(call: Callable[[], Awaitable[Any]]) -> float:
    begun = time.perf_counter()
    for _ in range(CALLS):
        await call()
    return (time.perf_counter() - begun) / CALLS


def _memory(rival: Rival) -> float:
    """Return bytes for each operation that is under way."""

    async def many() -> float:
        never = asyncio.get_running_loop().create_future()

        async def wait() -> None:
            await asyncio.shield(never)

        async def pending(call: Callable[[], Awaitable[Any]]) -> float:
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            tasks = [asyncio.ensure_future(call()) for _ in range(PENDING)]
            await asyncio.sleep(0)
            used = tracemalloc.get_traced_memory()[0] - before
            tracemalloc.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            return used / PENDING

        return await pending(rival.awaited(wait)) - await pending(wait)

    return asyncio.run(many())


def _behaviour(rival: Rival) -> tuple[str, ...]:
    refused = _attempts_of(rival, ProviderError("wrong key", status=401))
    interrupted = _attempts_of(rival, KeyboardInterrupt())
    return (
        "passes" if asyncio.run(_cancels(rival)) else "lost",
        "passes" if interrupted == 1 else "lost",
        "given up" if refused == 1 else f"tried {refused} times",
    )


async def _cancels(rival: Rival) -> bool:
    calls = 0

    async def hang() -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(60)

    task = asyncio.ensure_future(rival.awaited(hang)())
    await asyncio.sleep(0.01)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.wait_for(task, 1)
    return task.cancelled() and calls == 1


def _attempts_of(rival: Rival, error: BaseException) -> int:
    calls = 0

    def fail() -> None:
        nonlocal calls
        calls += 1
        raise error

    with suppress(BaseException):
        rival.sync(fail)()
    return calls


def table(rows: list[Row]) -> str:
    """Return the rows as Markdown, cheapest success first."""
    head = (
        "| | success | awaited | two failures | awaited | memory pending | "
        "cancellation | Ctrl-C | wrong key (401) |"
    )
    lines = [head, "|---|---:|---:|---:|---:|---:|---|---|---|"]
    for row in sorted(rows, key=lambda row: row.costs):
        shown = " | ".join(f"{cost * 1e6:.2f} us" for cost in row.costs)
        lines.append(
            f"| {_versioned(row.name)} | {shown} | {row.memory:.0f} B | "
            f"{' | '.join(row.behaviour)} |"
        )
    return "\n".join(lines)


def _versioned(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return name


def main() -> int:
    """Print the table, and what is missing in it."""
    print(table(measure()))
    if MISSING:
        print(f"not installed: {', '.join(MISSING)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
