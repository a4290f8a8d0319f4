"""What all Python senders of the comparison share: arguments and report."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from voiceutils.budget import LatencyHistogram

__all__ = ["Window", "arguments"]

SETTLE = 1.0  # seconds between the last call's start and the measurement


class _Arguments(NamedTuple):
    port: int
    calls: int
    seconds: float


def arguments() -> _Arguments:
    """Return the port of the sink, how many calls, and for how long to measure."""
    port, calls, seconds = sys.argv[1:4]
    return _Arguments(int(port), int(calls), float(seconds))


def resident() -> float:
    """Return the resident memory of this process in bytes."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * resource.getpagesize()


class Window:
    """The measured part of a run.

    Args:
        calls: how many are up.
        lateness: returns all that was counted so far.
        set_up: seconds that it took to set up the calls.
        memory: resident bytes before the calls were set up.
    """

    def __init__(
        self,
        calls: int,
        lateness: Callable[[], dict[str, int]],
        *,
        set_up: float = 0.0,
        memory: float = 0.0,
    ) -> None:
        self._calls = calls
        self._lateness = lateness
        self._set_up = set_up
        self._memory = memory
        self._before = lateness()
        self._wall = time.monotonic()
        self._cpu = time.process_time()

    def close(self, **more: object) -> None:
        """Print what was measured as one line of JSON."""
        cpu = time.process_time() - self._cpu
        seconds = time.monotonic() - self._wall
        after = self._lateness()
        counts = {
            int(key): count - self._before.get(key, 0)
            for key, count in after.items()
            if not key.endswith("_bits")
        }
        found = {
            "calls": self._calls,
            "cpu": cpu,
            "seconds": seconds,
            "frames": sum(counts.values()),
            "set_up": self._set_up,
            "bytes_a_call": (resident() - self._memory) / self._calls,
            **_percentiles(counts),
            **more,
        }
        print(json.dumps(found), flush=True)


def _percentiles(counts: dict[int, int]) -> dict[str, float]:
    # The extremes of the window alone are not known; its buckets are.
    histogram, worst = LatencyHistogram(), LatencyHistogram()
    for bucket, count in counts.items():
        if count > 0:
            histogram._count(bucket, count)
    if not histogram.count:
        return {}
    worst._count(max(histogram._buckets), 2)
    for one in (histogram, worst):
        one._min, one._max = 0.0, float("inf")
    return {
        "p50": histogram.percentile(50) or 0.0,
        "p99": histogram.percentile(99) or 0.0,
        "max": worst.percentile(50) or 0.0,
    }
