"""Where phones of other processes tell the exchange of their calls: a WebSocket."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from aiohttp import WSCloseCode, WSMsgType, web

from fakes.twilio.exchange.switch import Switch
from fakes.twilio.phones.calls import PhoneCalls
from fakes.twilio.phones.messages import (
    LARGEST_FRAME,
    PHONES_PATH,
    Ordered,
    decode_told,
    encode_frame,
)
from voiceutils.errors import WireError

__all__ = ["PhoneDoor"]

_HEARTBEAT = 20.0  # seconds; a phone whose machine vanished is missed after half more
_MOST_WAITING = 20_000  # orders for a phone that does not read
_LONGEST_REASON = 120  # bytes; RFC 6455 allows 123


class PhoneDoor:
    """Adds the socket to the control interface."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._sockets: set[web.WebSocketResponse] = set()

    def add_to(self, app: web.Application) -> None:
        """Add the route."""
        app.router.add_get(PHONES_PATH, self._serve)
        app.on_shutdown.append(self._close)

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(
            max_msg_size=LARGEST_FRAME, heartbeat=_HEARTBEAT, compress=False
        )
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            await _Phone(self._switch, socket).run()
        finally:
            self._sockets.discard(socket)
        return socket

    async def _close(self, _: web.Application) -> None:
        for socket in [*self._sockets]:
            await _end(socket, WSCloseCode.GOING_AWAY, "the fakes were stopped")


class _Phone:
    """One phone that is connected."""

    def __init__(self, switch: Switch, socket: web.WebSocketResponse) -> None:
        self._switch = switch
        self._socket = socket
        self._calls = PhoneCalls(switch.exchange, self._order)
        self._out: deque[Ordered] = deque()
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Serve it until its socket closes; its calls are over then."""
        cause = "the phone that placed it has gone"
        writer = asyncio.ensure_future(self._write())
        try:
            async for message in self._socket:
                if message.type is not WSMsgType.TEXT:
                    raise WireError("a binary frame is none")
                for told in decode_told(message.data):
                    self._calls.take(told, self._switch.now())
                self._switch.pump()
        except WireError as error:
            reason = f"no messages of a phone: {error}"
            cause = f"the phone that placed it sent {reason}"
            await _end(self._socket, WSCloseCode.INVALID_TEXT, reason)
        finally:
            writer.cancel()
            self._calls.gone(cause, self._switch.now())
            self._switch.pump()

    def _order(self, order: Ordered) -> None:
        """Send an order soon; a phone that lets too many wait is disconnected."""
        if len(self._out) < _MOST_WAITING:
            self._out.append(order)
            self._wake.set()
        elif transport := self._socket.get_extra_info("transport"):
            transport.abort()

    async def _write(self) -> None:
        with suppress(ConnectionError):  # the reader sees it, too
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._out:
                    # Alone, since a redirect may fill a frame.
                    order = self._out.popleft()
                    await self._socket.send_str(encode_frame([order]))


async def _end(socket: web.WebSocketResponse, code: int, reason: str) -> None:
    said = reason.encode()[:_LONGEST_REASON].decode(errors="ignore")
    await socket.close(code=code, message=said.encode())
