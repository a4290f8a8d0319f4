"""Joins two legs, each of which ticks by its own clock.

What one side says waits in a short queue until the other side's next frame. Two clocks
that are not in step make a queue run dry or overflow now and then, which is silence or
a lost frame, as between any two phones.
"""

from __future__ import annotations

from collections import deque

from fakes.twilio.caller.party import Step
from voiceutils.mulaw import SILENCE_FRAME

__all__ = ["DEPTH", "Bridge", "BridgeEnd"]

DEPTH = 5  # frames; 100 ms


class BridgeEnd:
    """One side of a bridge; also a party, for a leg that is bridged whole.

    Attributes:
        overflowed: frames of this side that the other side never took.
        dry: frames for which the other side had nothing ready, once it had begun.
    """

    def __init__(self, *, depth: int) -> None:
        self.overflowed = 0
        self.dry = 0
        self._inbox: deque[bytes] = deque()
        self._begun = False
        self._depth = depth
        self._ended = False
        self._other: BridgeEnd = self

    def join(self, other: BridgeEnd) -> None:
        """Make this side's words go there."""
        self._other = other

    def put(self, said: bytes | None) -> None:
        """Say one frame to the other side; None is silence."""
        inbox = self._other._inbox
        inbox.append(said or SILENCE_FRAME)
        if len(inbox) > self._depth:
            inbox.popleft()
            self.overflowed += 1

    def take(self) -> bytes:
        """Return the next frame of the other side; empty when none is ready."""
        if self._inbox:
            self._begun = True
            return self._inbox.popleft()
        self.dry += self._begun
        return b""

    def frame(self, heard: bytes, now: float) -> Step:
        """Pass on what plays here and say what the other side said."""
        if self._ended:
            return Step(hang_up="stop")
        self.put(heard)
        return Step(self.take() or None)

    def hang_up(self) -> None:
        """Leave: the leg on the other side is hung up at its next frame."""
        self._other._ended = True


class Bridge:
    """Two ends.

    Attributes:
        near: for the leg that dials.
        far: for the leg that is dialled.

    Args:
        depth: frames that may wait in each direction.
    """

    def __init__(self, *, depth: int = DEPTH) -> None:
        self.near = BridgeEnd(depth=depth)
        self.far = BridgeEnd(depth=depth)
        self.near.join(self.far)
        self.far.join(self.near)
