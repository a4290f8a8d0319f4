"""The timer wheel of all calls, in virtual time and on a real loop."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

import pytest

from fakes import event_loop
from fakes.engine import timer as timers
from fakes.engine.timer import LoopTimer, TimerFile, new_timer
from fakes.engine.wheel import SLOTS, Wheel, wheel_here


class _Timer:
    def __init__(self) -> None:
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True


class _Rider:
    def __init__(self, clock: Callable[[], float]) -> None:
        self.turns: list[float] = []
        self._clock = clock

    def turn(self) -> None:
        self.turns.append(self._clock())


class _Bench:
    """A wheel whose time is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.beat: Callable[[], None] = lambda: None
        self.timers: list[_Timer] = []
        self.wheel = Wheel(lambda: self.now, self._new)

    def _new(self, since: float, call: Callable[[], None]) -> _Timer:
        self.beat = call
        self.timers.append(_Timer())
        return self.timers[-1]

    def rider(self) -> tuple[_Rider, float]:
        rider = _Rider(lambda: self.now)
        return rider, self.wheel.board(rider)

    def pass_time(self, seconds: float) -> None:
        """Let time pass with an exact beat every millisecond."""
        until = self.now + seconds
        while self.now < until - 1e-9:
            self.now += 0.001
            self.now = round(self.now, 6)
            self.beat()


def test_calls_are_spread_evenly_over_the_slots() -> None:
    """Forty calls that start at one instant have forty frames in twenty slots."""
    bench = _Bench()
    dues = [bench.rider()[1] for _ in range(2 * SLOTS)]
    assert all(bench.now < due <= bench.now + 0.020 + 1e-9 for due in dues)
    assert sorted({round(1000 * (due - bench.now)) for due in dues}) == [
        *range(1, SLOTS + 1)
    ]


async def test_what_follows_the_turns_of_a_beat_comes_before_the_next_beat() -> None:
    """Also when several beats are made up for at once."""
    bench = _Bench()
    rider, _ = bench.rider()
    other, _ = bench.rider()
    turns: list[int] = []
    bench.wheel.after_turns = lambda: turns.append(len(rider.turns + other.turns))
    bench.now += 0.0101
    bench.beat()
    assert turns == [1, *[2] * 9]


async def test_every_rider_has_one_turn_each_20_ms() -> None:
    """Whatever its slot, and never before its frame is due."""
    bench = _Bench()
    riders = [bench.rider() for _ in range(7)]
    bench.pass_time(0.1)
    for rider, due in riders:
        assert len(rider.turns) == 5
        for number, at in enumerate(rider.turns):
            assert 0 < at + 1e-5 - (due + 0.02 * number) < 0.0011


async def test_merged_expirations_are_all_made_up_for() -> None:
    """One call of the timer after 13 ms turns 13 slots, not one."""
    bench = _Bench()
    riders = [bench.rider()[0] for _ in range(SLOTS)]
    bench.now += 0.0131
    bench.beat()
    assert sum(len(rider.turns) for rider in riders) == 13
    bench.pass_time(0.007)
    assert all(len(rider.turns) == 1 for rider in riders)


async def test_a_long_stall_is_one_time_around_and_is_counted() -> None:
    """Each call catches up in its one turn; the wheel is on time again at once."""
    bench = _Bench()
    riders = [bench.rider()[0] for _ in range(SLOTS)]
    bench.now += 0.5
    bench.beat()
    assert all(len(rider.turns) == 1 for rider in riders)
    assert bench.wheel.stalls == 1
    assert bench.wheel.worst_stall == pytest.approx(0.5, abs=0.002)
    assert bench.wheel.late == 0.0


async def test_reads_run_before_the_rest_of_a_stall_is_made_up_for() -> None:
    """When a time around took 20 ms itself, the next is posted, not run on the spot."""
    bench = _Bench()
    order: list[str] = []

    class Slow:
        def turn(self) -> None:
            bench.now += 0.03
            order.append("turn")

    rider = Slow()
    bench.wheel.board(rider)
    bench.now += 0.03
    asyncio.get_running_loop().call_soon(order.append, "read")
    bench.beat()
    bench.beat()  # the timer goes on meanwhile: it is behind, and at it already
    assert order == ["turn"]
    await asyncio.sleep(0)
    assert order[:3] == ["turn", "read", "turn"]
    bench.wheel.alight(rider)


async def test_an_idle_wheel_has_no_timer() -> None:
    """It stops with its last rider and starts with the next."""
    bench = _Bench()
    rider, _ = bench.rider()
    bench.wheel.each_beat(rider.turn)
    bench.wheel.alight(rider)
    assert not bench.timers[0].stopped
    bench.wheel.no_more(rider.turn)
    assert bench.timers[0].stopped
    bench.wheel.alight(rider)  # it has gone: nothing happens
    bench.rider()
    assert len(bench.timers) == 2


async def test_a_rider_may_leave_and_another_board_during_a_turn() -> None:
    """As calls do whose last frame it was."""
    bench = _Bench()
    late: list[_Rider] = []

    class Leaving:
        def turn(self) -> None:
            bench.wheel.alight(self)
            late.append(bench.rider()[0])

    bench.wheel.board(Leaving())
    bench.pass_time(0.04)
    assert len(late) == 1
    assert late[0].turns
    assert len(bench.wheel) == 1


@pytest.mark.parametrize("kind", [LoopTimer, TimerFile, new_timer])
def test_timers_beat_every_millisecond_without_spinning(
    kind: Callable[[float, Callable[[], None]], timers.Timer],
) -> None:
    """On uvloop, whose own timers count whole milliseconds and would spin for less."""
    if kind is TimerFile and not hasattr(os, "eventfd"):
        pytest.skip("no timer files here")
    beats: list[float] = []

    async def run() -> None:
        timer = kind(time.monotonic(), lambda: beats.append(time.monotonic()))
        await asyncio.sleep(0.2)
        timer.stop()
        heard = len(beats)
        await asyncio.sleep(0.01)
        assert len(beats) == heard

    event_loop.run(run())
    # Merged beats are allowed on a busy machine, more than there are is not.
    assert 20 <= len(beats) <= 215


async def test_without_timer_files_the_loop_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on other systems."""

    def none(first: float) -> int:
        raise OSError("no timer files")

    monkeypatch.setattr(timers, "_open_timer", none)
    timer = new_timer(time.monotonic(), lambda: None)
    assert isinstance(timer, LoopTimer)
    timer.stop()


async def test_a_loop_has_one_wheel() -> None:
    """All calls of it share the timer."""
    assert wheel_here() is wheel_here()
