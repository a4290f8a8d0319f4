"""WebSockets of a connection that aiohttp accepted, carried by picows.

aiohttp answers the HTTP of the port and reads the head of every request, so that a
kept-alive connection may become a WebSocket, too. An upgrade is handed over: picows'
server protocol takes the transport, is fed the head anew, and carries everything from
there on, at half the cost of aiohttp's own WebSockets. The server protocol is no public
part of picows, hence the bound on its version.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

from aiohttp import web
from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from picows.picows import WSProtocol  # type: ignore[attr-defined]

from fakes.deepgram.sockets.conversation import (
    CLOSE_SECONDS,
    LARGEST_MESSAGE,
    NO_CODE,
    Answered,
    Conversation,
)
from fakes.deepgram.sockets.pace import PacedWriter, SlowReading, frame_of
from fakes.websocket_frames import Fragments, check_reserved_bits, number_of

__all__ = ["converse"]

_READ_BUFFER = 4096  # grows when needed; most messages are 20 or 100 ms of audio
_TEXT, _BINARY = WSMsgType.TEXT, WSMsgType.BINARY
_CONTINUATION, _CLOSE = WSMsgType.CONTINUATION, WSMsgType.CLOSE
_PING, _PONG = WSMsgType.PING, WSMsgType.PONG


async def converse(
    request: web.Request, headers: dict[str, str], conversation: Conversation
) -> web.StreamResponse:
    """Accept with these headers, talk until one side closes."""
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the client left before the handshake")
    socket = _SwiftSocket(conversation)
    protocol = _protocol(socket, headers)
    early: bytes = getattr(request.protocol, "_message_tail", b"")
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    _feed(protocol, _head(request) + early)
    try:
        await socket.lost
    except asyncio.CancelledError:
        conversation.end(socket.code, aborted=True)
        transport.abort()
        raise
    finally:
        # aiohttp does not hear of the end otherwise, and would keep the connection.
        loop = asyncio.get_running_loop()
        loop.call_soon(request.protocol.connection_lost, None)
    return Answered()


class _Log:
    """A log that keeps to itself what clients do wrong; the ledger has it."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802
        return False

    def exception(self, message: str, *arguments: object) -> None:
        logging.getLogger("fakes.deepgram").exception(message, *arguments)

    def log(self, *arguments: object) -> None:
        return

    debug = info = warning = error = log


def _protocol(socket: _SwiftSocket, headers: dict[str, str]) -> Any:
    response = WSUpgradeResponse.create_101_response(headers)
    return WSProtocol(
        None,  # host and port, of clients
        None,  # path, of clients
        False,  # is no client
        lambda _: WSUpgradeResponseWithListener(response, socket),
        _Log(),
        True,  # disconnect when the listener raises
        None,  # deadline of the handshake: it is done at once
        False,  # pings of its own
        20.0,
        20.0,
        1,
        False,  # pongs of its own: a fault may keep them back
        LARGEST_MESSAGE,
        None,  # headers, of clients
        _READ_BUFFER,
    )


def _head(request: web.Request) -> bytes:
    """Return as much of the request as a handshake needs; it was checked before."""
    key = request.headers["sec-websocket-key"]
    return (
        f"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode("ascii")


def _feed(protocol: Any, received: bytes) -> None:
    while received:
        room = protocol.get_buffer(-1)
        size = min(len(room), len(received))
        room[:size] = received[:size]
        protocol.buffer_updated(size)
        received = received[size:]


class _SwiftSocket(WSListener):
    """Carries a conversation; joins fragments and checks what picows does not."""

    def __init__(self, conversation: Conversation) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.code: int | None = None
        self._keeps_up = True
        self._conversation = conversation
        self._transport: WSTransport | None = None
        self._fragments = Fragments(LARGEST_MESSAGE)
        self._closing = False
        self._deadline: asyncio.TimerHandle | None = None
        self._slow: SlowReading | None = None
        self._paced: PacedWriter | None = None

    # --- from the network --------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._conversation.begin(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if self._slow is not None:
            self._slow.read(frame.payload_size)
        check_reserved_bits(frame)
        if kind == _BINARY and frame.fin and not self._fragments and not self._closing:
            self._conversation.receive(frame.get_payload_as_bytes())
        elif kind == _CLOSE:
            self._answer_close(transport, frame)
        elif self._closing:
            return
        elif kind == _PING:
            self._write(_PONG, frame.get_payload_as_bytes())
            self._conversation.pinged()
        elif kind == _PONG:
            self._conversation.pinged()
        elif kind in (_TEXT, _BINARY, _CONTINUATION):
            self._join(frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        for pacing in (self._slow, self._paced):
            if pacing is not None:
                pacing.stop()
        handshake = transport.close_handshake
        if self.code is None and handshake is not None and handshake.sent is not None:
            self.code = number_of(
                handshake.sent.code
            )  # closed for a breach of protocol
        self._conversation.end(self.code)
        if not self.lost.done():
            self.lost.set_result(None)

    def pause_writing(self) -> None:
        self._keeps_up = False

    def resume_writing(self) -> None:
        self._keeps_up = True
        self._conversation.resume()

    def _join(self, frame: WSFrame) -> None:
        message = self._fragments.join(frame)
        if message is not None:
            self._conversation.receive(message)

    def _answer_close(self, transport: WSTransport, frame: WSFrame) -> None:
        code = number_of(frame.get_close_code()) or NO_CODE
        if self.code is None:
            self.code = code
        if not self._closing:
            self._closing = True
            self._send_close(transport, code, b"")
        transport.disconnect()

    # --- to the network ----------------------------------------------------------

    @property
    def writable(self) -> bool:
        """Whether the client keeps up."""
        return self._keeps_up and (self._paced is None or self._paced.writable)

    def send(self, message: str | bytes) -> None:
        """Send one message."""
        if not self._closing:
            if isinstance(message, str):
                self._write(_TEXT, message.encode())
            else:
                self._write(_BINARY, message)

    def close(self, code: int, reason: str) -> None:
        """Send a close frame and drop the connection if it is not answered."""
        if self._transport is None or self._closing:
            return
        self._closing = True
        self._send_close(self._transport, code, reason.encode())
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(CLOSE_SECONDS, self._drop)

    def read_slowly(self, bytes_a_second: float) -> None:
        """Read at this rate from now on; 0 is not at all, pings included."""
        if self._transport is not None and self._slow is None:
            transport = self._transport.underlying_transport
            self._slow = SlowReading(transport, bytes_a_second)

    def pace(self, size: int, gap: float) -> None:
        """Write pieces of this size from now on, ``gap`` seconds apart."""
        if self._transport is not None:
            transport = self._transport.underlying_transport
            self._paced = PacedWriter(
                transport, size, gap, on_room=self._conversation.resume
            )

    def _write(self, kind: WSMsgType, payload: bytes) -> None:
        if self._paced is not None:
            self._paced.write(frame_of(int(kind.value), payload))
        elif self._transport is not None:
            self._transport.send(kind, payload)

    def _send_close(self, transport: WSTransport, code: int, reason: bytes) -> None:
        if self._paced is not None or code == NO_CODE:
            number = b"" if code == NO_CODE else code.to_bytes(2, "big")
            self._write(_CLOSE, number + reason)
        else:
            # Any number is taken, though only an enumeration is declared.
            transport.send_close(cast(WSCloseCode, code), reason)

    def _drop(self) -> None:
        if self._transport is not None:
            self._transport.disconnect(False)
