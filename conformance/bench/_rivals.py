"""What AudioBuffer is compared with, in the same run."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from voiceutils.audio_buffer import DEFAULT_BUFFER_SIZE

__all__ = ["AppendOnly", "Buffer", "BytearrayDel", "Deque", "ListJoin", "PlainLoop"]


class Buffer(Protocol):
    """What they have in common."""

    def __init__(self, buffer_size: int) -> None: ...

    def add(self, chunk: bytes, /) -> list[bytes]:
        """Take audio, return full chunks."""


class AppendOnly:
    """The floor: a method that keeps the bytes and answers with a list, no more."""

    def __init__(self, buffer_size: int = DEFAULT_BUFFER_SIZE) -> None:
        self.parts: list[bytes] = []

    def add(self, chunk: bytes) -> list[bytes]:
        self.parts.append(chunk)
        return []


class BytearrayDel:
    """A bytearray whose front is cut off, as most agents write it."""

    def __init__(self, buffer_size: int = DEFAULT_BUFFER_SIZE) -> None:
        self.buffer_size = buffer_size
        self.buffer = bytearray()

    def add(self, chunk: bytes) -> list[bytes]:
        self.buffer.extend(chunk)
        chunks = []
        while len(self.buffer) >= self.buffer_size:
            chunks.append(bytes(self.buffer[: self.buffer_size]))
            del self.buffer[: self.buffer_size]
        return chunks


class PlainLoop:
    """Bytes appended and sliced: the least code, quadratic in the backlog."""

    def __init__(self, buffer_size: int = DEFAULT_BUFFER_SIZE) -> None:
        self.buffer_size = buffer_size
        self.buffer = b""

    def add(self, chunk: bytes) -> list[bytes]:
        self.buffer += chunk
        chunks = []
        while len(self.buffer) >= self.buffer_size:
            chunks.append(self.buffer[: self.buffer_size])
            self.buffer = self.buffer[self.buffer_size :]
        return chunks


class ListJoin:
    """A list of parts, all of them joined when they suffice."""

    def __init__(self, buffer_size: int = DEFAULT_BUFFER_SIZE) -> None:
        self.buffer_size = buffer_size
        self.parts: list[bytes] = []
        self.held = 0

    def add(self, chunk: bytes) -> list[bytes]:
        self.parts.append(chunk)
        self.held += len(chunk)
        if self.held < self.buffer_size:
            return []
        audio, size = b"".join(self.parts), self.buffer_size
        end = len(audio) - len(audio) % size
        self.parts = [audio[end:]]
        self.held = len(audio) - end
        return [audio[at : at + size] for at in range(0, end, size)]


class Deque:
    """A queue of parts, taken off one by one until a chunk is full."""

    def __init__(self, buffer_size: int = DEFAULT_BUFFER_SIZE) -> None:
        self.buffer_size = buffer_size
        self.parts: deque[bytes] = deque()
        self.held = 0

    def add(self, chunk: bytes) -> list[bytes]:
        self.parts.append(chunk)
        self.held += len(chunk)
        chunks = []
        while self.held >= self.buffer_size:
            chunks.append(self._one())
        return chunks

    def _one(self) -> bytes:
        taken, room = [], self.buffer_size
        while room:
            part = self.parts.popleft()
            if len(part) > room:
                self.parts.appendleft(part[room:])
                part = part[:room]
            taken.append(part)
            room -= len(part)
        self.held -= self.buffer_size
        return b"".join(taken)
