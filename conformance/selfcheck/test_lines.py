"""How many calls go on at once, on a machine that carries so many and no more."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance._lines import Lines


class _Machine:
    """Calls on it are late while there are too many."""

    def __init__(self, carries: int) -> None:
        self.carries = carries
        self.calls = 0
        self.most = 0

    @contextmanager
    def call(self, lines: int) -> Iterator[None]:
        self.calls += lines
        self.most = max(self.most, self.calls)
        try:
            yield
        finally:
            self.calls -= lines


async def _case(lines: Lines, machine: _Machine, wanted: int) -> int:
    """Place a case until it is on time; return how often."""
    for run in range(1, 20):
        async with lines.take(wanted):
            began = time.monotonic()
            with machine.call(wanted):
                await asyncio.sleep(0)
                late = machine.calls > machine.carries
                await asyncio.sleep(0)
        if not late:
            await lines.on_time()
            return run
        lines.late(began)
    raise AssertionError("late for ever")


@given(
    carries=st.integers(1, 20),
    most=st.integers(1, 20),
    wanted=st.lists(st.integers(1, 6), min_size=1, max_size=40),
)
def test_as_many_calls_go_on_as_the_machine_carries(
    carries: int, most: int, wanted: list[int]
) -> None:
    """A case alone is always taken; then each is on time after few runs."""
    machine = _Machine(carries)

    async def all_of_them() -> list[int]:
        lines = Lines(most)
        cases = (_case(lines, machine, min(one, carries)) for one in wanted)
        return await asyncio.wait_for(asyncio.gather(*cases), 20)

    runs = asyncio.run(all_of_them())
    # From twenty it takes five halvings to one.
    assert max(runs) <= 6
    assert machine.most <= max(most, *wanted)


async def test_calls_that_are_late_for_one_cause_count_once() -> None:
    """Whoever began before the change tells nothing of what came of it."""
    lines = Lines(16)
    began = time.monotonic()
    for _ in range(10):
        lines.late(began)
    assert lines.limit == 8
    lines.late(time.monotonic())
    assert lines.limit == 4


async def test_lines_come_back_when_the_machine_is_free_again() -> None:
    """One when each has been on time, about, and never more than there were."""
    lines = Lines(4)
    lines.late(time.monotonic())
    assert lines.limit == 2
    for _ in range(3):
        await lines.on_time()
    assert lines.limit == 3
    for _ in range(40):
        await lines.on_time()
    assert lines.limit == 4


async def test_who_needs_many_is_not_passed_by() -> None:
    """However many come after him that need one only."""
    lines = Lines(4)
    order: list[str] = []
    free = asyncio.Event()

    async def take(name: str, count: int) -> None:
        async with lines.take(count):
            order.append(name)
            await free.wait()

    tasks = [asyncio.create_task(take("first", 1))]
    tasks += [asyncio.create_task(take("many", 4))]
    tasks += [asyncio.create_task(take("late", 1)) for _ in range(3)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert order == ["first"]
    free.set()
    await asyncio.gather(*tasks)
    assert order[:2] == ["first", "many"]


async def test_cases_begin_one_after_the_other() -> None:
    """Also those for which there are lines enough."""
    lines = Lines(4, apart=0.01)
    began: list[float] = []

    async def take() -> None:
        async with lines.take(1):
            began.append(time.monotonic())

    await asyncio.gather(*(take() for _ in range(4)))
    assert all(b - a >= 0.009 for a, b in itertools.pairwise(began))


async def test_a_case_that_is_given_up_before_it_begins_gives_its_lines_back() -> None:
    """Else a session that goes on would have fewer for good."""
    lines = Lines(1, apart=10.0)

    async def take() -> None:
        async with lines.take(1):
            pass

    task = asyncio.create_task(take())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert lines._taken == 0


@pytest.mark.parametrize("waiting", [1, 4])
async def test_who_gives_up_waiting_takes_no_line(waiting: int) -> None:
    """A session that is ended must not hang."""
    lines = Lines(1)

    async def take() -> None:
        async with lines.take(1):
            pass

    async with lines.take(1):
        tasks = [asyncio.create_task(take()) for _ in range(waiting)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.wait_for(take(), 1)
