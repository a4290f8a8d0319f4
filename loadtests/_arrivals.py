"""When calls arrive, whatever the agent does: the open model of traffic.

A caller does not know how busy the agent is. So the moments are fixed before any call
is placed, and a call that cannot be placed near its moment is counted instead of
forgotten: a stalled agent must not thin the load that shows it stalled.
"""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Iterator
from math import log

from loadtests._profiles import Profile

__all__ = ["ARRIVALS", "HOLDING", "DueCalls", "arrivals", "holding_time", "share_of"]

ARRIVALS = ("poisson", "constant")
HOLDING = ("exponential", "constant", "lognormal")

# Standard deviation of the logarithm. That times at the phone are near lognormal is
# known from call centres (https://doi.org/10.1198/016214504000001808).
_SPREAD = 0.5


def arrivals(
    rate: float, kind: str, course: Profile, *, seed: int = 0
) -> Iterator[float]:
    """Yield the moments at which calls arrive, in seconds from the run's begin.

    Args:
        rate: calls a second at the peak.
        kind: ``poisson`` (independent callers) or ``constant``.
        course: how the rate changes.
        seed: decides the moments of ``poisson``.
    """
    chance = random.Random(f"arrivals:{seed}")
    area = 0.0
    while True:
        area += 1.0 if kind == "constant" else -log(1.0 - chance.random())
        yield course.when(area / rate)


def share_of(
    moments: Iterator[float], index: int, workers: int
) -> Iterator[tuple[int, float]]:
    """Yield number (from 0) and moment of those arrivals that are one worker's.

    All workers draw the same moments and take each n-th, so that together they offer
    exactly what one process would.
    """
    return itertools.islice(enumerate(moments), index, None, workers)


def holding_time(kind: str, mean: float, call: int, seed: int = 0) -> float:
    """Return how many seconds a caller stays, the same for the same call and seed."""
    chance = random.Random(f"holding:{seed}:{call}")
    if kind == "constant":
        return mean
    if kind == "lognormal":
        return chance.lognormvariate(log(mean) - _SPREAD**2 / 2, _SPREAD)
    return chance.expovariate(1.0 / mean)


class DueCalls:
    """The calls that wait for a phone, and those for which none came in time.

    Args:
        moments: number and moment of each arrival, in order.
        late_by: seconds after which a call that has no phone is lost.

    Attributes:
        offered: calls that arrived so far.
        blocked: those of them that were lost.
    """

    def __init__(self, moments: Iterator[tuple[int, float]], late_by: float) -> None:
        self.offered = 0
        self.blocked = 0
        self._moments = moments
        self._late_by = late_by
        self._next = next(moments, None)
        self._waiting: deque[tuple[int, float]] = deque()

    @property
    def next_at(self) -> float | None:
        """When the next call arrives; None when no more will."""
        return None if self._next is None else self._next[1]

    def advance(self, now: float) -> int:
        """Let all calls arrive that are due; returns how many were new."""
        begun = self.offered
        while self._next is not None and self._next[1] <= now:
            self._waiting.append(self._next)
            self.offered += 1
            self._next = next(self._moments, None)
        self._give_up(now)
        return self.offered - begun

    def take(self, now: float) -> tuple[int, float] | None:
        """Give a phone the call that has waited longest; None when none waits."""
        self._give_up(now)
        return self._waiting.popleft() if self._waiting else None

    def _give_up(self, now: float) -> None:
        while self._waiting and now - self._waiting[0][1] > self._late_by:
            self._waiting.popleft()
            self.blocked += 1
