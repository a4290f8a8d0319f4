"""Whether the machine let the agent and the fakes run when they wanted to.

A phone that is on time proves nothing of the others: beside two processes that did
nothing but spin its frames were 5 ms late, while agents waited for seconds and were
called slow for it. Linux tells how long each thread was ready and had no processor
(schedstat, https://docs.kernel.org/scheduler/sched-stats.html); elsewhere nothing is
known, and nothing said.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import psutil

__all__ = ["STARVED", "Starvation"]

STARVED = 0.75
"""The share of a window that a thread must have waited to count as starved: more than
one that shares its processor with an agent that starts, less than one that two spinning
processes keep away (``python -m conformance.steadiness --busy 2``)."""

_WINDOW = 0.2
_REMEMBERED = 20_000  # moments
_BILLION = 1e9
# Who has just been started is busy with itself.
_GROWN_UP = 3.0

Waits: TypeAlias = Mapping[tuple[int, int], float]
"""Seconds that a thread has waited so far, by process and thread."""


class Starvation:
    """Looks at the processes under this one, several times a second.

    Args:
        waits: tells how long their threads have waited.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        waits: Callable[[], Waits] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._waits = _Children().waits if waits is None else waits
        self._clock = clock
        self._known: Waits = {}
        self._looked_at = clock()
        self._moments: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="waits", daemon=True)

    def start(self) -> None:
        """Look from now on, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(2 * _WINDOW)

    def look(self) -> None:
        """Look once; what was waited since the last time is one moment."""
        now, waits = self._clock(), self._waits()
        longest = max(
            (waited - self._known.get(who, waited) for who, waited in waits.items()),
            default=0.0,
        )
        if longest >= STARVED * (now - self._looked_at):
            self._moments.append((now, longest))
        self._known, self._looked_at = waits, now

    def worst(self, since: float, until: float) -> float:
        """Return the longest wait, in seconds, of a thread that was starved then."""
        moments = [*self._moments]
        return max(
            (longest for at, longest in moments if since <= at <= until + _WINDOW),
            default=0.0,
        )

    def _run(self) -> None:
        while not self._over.wait(_WINDOW):
            self.look()


class _Children:
    """The processes under this one; who they are is looked up once a second."""

    def __init__(self) -> None:
        self._listed_at = 0.0
        self._processes: list[int] = []

    def waits(self) -> Waits:
        now = time.monotonic()
        if now - self._listed_at > 1.0:
            self._listed_at = now
            with suppress(psutil.Error):
                self._processes = [*_grown_up(psutil.Process())]
        return {
            (process, thread): waited
            for process in self._processes
            for thread, waited in _threads(process)
        }


def _grown_up(parent: psutil.Process) -> Iterator[int]:
    oldest = time.time() - _GROWN_UP
    for process in parent.children(recursive=True):
        with suppress(psutil.Error):
            if process.create_time() < oldest:
                yield process.pid


def _threads(process: int) -> Iterator[tuple[int, float]]:
    with suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            with suppress(OSError, ValueError, IndexError):
                _, waited, _ = (thread / "schedstat").read_text("ascii").split()
                yield int(thread.name), int(waited) / _BILLION
