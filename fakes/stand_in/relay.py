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
        far, near = _End(), _End()
        far.other, near.other = near, far
        for end, sock in ((far, there), (near, client)):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.connect_accepted_socket(end.myself, sock)
        await asyncio.gather(near.lost, far.lost)


class _End(asyncio.Protocol):
    """One of two; the far one may speak before the near one is there."""

    def __init__(self) -> None:
        self.other: _End = self
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self._early: list[bytes] = []
        self._ended = False

    def myself(self) -> _End:
        return self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no asyncio.Transport by type.
        here = self._transport = cast("asyncio.Transport", transport)
        here.set_write_buffer_limits(high=_ROOM)
        here.writelines(self.other._early)
        self.other._early.clear()
        if self.other._ended:
            here.write_eof()
        if self.other.lost.done():
            here.close()

    def data_received(self, data: bytes) -> None:
        there = self.other._transport
        if there is not None:
            there.write(data)
        elif not self.other.lost.done():
            self._early.append(data)

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
        there = self.other._transport
        if there is not None and not there.is_closing():
            there.resume_reading()

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
