"""Joins small pieces of phone audio into chunks worth a message of their own."""

from __future__ import annotations

from typing import TypeAlias

from voiceutils.errors import SettingError
from voiceutils.mulaw import FRAME_BYTES

__all__ = ["DEFAULT_BUFFER_SIZE", "FRAMES_PER_CHUNK", "AudioBuffer"]

FRAMES_PER_CHUNK = 20
DEFAULT_BUFFER_SIZE = FRAMES_PER_CHUNK * FRAME_BYTES  # 3200 bytes, 400 ms

Audio: TypeAlias = bytes | bytearray | memoryview


class AudioBuffer:
    """Collects audio and gives it back in chunks of one exact size.

    No byte is lost, repeated or held back once its chunk is full, and the cost of a
    byte does not depend on how much is waiting. Nothing given or returned shares
    memory that the caller could change.

    One buffer a call, and one thread or event loop a buffer. There is no lock: it
    would keep the bytes whole but not their order, and audio out of order is noise.

    Args:
        buffer_size: bytes a chunk. A larger chunk means fewer messages and later
            words: the default holds speech back for up to 400 ms, while Deepgram
            advises 20 to 250 ms
            (https://developers.deepgram.com/docs/measuring-streaming-latency).

    Raises:
        SettingError: the size is below 1.
        TypeError: the size is not an int.
    """

    __slots__ = ("_buffer_size", "_parts", "_room")

    def __init__(self, buffer_size: int = DEFAULT_BUFFER_SIZE) -> None:
        if not isinstance(buffer_size, int) or isinstance(buffer_size, bool):
            raise TypeError(f"buffer_size is a number of bytes, not {buffer_size!r}")
        if buffer_size < 1:
            raise SettingError(f"buffer_size is {buffer_size}; it must be at least 1")
        self._buffer_size = buffer_size
        self._parts: list[bytes] = []
        self._room = buffer_size  # bytes still missing from the next chunk

    @property
    def buffer_size(self) -> int:
        """Bytes a chunk."""
        return self._buffer_size

    def add(self, chunk: Audio) -> list[bytes]:
        """Take audio and return every chunk that is full now, oldest first.

        Raises:
            TypeError: the audio is not bytes, bytearray or memoryview.
        """
        if type(chunk) is not bytes:
            chunk = _own_copy(chunk)
        if chunk:  # empty parts would pile up for ever
            self._room = room = self._room - len(chunk)
            self._parts.append(chunk)
            if room <= 0:
                return self._cut()
        return []

    def flush(self) -> bytes | None:
        """Return what is waiting and forget it; None when nothing is."""
        waiting = b"".join(self._parts)
        self.clear()
        return waiting or None

    def clear(self) -> None:
        """Forget what is waiting."""
        self._parts.clear()
        self._room = self._buffer_size

    def size(self) -> int:
        """Return how many bytes are waiting, always fewer than a chunk."""
        return self._buffer_size - self._room

    def _cut(self) -> list[bytes]:
        size, parts, over = self._buffer_size, self._parts, -self._room
        self._room = size
        last = b""
        if over:  # the last part reaches beyond the first chunk
            last = parts.pop()
            parts.append(last[:-over])
        full = [b"".join(parts)]
        parts.clear()
        if over:
            rest = over % size
            begin, end = len(last) - over, len(last) - rest
            full += [last[at : at + size] for at in range(begin, end, size)]
            if rest:
                parts.append(last[end:])
                self._room = size - rest
        return full


def _own_copy(chunk: Audio) -> bytes:
    if isinstance(chunk, bytes | bytearray | memoryview):
        return bytes(chunk)
    raise TypeError(f"audio is bytes, bytearray or memoryview, not {type(chunk)!r}")
