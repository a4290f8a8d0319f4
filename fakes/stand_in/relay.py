"""Leads a connection from one network to another, end for end.

What one side does reaches the other as it is: bytes, half a close, a reset, and how
fast it reads.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import cast

__all__ = ["Relay"]

_CONNECT_SECONDS = 5.0
_ROOM = 64 * 1024  # bytes held for a side that does not read
_RESET = struct.pack("ii", 1, 0)


class Relay:
    """Leads each connection to a place in another network.

    Args:
        new_socket: makes a socket of that network.
        place: host and port there.
    """

    def __init__(
        self, new_socket: Callable[[], Awaitable[socket.socket]], place: tuple[str, int]
    ) -> None:
        self._new_socket = new_socket
        self._place = place

    async def serve(self, client: socket.socket) -> None:
        """Serve one connection to its end."""
        loop = asyncio.get_running_loop()
        there = await self._new_socket()
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await loop.sock_connect(there, self._place)
        except (OSError, TimeoutError):
            there.close()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            client.close()
            return
        ends = _End(), _End()
        ends[0].other, ends[1].other = ends[1], ends[0]
        for end, sock in zip(ends, (client, there), strict=True):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.connect_accepted_socket(lambda end=end: end, sock)  # type: ignore[misc]
        for end in ends:
            end.begin()
        await asyncio.gather(*(end.lost for end in ends))


class _End(asyncio.Protocol):
    def __init__(self) -> None:
        self.other: _End = self
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self._ended = False

    def begin(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no asyncio.Transport by type.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_ROOM)
        self._transport.pause_reading()  # until the other end is there

    def data_received(self, data: bytes) -> None:
        if self.other._transport is not None:
            self.other._transport.write(data)

    def eof_received(self) -> bool:
        self._ended = True
        here, there = self._transport, self.other._transport
        if there is not None and not there.is_closing():
            there.write_eof()
            if self.other._ended and here is not None:
                there.close()
                here.close()
        return True  # the other direction goes on

    def pause_writing(self) -> None:
        if self.other._transport is not None:
            self.other._transport.pause_reading()

    def resume_writing(self) -> None:
        self.other.begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self.lost.done():
            self.lost.set_result(None)
        there = self.other._transport
        if there is None:
            return
        if exc is None:
            there.close()
            return
        sock = there.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        there.abort()
