"""Carries one media stream with ``websockets``: slower, and nothing else is needed.

One task writes and one reads. Frames leave at absolute moments; what the agent does not
read is discarded rather than waited for, as Twilio does (warning 31930).
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from contextlib import suppress

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from fakes.twilio.media.stream_core import (
    CONGESTED_BYTES,
    OVERFULL_BYTES,
    PROTOCOL_ERRORS,
    CloseSocket,
    Settings,
    StreamCore,
)
from fakes.twilio.web.dial import Reach, dial_media

__all__ = ["PlainLine", "dial_line"]

_CLOSE_WITHOUT_CODE = 1005
_DROP = 1006


async def dial_line(
    url: str, reach: Reach, stream: StreamCore, settings: Settings
) -> PlainLine:
    """Open a line; see :data:`fakes.twilio.media.line.DialLine`."""
    media = await dial_media(
        url,
        reach,
        handshake_timeout=settings.handshake_timeout,
        pong=settings.pong,
    )
    return PlainLine(media, stream)


class PlainLine:
    """Runs a stream on an open socket.

    Args:
        media: the socket, fresh from its handshake.
        stream: the stream, not yet open.
    """

    def __init__(self, media: ClientConnection, stream: StreamCore) -> None:
        self._media = media
        self._stream = stream
        self._wake = asyncio.Event()
        self._clock = time.monotonic
        self._released = asyncio.Event()

    def release(self) -> None:
        """Let go of a socket that is held half open."""
        self._released.set()

    def wake(self) -> None:
        """Look at the stream now; it was changed from outside."""
        self._wake.set()

    async def run(self) -> None:
        """Return when the stream has ended and the socket is closed."""
        self._stream.open(self._clock())
        reader = asyncio.ensure_future(self._read())
        try:
            close = await self._write()
            if close is not None and close.silent:
                await _end(reader)
                self._media.transport.pause_reading()
                await self._released.wait()
            elif close is not None:
                await self._close(close)
        finally:
            await _end(reader)
            self._media.transport.abort()

    async def _read(self) -> None:
        stream, clock = self._stream, self._clock
        try:
            while True:
                message = await self._media.recv()
                stream.receive(message, clock())
                if stream.has_output:
                    self._wake.set()
        except ConnectionClosed as closed:
            self._note_end(closed)
        self._wake.set()

    def _note_end(self, closed: ConnectionClosed) -> None:
        now = self._clock()
        sent, received = closed.sent, closed.rcvd
        ours = sent is not None and not closed.rcvd_then_sent
        if ours and sent is not None and sent.code in PROTOCOL_ERRORS:
            self._stream.protocol_error(sent.reason or f"code {sent.code}", now)
        elif received is None:
            self._stream.agent_closed(_DROP, now)
        else:
            self._stream.agent_closed(received.code, now, received.reason)

    async def _write(self) -> CloseSocket | None:
        """Send until the stream has ended; return how to close, if that is ours."""
        stream, clock = self._stream, self._clock
        unsent = self._media.transport.get_write_buffer_size
        call_later = asyncio.get_running_loop().call_later
        while True:
            self._wake.clear()
            stream.congested = unsent() > CONGESTED_BYTES
            stream.on_timer(clock())
            for out in stream.take():
                if isinstance(out, CloseSocket):
                    return out
                if unsent() < OVERFULL_BYTES:
                    with suppress(ConnectionClosed):  # the reader says how it ended
                        await self._media.send(out)
            if stream.has_output:
                continue
            if not stream.is_open:
                return None
            due = stream.next_timer()
            if due is None:
                await self._wake.wait()
                continue
            timer = call_later(due - clock(), self._wake.set)
            await self._wake.wait()
            timer.cancel()

    async def _close(self, close: CloseSocket) -> None:
        await asyncio.sleep(close.delay)
        transport = self._media.transport
        if close.reset:
            end: socket.socket = transport.get_extra_info("socket")
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        elif close.code == _DROP:
            transport.abort()
        elif close.code == _CLOSE_WITHOUT_CODE:
            with suppress(ConnectionClosed):
                async with self._media.send_context():
                    self._media.protocol.send_close()
            await self._media.wait_closed()
        else:
            await self._media.close(close.code)


async def _end(reader: asyncio.Future[None]) -> None:
    reader.cancel()
    with suppress(asyncio.CancelledError):
        await reader
