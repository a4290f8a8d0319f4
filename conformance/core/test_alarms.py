"""The alarm clock that all connections share."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.alarms import Alarms


def _note(rung: list[tuple[float, float]], name: float, now: float) -> None:
    rung.append((name, now))


async def test_alarms_ring_in_order_and_on_time() -> None:
    """The earliest first, none before its time, though set in any order."""
    alarms, begun = Alarms(), time.monotonic()
    rung: list[tuple[float, float]] = []
    for wait in (0.03, 0.01, 0.02):
        alarm = alarms.alarm(partial(_note, rung, wait))
        alarm.set(begun + wait)
    await asyncio.sleep(0.06)

    assert [wait for wait, _ in rung] == [0.01, 0.02, 0.03]
    assert all(0.0 <= now - begun - wait < 0.02 for wait, now in rung)


async def test_earlier_time_wins_and_later_one_still_rings() -> None:
    """An alarm that is set nearer rings at both times; set farther, at the first."""
    alarms = Alarms()
    rung: list[float] = []
    now = time.monotonic()
    alarm = alarms.alarm(rung.append)
    alarm.set(now + 0.03)
    alarm.set(now + 0.01)
    alarm.set(now + 0.02)
    await asyncio.sleep(0.06)

    assert len(rung) == 2


async def test_cancelled_alarm_is_silent_and_forgotten() -> None:
    """What was cancelled neither rings nor stays in the queue for its hour."""
    alarms = Alarms()
    rung: list[float] = []
    far = time.monotonic() + 3600.0
    for _ in range(1000):
        alarm = alarms.alarm(rung.append)
        alarm.set(far)
        alarm.set(far - 1.0)
        alarm.cancel()
        alarm.set(time.monotonic())
    await asyncio.sleep(0.01)

    assert rung == []
    assert len(alarms) <= 200


async def test_alarm_may_be_set_while_it_rings() -> None:
    """A connection that has more to say later sets its alarm anew."""
    alarms = Alarms()
    rung: list[float] = []

    def ring(now: float) -> None:
        rung.append(now)
        if len(rung) < 3:
            alarm.set(now + 0.005)

    alarm = alarms.alarm(ring)
    alarm.set(time.monotonic())
    await asyncio.sleep(0.06)

    assert len(rung) == 3


@settings(max_examples=20)
@given(st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=5), max_size=8))
def test_every_alarm_rings_by_its_earliest_time(waits: list[list[int]]) -> None:
    """However the times are set, each alarm rings at the earliest of them."""

    async def run() -> None:
        alarms, begun = Alarms(), time.monotonic()
        rung: list[tuple[float, float]] = []
        for name, times in enumerate(waits):
            alarm = alarms.alarm(partial(_note, rung, float(name)))
            for wait in times:
                alarm.set(begun + wait / 1000)
        await asyncio.sleep(0.03)
        first = dict(reversed(rung))
        for name, times in enumerate(waits):
            assert first[name] >= begun + min(times) / 1000

    asyncio.run(run())
