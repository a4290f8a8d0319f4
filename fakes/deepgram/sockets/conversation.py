"""Runs a protocol core on a connection: messages in, alarms, messages out.

A :class:`Conversation` knows the core, the fault and the book; what carries its
messages is a :class:`Socket`, of which there are two:
:mod:`fakes.deepgram.sockets.swift`, the fast one, and
:mod:`fakes.deepgram.sockets.plain`, which needs nothing but aiohttp.
"""

from __future__ import annotations

import time
from collections import deque
from math import inf
from typing import Protocol

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from fakes.alarms import Alarms
from fakes.deepgram.bookkeeping import Bookkeeper
from fakes.deepgram.outbox import Ended, Outgoing
from fakes.deepgram.sockets.mishap import Mishap, happens_on_socket
from fakes.deepgram.surface import Core, HeardAt, HearsPings, Patient
from fakes.faulty import Door
from fakes.ledger import Ledger
from fakes.punctuality import Punctuality
from voiceutils.mulaw import SAMPLE_RATE

__all__ = [
    "CLOSE_SECONDS",
    "LARGEST_MESSAGE",
    "NO_CODE",
    "Answered",
    "Conversation",
    "Socket",
]

# A client that does not read: beyond this the socket is dropped, as a service would.
MOST_UNSENT = 2000
CLOSE_SECONDS = 2.0  # for the client to answer a close frame
LARGEST_MESSAGE = 2**24
NO_CODE = 1005  # a close frame without payload
_NO_FRAME = 1006
# What a client sent is heard this long before the core could have to say something.
_IN_TIME = 0.02
# Moments at which it is heard: those of one moment follow each other, which halves
# the cost, as code and data are still in the caches. A few milliseconds at most.
_MOMENTS_A_SECOND = 250
_MOST_UNHEARD = 32  # messages
_LONGEST_UNHEARD = 4096  # bytes of one
_BRACE = ord("{")


class Answered(web.StreamResponse):
    """Says to aiohttp that a request was answered and its connection is used up."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send nothing."""
        self.force_close()
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Send nothing."""


class Socket(Protocol):
    """What carries the messages of a conversation."""

    @property
    def writable(self) -> bool:
        """Whether the client keeps up; if not, ``resume`` is called later."""

    def send(self, message: str | bytes) -> None:
        """Send one message."""

    def close(self, code: int, reason: str) -> None:
        """Send a close frame and drop the connection if it is not answered."""

    def read_slowly(self, bytes_a_second: float) -> None:
        """Read at this rate from now on; 0 is not at all, pings included."""

    def pace(self, size: int, gap: float) -> None:
        """Write pieces of this size from now on, ``gap`` seconds apart."""


class Conversation:
    """One accepted WebSocket and its core.

    Args:
        core: the protocol.
        door: the attempt, with its fault.
        ledger: where everything is entered.
        alarms: the clock of the event loop.
        punctuality: where the lateness of what is sent is counted.
    """

    def __init__(
        self,
        core: Core,
        door: Door,
        ledger: Ledger,
        alarms: Alarms,
        punctuality: Punctuality,
    ) -> None:
        self._core = core
        self._ledger = ledger
        self._door = door
        self._book = Bookkeeper(ledger, door.attempt)
        self._alarm = alarms.alarm(self._ring)
        self._alarms = alarms
        self._punctuality = punctuality
        self._mishap: Mishap | None = None
        self._pings = core.pinged if isinstance(core, HearsPings) else None
        self._unsent: deque[Outgoing] = deque()
        self._socket: Socket | None = None
        self._due = inf  # when the core has something to say, if nobody speaks to it
        self._armed = inf  # when the alarm rings, if nothing else is set
        self._over = False
        self._patient: Patient | None = None
        self._patience = 0.0
        self._unheard: list[HeardAt] = []

    # --- what the socket reports -------------------------------------------------

    def begin(self, socket: Socket) -> None:
        """Begin: the handshake is done."""
        self._socket = socket
        opened = self._door.accept()
        if happens_on_socket(self._door.fault):
            self._mishap = Mishap(self._door, self, self._alarms, opened)
            self._mishap.begin(opened)
        elif isinstance(self._core, Patient) and self._core.patience > 2 * _IN_TIME:
            self._patient = self._core
            self._patience = self._patient.patience - _IN_TIME
            self._ledger.expect(self._door.attempt, self._catch_up)
        self._pump(time.monotonic())

    def receive(self, message: bytes | str) -> None:
        """Take one message of the client."""
        now = time.monotonic()
        if (
            self._patience
            and 0 < len(message) < _LONGEST_UNHEARD
            and isinstance(message, bytes)
            and message[0] != _BRACE
        ):
            # The path of every frame: to put it aside takes 3 us, to hear it alone,
            # where nothing is in the caches, five times as much.
            if not self._unheard:
                self._hear_by(now + self._patience)
            self._unheard.append((message, now))
            if len(self._unheard) >= _MOST_UNHEARD:
                self._catch_up()
            return
        if self._unheard:
            self._hear()
        mishap = self._mishap
        if mishap is not None and mishap.deaf:
            return
        core = self._core
        core.receive(message, now)
        self._book.received(message, core.take_codes(), now)
        self._pump(now)
        if mishap is not None:
            mishap.received(_seconds_of(message), now)

    def pinged(self) -> None:
        """Take a ping or a pong of the client; the socket has answered it."""
        if self._pings is not None:
            now = time.monotonic()
            self._hear()
            self._pings(now)
            self._pump(now)

    def end(self, code: int | None, *, aborted: bool = False) -> None:
        """End: the connection is gone.

        Args:
            code: of the close frame; None when there was none.
            aborted: whether the fakes were stopped in the middle.
        """
        self._hear()
        self._ledger.expect(self._door.attempt, None)
        self._over = True
        self._alarm.cancel()
        self._unsent.clear()
        if self._mishap is not None:
            self._mishap.end()
        self._door.end("client", _NO_FRAME if code is None else code, aborted=aborted)

    # --- what the socket or a mishap asks for ------------------------------------

    def resume(self) -> None:
        """Go on sending: the client has read, or a stall is over."""
        self._hear()
        self._flush(time.monotonic())

    def close(self, end: Ended) -> None:
        """Send a close frame; nothing follows."""
        if self._socket is not None and not self._over:
            self._over = True
            self._unsent.clear()
            self._door.end("fake", end.code)
            self._socket.close(end.code, end.reason)

    def read_slowly(self, bytes_a_second: float) -> None:
        """Read at this rate from now on; 0 is not at all."""
        if self._socket is not None:
            self._socket.read_slowly(bytes_a_second)

    def pace(self, size: int, gap: float) -> None:
        """Write pieces of this size from now on, ``gap`` seconds apart."""
        if self._socket is not None:
            self._socket.pace(size, gap)

    # --- what the core hears -----------------------------------------------------

    def _hear_by(self, latest: float) -> None:
        moment = int(latest * _MOMENTS_A_SECOND) / _MOMENTS_A_SECOND
        if moment < self._armed:
            self._armed = moment
            self._alarm.set(moment)

    def _catch_up(self) -> None:
        if self._unheard:
            self._hear()
            self._pump(time.monotonic())

    def _hear(self) -> None:
        """Have the core hear what was put aside, each message as of its time."""
        unheard = self._unheard
        if not unheard:
            return
        self._unheard = []
        assert self._patient is not None
        self._book.received_run(unheard, self._patient.hear_run(unheard))
        # If this loop was held up, something may have been due by now.
        self._due = min(self._due, unheard[0][1] + self._patience + _IN_TIME)

    # --- what the core says ------------------------------------------------------

    def _ring(self, now: float) -> None:
        self._armed = inf
        self._hear()
        self._core.on_timer(now)
        self._pump(now)

    def _pump(self, now: float) -> None:
        """Send what the core has to say by now, and set the alarm."""
        taken = self._core.take()
        if taken:
            due = min(self._due, now)
            fluent = not self._unsent
            self._unsent.extend(taken)
            self._flush(now)
            if fluent and not self._unsent:
                self._punctuality.sent(due, time.monotonic())
        next_due = self._core.next_timer()
        self._due = inf if next_due is None else next_due
        if self._due < self._armed:
            self._armed = self._due
            self._alarm.set(self._due)

    def _flush(self, now: float) -> None:
        socket, unsent = self._socket, self._unsent
        assert socket is not None
        while unsent and not self._over:
            if self._mishap is not None and self._mishap.holding:
                while len(unsent) > MOST_UNSENT:
                    unsent.popleft()
                return
            if not socket.writable:
                if len(unsent) > MOST_UNSENT:
                    self.close(Ended(1011, "The client does not read."))
                return
            self._send(unsent.popleft(), socket, now)

    def _send(self, item: Outgoing, socket: Socket, now: float) -> None:
        mishap = self._mishap
        if mishap is not None:
            times = mishap.times(item, now)
            if mishap.holding:
                self._unsent.appendleft(item)
                return
            if not times or self._over:
                return
        content = self._book.sending(item, now)
        if content is None:
            return
        if isinstance(content, Ended):
            self.close(content)
            return
        socket.send(content)
        if mishap is not None:
            if times > 1:
                socket.send(content)
            mishap.sent(now)


def _seconds_of(message: bytes | str) -> float:
    return len(message) / SAMPLE_RATE if isinstance(message, bytes) else 0.0
