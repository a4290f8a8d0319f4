"""What AudioBuffer is compared with, in the same run."""

from __future__ import annotations

from typing import Protocol

from voiceutils.audio_buffer import DEFAULT_BUFFER_SIZE

__all__ = ["Buffer", "BytearrayDel", "PlainLoop"]


class Buffer(Protocol):
    """What they have in common."""

    def __init__(self, buffer_size: int) -> None: ...

    def add(self, chunk: bytes, /) -> list[bytes]:
        """Take audio, return full chunks."""


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
