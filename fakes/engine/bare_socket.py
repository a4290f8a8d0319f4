"""A socket past its event loop: written after all turns of a beat, read once a beat.

Linux only, and not for TLS; who uses it falls back to the transport for what this does
not know. It costs a third of the loop's ways.

* What is sent in a beat is written when everybody has had his turn: an agent that gets
  many frames at once wakes up once for them, and waking it is the dearest part of a
  write. A frame counts as sent when it is written.
* What has arrived is looked for once a beat, with one system call for all sockets,
  before anybody has his turn: up to a millisecond later than the event loop would, and
  without waking up for each message.
"""

from __future__ import annotations

import os
import select
from asyncio import AbstractEventLoop, Transport, get_running_loop
from collections.abc import Callable
from time import monotonic
from typing import Any, Final
from weakref import WeakKeyDictionary

from fakes.engine.wheel import Wheel, wheel_here

__all__ = ["BareSocket"]

# Compiled code finds them like this without looking them up.
_read: Final = os.read
_write: Final = os.write
_clock: Final = monotonic
_AT_ONCE: Final = 8192  # bytes; most messages are one frame of audio


class _Traffic:
    """Tells the sockets of one event loop when something has arrived, and when to send.

    Attributes:
        waiting: what is to be sent after all turns of this beat.
    """

    def __init__(self, wheel: Wheel) -> None:
        self.waiting: list[tuple[BareSocket, bytes]] = []
        self._poll = select.epoll()
        # By file, in a list: looked up in a dictionary they took 1 % of a call's time.
        self._readers: list[BareSocket | None] = []
        self._reading = 0  # how many there are
        wheel.before_turns = self._beat
        wheel.after_turns = self.flush

    def flush(self) -> None:
        """Send what waits."""
        # Taken out first: who finds its socket broken flushes once more.
        waiting, self.waiting = self.waiting, []
        for end, message in waiting:
            end.write(message)
            end.left(_clock())

    def add(self, file: int, reader: BareSocket) -> None:
        missing = file + 1 - len(self._readers)
        self._readers.extend([None] * missing)
        self._readers[file] = reader
        self._reading += 1
        # Told once for all that came since: whoever is told reads all of it.
        self._poll.register(file, select.EPOLLIN | select.EPOLLET)

    def remove(self, file: int) -> None:
        if file < len(self._readers) and self._readers[file] is not None:
            self._readers[file] = None
            self._reading -= 1
            self._poll.unregister(file)

    def _beat(self) -> None:
        if not self._reading:
            return
        ready: list[tuple[int, int]] = self._poll.poll(0, self._reading)
        if ready:
            now = _clock()
            for file, _ in ready:
                reader = self._readers[file]
                if reader is not None:  # as when an earlier one ended its call
                    reader.read(now)


_traffic: WeakKeyDictionary[AbstractEventLoop, _Traffic] = WeakKeyDictionary()


def _traffic_here() -> _Traffic:
    loop = get_running_loop()
    traffic = _traffic.get(loop)
    if traffic is None:
        traffic = _traffic[loop] = _Traffic(wheel_here())
    return traffic


class BareSocket:
    """One socket, whose transport remains for what this does not know.

    Attributes:
        left: told when each message that was posted has been written.
        behind: whether the transport may hold something that is yet to be sent. Set by
            who sends by it; to ask it before each frame took 2 % of a call's time.
        is_broken: whether nothing can be sent any more, either way; there may be
            something to be read.

    Args:
        transport: of the socket.
        arrived: takes bytes and when they came; returns how many it took. The rest is
            given to the transport's protocol as if the event loop had read it.
        left: see above.
    """

    __slots__ = (
        *("_arrived", "_file", "_traffic", "_transport", "behind", "is_broken", "left"),
    )

    def __init__(
        self,
        transport: Transport,
        arrived: Callable[[bytes, float], int],
        left: Callable[[float], None],
    ) -> None:
        self._transport = transport
        self._arrived = arrived
        self._traffic = _traffic_here()
        self._file: int = transport.get_extra_info("socket").fileno()
        self.left = left
        self.behind = True
        self.is_broken = False

    @staticmethod
    def exists(transport: Transport) -> bool:
        """Whether there is one, here and for this socket."""
        return hasattr(select, "epoll") and not transport.get_extra_info("ssl_object")

    def take(self) -> None:
        """Take over reading from the event loop, unless the socket is closed."""
        if self._file < 0:
            return
        self._transport.pause_reading()
        self._traffic.add(self._file, self)

    def leave(self) -> None:
        """Give reading back; call it before the socket is closed."""
        if self._file < 0:
            return
        self.flush()
        if self._file < 0:
            return  # what was sent found it broken, and has left it
        self._traffic.remove(self._file)
        self._file = -1
        if not self._transport.is_closing():
            self._transport.resume_reading()
        # Nothing arrives any more; whoever was told may be free.
        self._arrived, self.left = _of_nobody, _ignore

    @property
    def is_free(self) -> bool:
        """Whether anything can be sent on it."""
        if self.behind:
            self.behind = self._transport.get_write_buffer_size() > 0
        return self._file >= 0 and not self.behind

    def post(self, message: bytes) -> None:
        """Send after all turns of this beat."""
        self._traffic.waiting.append((self, message))

    def flush(self) -> None:
        """Send what waits, before anything else is sent."""
        self._traffic.flush()

    def write(self, message: bytes) -> None:
        """Send now."""
        try:
            sent = _write(self._file, message)
        except BlockingIOError:
            sent = 0
        except OSError:
            # What the agent said last, such as its close, may still be to be read; the
            # transport, given more to send, would end without looking.
            self.is_broken = True
            self.leave()
            return
        if sent < len(message):
            self._transport.write(message[sent:])
            self.behind = True

    def read(self, now: float) -> None:
        """Read all there is."""
        size = _AT_ONCE
        while size == _AT_ONCE and self._file >= 0:
            try:
                data = _read(self._file, _AT_ONCE)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.leave()  # the event loop finds the same end, and tells it
                return
            size = len(data)
            taken = self._arrived(data, now)
            if taken < size:
                self.hand_on(memoryview(data)[taken:])

    def hand_on(self, rest: memoryview) -> None:
        """Give bytes to the protocol as if the event loop had read them."""
        self.behind = True  # it may answer by itself
        protocol: Any = self._transport.get_protocol()
        while rest:
            room = protocol.get_buffer(-1)
            # A room that was filled would be doubled by picows, and stay so.
            size = min(len(room) // 2, len(rest))
            room[:size] = rest[:size]
            protocol.buffer_updated(size)
            rest = rest[size:]


def _of_nobody(data: bytes, at: float) -> int:
    return 0


def _ignore(at: float) -> None:
    pass
