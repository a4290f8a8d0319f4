"""When the audio that is queued, or plays, had come to the phone."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import Final

__all__ = ["Arrivals"]

# Gulps that have not played; beyond that the older half is forgotten.
_MOST: Final = 512
_FEW: Final = 32  # so many are kept without asking whether they have played
_TOGETHER: Final = 0.001  # seconds: what comes in one gulp has one moment
_FRAMES: Final = 16  # frames, at least, about which one may still ask


class Arrivals:
    """The moments of a queue's bytes, in order; tells that of any that still counts.

    Attributes:
        end: bytes that came since the last clear.
    """

    __slots__ = (
        *("_begins", "_ends", "_forgotten", "_last", "_moments", "_played", "_room"),
        *("_times", "end"),
    )

    def __init__(self) -> None:
        # A message each: where it ends among all bytes since the last clear, and when
        # it came. Plain arrays, for there are fifty a second of each call.
        self._ends = array("q")
        self._times = array("d")
        # Of the last frames: when they began to play, and with which of those bytes.
        self._moments = array("d")
        self._begins = array("q")
        self._played = 0  # bytes about which nobody will ask any more
        self.end = 0
        self._room = _FEW  # gulps until some are to be forgotten
        self._last = float("-inf")
        self._forgotten = 0  # bytes at the front whose moment is known no longer

    def add(self, size: int, now: float) -> None:
        """Note that so many bytes were queued."""
        # On the path of every message; a third of a microsecond.
        self.end = end = self.end + size
        if now - self._last < _TOGETHER:
            self._ends[-1] = end
            return
        self._last = now
        self._ends.append(end)
        self._times.append(now)
        if len(self._ends) > self._room:
            self._forget()

    def begin(self, now: float, left: int) -> None:
        """Note that a frame begins to play.

        Args:
            now: the moment; frames that are owed share it, which is then that of the
                first.
            left: how many bytes have not played before it.
        """
        self._moments.append(now)
        self._begins.append(self.end - left)
        if len(self._moments) > 2 * _FRAMES:
            del self._moments[:_FRAMES], self._begins[:_FRAMES]
            self._played = self._begins[0]

    def clear(self) -> None:
        """Forget all; the queue was emptied."""
        del self._ends[:], self._times[:], self._moments[:], self._begins[:]
        self.end = self._played = self._forgotten = 0
        self._last = float("-inf")

    def at(self, position: int) -> float | None:
        """Return when the byte had come before which so many came since the clear.

        None for one that came before the last clear, or is long forgotten.
        """
        if not self._forgotten <= position < self.end:
            return None
        return self._times[bisect_right(self._ends, position)]

    def of_frame(self, moment: float) -> float | None:
        """Return when that had come which began to play at a moment."""
        place = bisect_left(self._moments, moment)
        if place == len(self._moments) or self._moments[place] != moment:
            return None
        return self.at(self._begins[place])

    def _forget(self) -> None:
        old = bisect_right(self._ends, self._played)
        if len(self._ends) - old > _MOST:
            old = len(self._ends) // 2
        if old:
            self._forgotten = self._ends[old - 1]
            del self._ends[:old], self._times[:old]
        self._room = len(self._ends) + _FEW
