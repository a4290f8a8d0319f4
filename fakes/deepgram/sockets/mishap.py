"""What the fault of one connection does to its conversation, and when."""

from __future__ import annotations

from typing import Protocol

from fakes.alarms import Alarms
from fakes.deepgram.outbox import AudioPiece, Ended, Outgoing, Said
from fakes.faults import (
    Close,
    Drop,
    Duplicate,
    Fault,
    HalfOpen,
    Momentary,
    Mute,
    Reset,
    Slice,
    SlowReader,
    Stall,
    Throttle,
)
from fakes.faulty import Door
from fakes.ledger import FaultFired
from fakes.moments import Fuse, Picked

__all__ = ["Mishap", "Victim", "happens_on_socket"]

_NO_FRAME = 1006
_TICK = 0.02  # seconds between two writes of a throttled connection


def happens_on_socket(fault: Fault) -> bool:
    """Return whether a fault strikes an open socket."""
    if isinstance(fault, Momentary):
        return fault.when == "open"
    return isinstance(fault, Drop | Duplicate)


class Victim(Protocol):
    """The conversation as its mishap sees it."""

    def close(self, end: Ended) -> None:
        """Send a close frame; nothing follows."""

    def resume(self) -> None:
        """Send what waits."""

    def read_slowly(self, bytes_a_second: float) -> None:
        """Read at this rate from now on; 0 is not at all."""

    def pace(self, size: int, gap: float) -> None:
        """Write pieces of this size from now on, ``gap`` seconds apart."""


class Mishap:
    """The fault of one open connection.

    Args:
        door: the attempt; its fault must be one of a socket.
        victim: the conversation.
        alarms: the clock of the event loop.
        opened: when the connection was let in.

    Attributes:
        holding: nothing is said now; what would be said waits.
        deaf: nothing is heard any more.
    """

    def __init__(
        self, door: Door, victim: Victim, alarms: Alarms, opened: float
    ) -> None:
        self.holding = self.deaf = False
        self._door = door
        self._fault = door.fault
        self._victim = victim
        self._muted = False
        self._fuse = Fuse(door.fault, opened)
        self._picked = Picked(door.fault)
        self._fired: FaultFired | None = None
        self._relief: float | None = None  # when a stall or a silence ends
        self._alarm = alarms.alarm(self._ring)

    def begin(self, now: float) -> None:
        """The connection is open."""
        if self._fuse.due is not None:
            self._fired = self._door.fire(self._fuse.due)
        self._look(now)

    def end(self) -> None:
        """The connection is gone."""
        self._alarm.cancel()

    def received(self, seconds: float, now: float) -> None:
        """A message came, with so many seconds of audio."""
        self._fuse.received(seconds)
        self._look(now)

    def times(self, item: Outgoing, now: float) -> int:
        """Return how often a thing that is about to be sent is to be sent.

        0 loses it; the fault may strike here, so look at :attr:`holding` after it.
        """
        if isinstance(item, Said):
            message: str | bytes = item.text
            if self._fuse.watches_words:
                self._fuse.saying(item.text)
                self._look(now)
        elif isinstance(item, AudioPiece):
            message = item.audio
        else:
            return 1
        if self._muted:
            return 0
        times = self._picked.times(message)
        if times != 1 and self._fired is None:
            self._happened(now)
        return times

    def sent(self, now: float) -> None:
        """A message went to the client."""
        self._fuse.sent()
        self._look(now)

    def _ring(self, now: float) -> None:
        if self._relief is not None and now >= self._relief:
            self._relief = None
            self.holding = self._muted = False
            self._victim.resume()
        self._look(now)

    def _look(self, now: float) -> None:
        """Strike if it is time, or see to it that this is asked again in time."""
        if self._fuse.burnt(now):
            self._happened(now)
            self._strike(now)
        due = self._fuse.due if self._relief is None else self._relief
        if due is not None:
            self._alarm.set(due)

    def _happened(self, now: float) -> None:
        if self._fired is None:
            self._fired = self._door.fire(now)
        self._fired.happened_at = now

    def _strike(self, now: float) -> None:
        match self._fault:
            case Close(code=code, reason=reason):
                if code == _NO_FRAME:
                    self._door.drop()
                else:
                    self._victim.close(Ended(code, reason))
            case Reset():
                self._door.reset()
            case Stall(seconds=seconds):
                self.holding = True
                self._relief = None if seconds is None else now + seconds
            case Mute(seconds=seconds):
                self._muted = True
                self._relief = None if seconds is None else now + seconds
            case HalfOpen():
                self.holding = self.deaf = True
                self._victim.read_slowly(0.0)
            case SlowReader(bytes_a_second=rate):
                self._victim.read_slowly(rate)
            case Throttle(bytes_a_second=rate):
                size = max(1, round(rate * _TICK))
                self._victim.pace(size, size / rate)
            case Slice(size=size, gap=gap):
                self._victim.pace(size, gap)
