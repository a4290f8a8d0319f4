"""The short way between a stream and its socket, past event loop and picows.

Most of what a call sends and gets are single frames of one form. Those are written to
the socket and read from it here, at a third of the cost; other texts, marks above all,
are found here, too. Whatever else comes is handed to picows, which remains the one who
knows WebSockets. Linux only, and not for TLS.

* What is sent carries a masking key of zero, which leaves the text as it is. RFC 6455,
  10.3, wants keys that nobody can guess because of scripts in web pages that would
  write requests for others into the proxies on their way; none is here. All other
  messages of a call have random keys.
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
from fakes.twilio.media.agent_messages import QUOTE
from fakes.twilio.media.stream import MediaStream

__all__ = ["Shortcut"]

# Compiled code finds them like this without looking them up.
_read: Final = os.read
_write: Final = os.write
_clock: Final = monotonic
_AT_ONCE: Final = 8192  # bytes; most messages are one frame of audio
_WHOLE_TEXT: Final = 0x81  # the last, and only, frame of a text message
_TWO_BYTES: Final = 126  # what a length says when two bytes tell it
_LONGEST: Final = 1024
_HEADS: Final = tuple(
    bytes((_WHOLE_TEXT, 0x80 | _TWO_BYTES)) + size.to_bytes(2, "big") + bytes(4)
    for size in range(_LONGEST)
)


class _Traffic:
    """Tells the sockets of one event loop when something has arrived, and when to send.

    Attributes:
        waiting: what is to be sent after all turns of this beat.
    """

    def __init__(self, wheel: Wheel) -> None:
        self.waiting: list[tuple[Shortcut, bytes]] = []
        self._poll = select.epoll()
        self._readers: dict[int, Shortcut] = {}
        wheel.before_turns = self._beat
        wheel.after_turns = self.flush

    def flush(self) -> None:
        """Send what waits."""
        # Taken out first: who finds its socket broken flushes once more.
        waiting, self.waiting = self.waiting, []
        for shortcut, message in waiting:
            shortcut.write(message)
            shortcut.stream.left(_clock())

    def add(self, file: int, reader: Shortcut) -> None:
        self._readers[file] = reader
        # Told once for all that came since: whoever is told reads all of it.
        self._poll.register(file, select.EPOLLIN | select.EPOLLET)

    def remove(self, file: int) -> None:
        if self._readers.pop(file, None) is not None:
            self._poll.unregister(file)

    def _beat(self) -> None:
        readers = self._readers
        if not readers:
            return
        ready = self._poll.poll(0, len(readers))
        if ready:
            now = _clock()
            for file, _ in ready:
                reader = readers.get(file)  # gone, when an earlier one ended its call
                if reader is not None:
                    reader.read(now)


_traffic: WeakKeyDictionary[AbstractEventLoop, _Traffic] = WeakKeyDictionary()


def _traffic_here() -> _Traffic:
    loop = get_running_loop()
    traffic = _traffic.get(loop)
    if traffic is None:
        traffic = _traffic[loop] = _Traffic(wheel_here())
    return traffic


class Shortcut:
    """The short way of one socket.

    Attributes:
        stream: takes the messages.
        between_frames: whether picows holds no part of a frame. Set by who is told of
            its frames; the short way is closed as long as this is false.
        behind: whether the transport may hold something that is yet to be sent. Set by
            who sends by it; to ask it before each frame took 2 % of a call's time.
        is_broken: whether nothing can be sent any more, either way; there may be
            something to be read.

    Args:
        transport: of the socket.
        stream: takes ordinary audio.
        take_text: takes other text; the rest is for picows.
    """

    __slots__ = (
        *("_begin", "_end", "_file", "_size", "_take_text", "_traffic", "_transport"),
        *("behind", "between_frames", "is_broken", "stream"),
    )

    def __init__(
        self,
        transport: Transport,
        stream: MediaStream,
        take_text: Callable[[bytes], None],
    ) -> None:
        self._transport = transport
        self._take_text = take_text
        self._traffic = _traffic_here()
        self.stream = stream
        # The frame before, if it was a usual one: its size, what it began with, its
        # own head included, and what it ended with.
        self._size, self._begin, self._end = 0, b"", b""
        self._file: int = transport.get_extra_info("socket").fileno()
        self.between_frames = False
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
        self._traffic.remove(self._file)
        self._file = -1
        if not self._transport.is_closing():
            self._transport.resume_reading()

    @property
    def is_free(self) -> bool:
        """Whether anything can be sent on it."""
        if self.behind:
            self.behind = self._transport.get_write_buffer_size() > 0
        return self._file >= 0 and not self.behind

    def post(self, text: str) -> None:
        """Send the stream's turn, ASCII, after all turns of this beat, and tell it."""
        self._traffic.waiting.append((self, _HEADS[len(text)] + text.encode()))

    def send(self, text: str) -> None:
        """Send a text of ASCII now."""
        self.write(_HEADS[len(text)] + text.encode())

    def flush(self) -> None:
        """Send what waits, before anything else is sent."""
        self._traffic.flush()

    def write(self, message: bytes) -> None:
        """Write a whole frame."""
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
            if size == self._size and self.between_frames:
                # Nothing but one frame more like the one before.
                begin, end = self._begin, self._end
                if data.startswith(begin) and data.endswith(end):
                    audio = data[len(begin) : -len(end)]
                    whole = audio.isascii() and QUOTE not in audio
                    if whole and self.stream.hear_audio(audio, now):
                        return
            rest = self._take(data, now)
            if rest < size:
                self._hand_on(memoryview(data)[rest:])

    def _take(self, data: bytes, now: float) -> int:
        """Take the whole text messages at the begin; return where others begin."""
        at, size = 0, len(data)
        while self.between_frames and size - at > 4 and data[at] == _WHOLE_TEXT:
            length, begin = data[at + 1], at + 2
            if length == _TWO_BYTES:
                length, begin = data[at + 2] << 8 | data[at + 3], at + 4
            elif length > _TWO_BYTES:
                break
            end = begin + length
            if end > size:
                break
            payload = data[begin:end]
            if self.stream.hear(payload, now):
                self._learn(data[at:begin], end - at)
            elif payload.isascii():
                self._take_text(payload)
            else:
                break  # picows knows what to answer when it is no UTF-8
            at = end
        return at

    def _learn(self, head: bytes, size: int) -> None:
        """Know the next frame that differs from this one by its audio only."""
        if size != self._size:
            begin, end = self.stream.usual
            self._size, self._begin, self._end = size, head + begin, end

    def _hand_on(self, rest: memoryview) -> None:
        """Give bytes to picows as if the event loop had read them."""
        self.between_frames = False
        self.behind = True  # it answers pings by itself
        protocol: Any = self._transport.get_protocol()
        while rest:
            room = protocol.get_buffer(-1)
            # A room that was filled would be doubled, and stay so.
            size = min(len(room) // 2, len(rest))
            room[:size] = rest[:size]
            protocol.buffer_updated(size)
            rest = rest[size:]
