"""One alarm clock for all connections of an event loop.

A timer of the loop for each connection costs an object and a system timer each; here
they share one, which rings for the earliest.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from math import inf

__all__ = ["Alarm", "Alarms"]

_LEAST_WAIT = 0.001  # uvloop counts whole milliseconds; less would make it spin
_FEW = 64  # entries for which sweeping is not worth it


class Alarm:
    """The alarm of one connection; it rings at the earliest time set since.

    It may ring earlier than the last call of :meth:`set` asked for, when an earlier
    time was set before; whoever is woken looks at his own clock.
    """

    __slots__ = ("_alarms", "_ring", "_times")

    def __init__(self, alarms: Alarms, ring: Callable[[float], None]) -> None:
        self._alarms = alarms
        self._ring: Callable[[float], None] | None = ring
        # The times at which it stands in the queue, latest first, so that a distant
        # one is entered once and not anew after each near one.
        self._times: list[float] = []

    def set(self, due: float) -> None:
        """Ring at ``due`` (monotonic seconds) or before."""
        times = self._times
        if self._ring is None or (times and times[-1] <= due):
            return
        times.append(due)
        self._alarms._enter(due, self)

    def cancel(self) -> None:
        """Never ring again."""
        if self._ring is not None:
            self._ring = None
            self._alarms._give_up(len(self._times))
            self._times.clear()

    def _strike(self, now: float) -> bool:
        """Ring; returns whether it was cancelled instead."""
        if self._ring is None:
            return True
        self._times.pop()
        self._ring(now)
        return False


class Alarms:
    """The alarm clock of one event loop."""

    def __init__(self) -> None:
        self._queue: list[tuple[float, int, Alarm]] = []
        self._count = 0
        self._cancelled = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf

    def alarm(self, ring: Callable[[float], None]) -> Alarm:
        """Return a new alarm that calls ``ring`` with the time; not set yet."""
        return Alarm(self, ring)

    def __len__(self) -> int:
        return len(self._queue)

    def _enter(self, due: float, alarm: Alarm) -> None:
        self._count += 1
        heapq.heappush(self._queue, (due, self._count, alarm))
        if due < self._timer_at:
            self._wind(due)

    def _give_up(self, entries: int) -> None:
        self._cancelled += entries
        if self._cancelled > max(_FEW, len(self._queue) // 2):
            self._queue = [entry for entry in self._queue if entry[2]._ring is not None]
            heapq.heapify(self._queue)
            self._cancelled = 0

    def _wind(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # Relative: the clock of the loop may be a cached one.
        wait = max(_LEAST_WAIT, due - time.monotonic())
        self._timer = asyncio.get_running_loop().call_later(wait, self._strike)
        self._timer_at = due

    def _strike(self) -> None:
        self._timer = None
        self._timer_at = -inf  # nobody winds it up while it rings
        try:
            now = time.monotonic()
            while self._queue and self._queue[0][0] <= now:
                if heapq.heappop(self._queue)[2]._strike(now):
                    self._cancelled -= 1
                now = time.monotonic()
        finally:
            self._timer_at = inf
            if self._queue:
                self._wind(self._queue[0][0])
