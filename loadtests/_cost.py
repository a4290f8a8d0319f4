"""What a call costs: processor time, memory and sockets of each side.

Reads /proc through psutil, which Locust itself needs. The figures of one process tree
go into the tally as whole numbers, so that those of several workers add up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from loadtests._tally import Tally

__all__ = ["GENERATOR", "Cost", "Meter", "Use"]

GENERATOR = "generator"


@dataclass(frozen=True, slots=True)
class Use:
    """What some processes use together.

    Attributes:
        cpu: processor seconds since their start.
        memory: bytes that are resident.
        sockets: open ones; 0 where the system does not tell.
    """

    cpu: float = 0.0
    memory: int = 0
    sockets: int = 0

    def __add__(self, other: Use) -> Use:
        return Use(
            self.cpu + other.cpu,
            self.memory + other.memory,
            self.sockets + other.sockets,
        )


def _use_of(pids: Iterable[int], *, alone: Iterable[int] = ()) -> Use:
    """Add up processes with all their descendants, and those ``alone`` without."""
    use = Use()
    for pid in pids:
        try:
            root = psutil.Process(pid)
            family = [root, *root.children(recursive=True)]
        except psutil.Error:
            continue  # it has ended, which is told elsewhere
        for process in family:
            use += _use_of_one(process)
    for pid in alone:
        try:
            use += _use_of_one(psutil.Process(pid))
        except psutil.Error:
            continue
    return use


def _use_of_one(process: psutil.Process) -> Use:
    try:
        times = process.cpu_times()
        memory = process.memory_info().rss
    except psutil.Error:
        return Use()
    return Use(times.user + times.system, memory, _sockets(process.pid))


def _sockets(pid: int) -> int:
    found = 0
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                found += str(link.readlink()).startswith("socket:")
            except OSError:
                continue  # closed meanwhile
    except OSError:
        return 0
    return found


@dataclass
class Cost:
    """What one side used during the run.

    Attributes:
        growth: most bytes beyond those at the begin.
        sockets: the most that were open.
    """

    begun: Use
    cpu: float = 0.0
    growth: int = 0
    sockets: int = 0

    def saw(self, use: Use) -> None:
        """Take one look at it."""
        self.cpu = max(self.cpu, use.cpu - self.begun.cpu)
        self.growth = max(self.growth, use.memory - self.begun.memory)
        self.sockets = max(self.sockets, use.sockets)


class Meter:
    """Looks at the processes of a run now and then.

    Args:
        sides: name of a side -> its processes; their descendants belong to them.
        alone: further processes of the generator, without descendants: Locust itself,
            whose descendants are the other sides.
        read: replaces the reading of /proc in tests.
    """

    def __init__(
        self,
        sides: Mapping[str, Iterable[int]],
        *,
        alone: Iterable[int] = (),
        read: Callable[..., Use] = _use_of,
    ) -> None:
        self._sides = {name: tuple(pids) for name, pids in sides.items()}
        self._alone = tuple(alone)
        self._read = read
        self.costs = {name: Cost(self._look(name)) for name in self._sides}
        self._peak_calls = 0

    def _look(self, side: str) -> Use:
        alone = self._alone if side == GENERATOR else ()
        return self._read(self._sides[side], alone=alone)

    def sample(self, calls_up: int) -> None:
        """Look once; costs about a millisecond a hundred sockets."""
        self._peak_calls = max(self._peak_calls, calls_up)
        for side, cost in self.costs.items():
            cost.saw(self._look(side))

    def tally(self) -> Tally:
        """What was seen, to be added to the run's tally once, at its end."""
        tally = Tally()
        for side, cost in self.costs.items():
            tally.counts[f"{side}_cpu_ms"] = round(cost.cpu * 1000)
            tally.counts[f"{side}_bytes"] = cost.growth
            tally.counts[f"{side}_sockets"] = cost.sockets
        if GENERATOR in self.costs:
            tally.counts["peak_calls"] = self._peak_calls
        return tally
