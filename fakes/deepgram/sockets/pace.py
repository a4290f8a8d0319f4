"""A connection that is slow on purpose: written or read a few bytes at a time."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

__all__ = ["PacedWriter", "SlowReading", "frame_of"]

_SMALL_BUFFER = 4096  # bytes
_LEAST_PAUSE = 0.001  # seconds
_WATCH_EVERY = 0.5  # seconds
_ENDED_STATES = (7, 8)  # TCP_CLOSE and TCP_CLOSE_WAIT of linux/tcp_states.h
_ENOUGH = 65536  # bytes that wait; beyond this the writer asks for patience


def frame_of(opcode: int, payload: bytes) -> bytes:
    """Return a whole frame from a server (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 127, size)
    return head + payload


class PacedWriter:
    """Everything goes through it once it is there, so that frames stay whole.

    Args:
        transport: of the connection.
        size: bytes a piece.
        gap: seconds between two pieces.
        on_room: called when little waits again.
    """

    def __init__(
        self,
        transport: asyncio.WriteTransport,
        size: int,
        gap: float,
        on_room: Callable[[], None],
    ) -> None:
        self._on_room = on_room
        self._transport = transport
        self._size = size
        self._gap = gap
        self._waiting = bytearray()
        self._task: asyncio.Task[None] | None = None

    @property
    def writable(self) -> bool:
        """Whether little is waiting."""
        return len(self._waiting) < _ENOUGH

    def write(self, data: bytes) -> None:
        """Write in pieces, after what waits already."""
        self._waiting += data
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """Forget what waits."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while self._waiting and not self._transport.is_closing():
            piece = bytes(self._waiting[: self._size])
            del self._waiting[: self._size]
            full = len(self._waiting) + len(piece) >= _ENOUGH
            self._transport.write(piece)
            if full and self.writable:
                self._on_room()
            await asyncio.sleep(self._gap)


class SlowReading:
    """Holds a transport's reading back, so that the client's own sending blocks.

    Args:
        transport: of the connection.
        bytes_a_second: 0 reads nothing at all.
    """

    def __init__(self, transport: asyncio.Transport, bytes_a_second: float) -> None:
        self._transport = transport
        self._rate = bytes_a_second
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        sock = transport.get_extra_info("socket")
        if sock is not None:
            # The system would take megabytes on its behalf otherwise.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        if not bytes_a_second:
            transport.pause_reading()
            self._watch()

    def read(self, size: int) -> None:
        """Pause for as long as this many bytes take."""
        loop = asyncio.get_running_loop()
        if not self._rate:
            return
        self._until = max(self._until, loop.time()) + size / self._rate
        if self._timer is None:
            self._transport.pause_reading()
            self._timer = loop.call_at(self._until, self._go_on)

    def stop(self) -> None:
        """Let it be."""
        if self._timer is not None:
            self._timer.cancel()
        self._rate = 0.0

    def _go_on(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        if self._until > loop.time() + _LEAST_PAUSE:
            self._timer = loop.call_at(self._until, self._go_on)
        elif not self._transport.is_closing():
            self._transport.resume_reading()

    def _watch(self) -> None:
        """See whether the client has left, which unread data would hide."""
        if _has_left(self._transport):
            self._transport.abort()
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_WATCH_EVERY, self._watch)


def _has_left(transport: asyncio.Transport) -> bool:
    sock = transport.get_extra_info("socket")
    if sock is None or transport.is_closing():
        return True
    if not hasattr(socket, "TCP_INFO"):
        return False
    state: int = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state in _ENDED_STATES
