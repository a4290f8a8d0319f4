"""What crossed one connection and when, in a bounded number of entries.

Messages of the same kind that follow each other in one direction are one entry; the
audio itself is not kept.
"""

from __future__ import annotations

from collections import deque

import msgspec

__all__ = ["Crossing", "Timeline"]

FIRST_KEPT = 100
LAST_KEPT = 100
_PAUSE = 1.0  # seconds after which a new entry begins


class Crossing(msgspec.Struct):
    """One message or several alike, in one direction.

    Attributes:
        by: who sent it, ``client`` or ``fake``.
        kind: its ``type``, ``audio``, ``empty audio``, ``close 1000``; "?" is text
            without a type.
        at: the first one, monotonic seconds.
        until: the last one.
        count: how many.
        size: bytes of all; characters of text messages.
        gap: the longest time between two of them.
    """

    by: str
    kind: str
    at: float
    until: float
    count: int = 1
    size: int = 0
    gap: float = 0.0


class Timeline:
    """The crossings of one connection: the first and the last hundred."""

    __slots__ = ("_first", "_last", "_runs", "omitted")

    def __init__(self) -> None:
        self._first: list[Crossing] = []
        self._last: deque[Crossing] = deque(maxlen=LAST_KEPT)
        self._runs: dict[str, Crossing] = {}
        self.omitted = 0

    def add(self, by: str, kind: str, size: int, now: float) -> None:
        """Enter a message."""
        run = self._runs.get(by)
        if run is not None and run.kind == kind:
            gap = now - run.until
            if gap <= _PAUSE:
                run.until = now
                run.count += 1
                run.size += size
                if gap > run.gap:
                    run.gap = gap
                return
        run = self._runs[by] = Crossing(by, kind, now, now, 1, size)
        if len(self._first) < FIRST_KEPT:
            self._first.append(run)
            return
        self.omitted += len(self._last) == LAST_KEPT
        self._last.append(run)

    @property
    def crossings(self) -> list[Crossing]:
        """The entries kept, by the time at which they began."""
        return [*self._first, *self._last]
