"""WebSockets carried by aiohttp alone: twice the cost, no internals of anybody."""

from __future__ import annotations

import asyncio
from math import inf

from aiohttp import WebSocketError, WSMessage, WSMsgType, web
from aiohttp.abc import AbstractStreamWriter

from fakes.deepgram.sockets.conversation import (
    CLOSE_SECONDS,
    LARGEST_MESSAGE,
    NO_CODE,
    Answered,
    Conversation,
)
from fakes.deepgram.sockets.pace import PacedWriter, frame_of

__all__ = ["converse"]

_ENOUGH = 65536  # bytes that wait for the client; beyond it he does not keep up


async def converse(
    request: web.Request, headers: dict[str, str], conversation: Conversation
) -> web.StreamResponse:
    """Accept with these headers, talk until one side closes."""
    chosen = headers.get("sec-websocket-protocol")
    response = web.WebSocketResponse(
        protocols=(chosen,) if chosen else (),
        autoclose=False,
        autoping=False,  # a fault may keep pongs back
        compress=False,
        timeout=CLOSE_SECONDS,
        max_msg_size=LARGEST_MESSAGE,
    )
    response.headers.update(headers)
    writer = await response.prepare(request)
    transport = request.transport
    if transport is not None:
        await _PlainSocket(transport, writer, response, conversation).run()
    return Answered()


class _PlainSocket:
    """Carries a conversation; aiohttp reads, frames are written here."""

    def __init__(
        self,
        transport: asyncio.Transport,
        writer: AbstractStreamWriter,
        response: web.WebSocketResponse,
        conversation: Conversation,
    ) -> None:
        self._transport = transport
        self._writer = writer
        self._response = response
        self._conversation = conversation
        self._code: int | None = None
        self._closing = False
        self._deadline: asyncio.TimerHandle | None = None
        self._draining: asyncio.Task[None] | None = None
        self._seconds_a_byte = 0.0
        self._paced: PacedWriter | None = None

    async def run(self) -> None:
        """Talk until one side closes."""
        aborted = False
        try:
            self._conversation.begin(self)
            await self._read()
        except asyncio.CancelledError:
            aborted = True
            raise
        finally:
            self._conversation.end(self._code, aborted=aborted)
            for waiting in (self._deadline, self._draining):
                if waiting is not None:
                    waiting.cancel()

    # --- from the network --------------------------------------------------------

    async def _read(self) -> None:
        while self._seconds_a_byte < inf:
            message: WSMessage = await self._response.receive()
            kind, data = message.type, message.data
            if kind in (WSMsgType.TEXT, WSMsgType.BINARY) and not self._closing:
                self._conversation.receive(data)
            elif kind in (WSMsgType.PING, WSMsgType.PONG):
                if kind is WSMsgType.PING and not self._closing:
                    self._write(WSMsgType.PONG, data)
                self._conversation.pinged()
            elif kind is WSMsgType.CLOSE:
                self._answer_close(data or NO_CODE)
                return
            elif kind not in (WSMsgType.TEXT, WSMsgType.BINARY):
                if isinstance(data, WebSocketError):
                    self._code = data.code
                return
            if 0.0 < self._seconds_a_byte < inf:
                await asyncio.sleep(len(data or b"") * self._seconds_a_byte)
        # aiohttp itself stops reading when enough has come; only its being cancelled
        # tells that the client has left.
        await asyncio.get_running_loop().create_future()

    def _answer_close(self, code: int) -> None:
        self._code = code
        if not self._closing:
            self._closing = True
            self._write_close(code, b"")

    # --- to the network ----------------------------------------------------------

    @property
    def writable(self) -> bool:
        """Whether the client keeps up."""
        if self._paced is not None:
            return self._paced.writable
        return self._draining is None or self._draining.done()

    def send(self, message: str | bytes) -> None:
        """Send one message."""
        if self._closing:
            return
        if isinstance(message, str):
            self._write(WSMsgType.TEXT, message.encode())
        else:
            self._write(WSMsgType.BINARY, message)
        if self.writable and self._transport.get_write_buffer_size() > _ENOUGH:
            self._draining = asyncio.create_task(self._drain())

    def close(self, code: int, reason: str) -> None:
        """Send a close frame and drop the connection if it is not answered."""
        if not self._closing:
            self._closing = True
            self._write_close(code, reason.encode())
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(CLOSE_SECONDS, self._transport.abort)

    def read_slowly(self, bytes_a_second: float) -> None:
        """Read at this rate from now on; 0 is not at all, pings included."""
        self._seconds_a_byte = 1 / bytes_a_second if bytes_a_second else inf

    def pace(self, size: int, gap: float) -> None:
        """Write pieces of this size from now on, ``gap`` seconds apart."""
        self._paced = PacedWriter(
            self._transport, size, gap, on_room=self._conversation.resume
        )

    def _write_close(self, code: int, reason: bytes) -> None:
        number = b"" if code == NO_CODE else code.to_bytes(2, "big")
        self._write(WSMsgType.CLOSE, number + reason)

    def _write(self, kind: WSMsgType, payload: bytes) -> None:
        target = self._paced or self._transport
        if not self._transport.is_closing():
            target.write(frame_of(int(kind), payload))

    async def _drain(self) -> None:
        await self._writer.drain()
        # Done by then, so that the socket is writable again.
        asyncio.get_running_loop().call_soon(self._conversation.resume)
