"""One timer wheel for all calls of an event loop: 20 slots, one a millisecond.

A timer for each call costs more than the frame it paces. Here one timer beats every
millisecond and the calls ride in twenty slots, spread evenly, so that a twentieth of
them has its frame at each beat.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol
from weakref import WeakKeyDictionary

from fakes.alarms import Alarms
from fakes.engine.timer import BEAT, Timer, new_timer
from voiceutils.mulaw import FRAME_SECONDS

__all__ = ["SLOTS", "STALL_BEATS", "Rider", "Wheel", "wheel_here"]

SLOTS: Final = round(FRAME_SECONDS / BEAT)
STALL_BEATS: Final = 20  # a loop that is later than that is said to have stalled
# A beat counts when it has passed by that much, so that what is due at it is due for
# everyone who adds up the same moments in another order.
_SURELY: Final = 1e-6


class Rider(Protocol):
    """What has a frame every 20 ms."""

    def turn(self) -> None:
        """Do all that is due; must not raise."""


class Wheel:
    """The wheel; it turns while anybody rides or waits for beats.

    Attributes:
        alarms: for what is not regular.
        stalls: how often the loop came later than :data:`STALL_BEATS` milliseconds.
        worst_stall: the latest it came, in seconds.
        before_turns: called before anybody has his turn.
        after_turns: called at each beat when everybody has had his turn.

    Args:
        clock: monotonic seconds.
        timer: starts a timer.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        timer: Callable[[float, Callable[[], None]], Timer] = new_timer,
    ) -> None:
        self.alarms = Alarms()
        self.stalls = 0
        self.worst_stall = 0.0
        self.before_turns: Callable[[], None] = _nothing
        self.after_turns: Callable[[], None] = _nothing
        self._clock = clock
        self._new_timer = timer
        self._timer: Timer | None = None
        self._slots: list[dict[Rider, None]] = [{} for _ in range(SLOTS)]
        self._slot_of: dict[Rider, int] = {}
        self._since = 0.0
        self._beats = 0  # handled
        self._each_beat: dict[Callable[[], None], None] = {}
        self._again: asyncio.Handle | None = None

    def __len__(self) -> int:
        return len(self._slot_of)

    def board(self, rider: Rider) -> float:
        """Take a rider on; return when its first turn is due, within 20 ms.

        It gets the emptiest slot, of several the one that comes first.
        """
        self._start()
        begun = int((self._clock() - self._since) / BEAT) + 1
        beat = min(
            range(begun, begun + SLOTS), key=lambda n: len(self._slots[n % SLOTS])
        )
        self._slot_of[rider] = beat % SLOTS
        self._slots[beat % SLOTS][rider] = None
        return self._since + beat * BEAT

    def alight(self, rider: Rider) -> None:
        """Let a rider go, if it is here."""
        slot = self._slot_of.pop(rider, None)
        if slot is not None:
            del self._slots[slot][rider]
            self._stop_if_idle()

    def each_beat(self, call: Callable[[], None]) -> None:
        """Call once a millisecond, and once for several that came together."""
        self._start()
        self._each_beat[call] = None

    def no_more(self, call: Callable[[], None]) -> None:
        """Call it no more."""
        self._each_beat.pop(call, None)
        self._stop_if_idle()

    @property
    def late(self) -> float:
        """Seconds by which the wheel is behind now."""
        if self._timer is None:
            return 0.0
        return max(0.0, self._clock() - self._since - (self._beats + 1) * BEAT)

    # --- turning -----------------------------------------------------------------

    def _start(self) -> None:
        if self._timer is None:
            self._since = self._clock()
            self._beats = 0
            self._timer = self._new_timer(self._since, self._expired)

    def _stop_if_idle(self) -> None:
        if self._slot_of or self._each_beat or self._timer is None:
            return
        self._timer.stop()
        self._timer = None
        if self._again is not None:
            self._again.cancel()
            self._again = None

    def _expired(self) -> None:
        if self._again is None:  # else it is behind, and at it already
            self._turn()

    def _turn(self) -> None:
        """Turn by all beats that have passed, at most once around.

        Expirations of a timer merge: one beat for each would never make up for a
        stall. Whoever has his turn does all that he owes, so one time around is all
        there is to make up for; when that took so long that more is due, what has
        arrived is read first.
        """
        self._again = None
        passed = int((self._clock() - self._since - _SURELY) / BEAT)
        behind = passed - self._beats
        if behind > STALL_BEATS:
            self.stalls += 1
            self.worst_stall = max(self.worst_stall, behind * BEAT)
        self.before_turns()
        first = max(self._beats + 1, passed - SLOTS + 1)
        for beat in range(first, passed + 1):
            for rider in tuple(self._slots[beat % SLOTS]):
                rider.turn()
            self.after_turns()
        self._beats = max(self._beats, passed)
        for call in tuple(self._each_beat):
            call()
        if self._timer is not None and self.late >= SLOTS * BEAT:
            self._again = asyncio.get_running_loop().call_soon(self._turn)


def _nothing() -> None:
    pass


_wheels: WeakKeyDictionary[asyncio.AbstractEventLoop, Wheel] = WeakKeyDictionary()


def wheel_here() -> Wheel:
    """Return the wheel of the running loop."""
    loop = asyncio.get_running_loop()
    wheel = _wheels.get(loop)
    if wheel is None:
        wheel = _wheels[loop] = Wheel()
    return wheel
