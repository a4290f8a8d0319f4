"""The short way between a stream and its socket, past event loop and picows.

Most of what a call sends and gets are single frames of one form. Those are written to
the socket and read from it here; other texts, marks above all, are found here, too.
Whatever else comes is handed to picows, which remains the one who knows WebSockets.

What is sent carries a masking key of zero, which leaves the text as it is. RFC 6455,
10.3, wants keys that nobody can guess because of scripts in web pages that would write
requests for others into the proxies on their way; none is here. All other messages of
a call have random keys.
"""

from __future__ import annotations

from asyncio import Transport
from collections.abc import Callable
from typing import Final

from fakes.engine.bare_socket import BareSocket
from fakes.twilio.media.agent_messages import QUOTE
from fakes.twilio.media.stream import MediaStream

__all__ = ["Shortcut", "frame_of"]

_WHOLE_TEXT: Final = 0x81  # the last, and only, frame of a text message
_TWO_BYTES: Final = 126  # what a length says when two bytes tell it
_LONGEST: Final = 1024
_HEADS: Final = tuple(
    bytes((_WHOLE_TEXT, 0x80 | _TWO_BYTES)) + size.to_bytes(2, "big") + bytes(4)
    for size in range(_LONGEST)
)


def frame_of(text: str) -> bytes:
    """Return a text of ASCII, 126 to 1023 characters, as a whole WebSocket frame."""
    return _HEADS[len(text)] + text.encode()


class Shortcut:
    """The short way of one socket.

    Attributes:
        socket: what it goes over.
        between_frames: whether picows holds no part of a frame. Set by who is told of
            its frames; the short way is closed as long as this is false.

    Args:
        transport: of the socket.
        stream: takes ordinary audio.
        take_text: takes other text; the rest is for picows.
    """

    __slots__ = (
        *("_begin", "_end", "_size", "_stream", "_take_text"),
        *("between_frames", "socket"),
    )

    def __init__(
        self,
        transport: Transport,
        stream: MediaStream,
        take_text: Callable[[bytes], None],
    ) -> None:
        self._take_text = take_text
        self._stream = stream
        # The frame before, if it was a usual one: its size, what it began with, its
        # own head included, and what it ended with.
        self._size, self._begin, self._end = 0, b"", b""
        self.between_frames = False
        self.socket = BareSocket(transport, self._arrived, stream.left)

    def post(self, text: str) -> None:
        """Send the stream's turn, ASCII, after all turns of this beat, and tell it."""
        self.socket.post(frame_of(text))

    def send(self, text: str) -> None:
        """Send a text of ASCII now."""
        self.socket.write(frame_of(text))

    def _arrived(self, data: bytes, now: float) -> int:
        """Take what came; return where the part begins that is for picows."""
        size = len(data)
        if size == self._size and self.between_frames:
            # Nothing but one frame more like the one before.
            begin, end = self._begin, self._end
            if data.startswith(begin) and data.endswith(end):
                audio = data[len(begin) : -len(end)]
                whole = audio.isascii() and QUOTE not in audio
                if whole and self._stream.hear_audio(audio, now):
                    return size
        taken = self._take(data, now)
        if taken < size:
            self.between_frames = False
        return taken

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
            if self._stream.hear(payload, now):
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
            begin, end = self._stream.usual
            self._size, self._begin, self._end = size, head + begin, end
