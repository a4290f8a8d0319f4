"""The socket of a ConversationRelay session: text both ways, no audio.

https://www.twilio.com/docs/voice/conversationrelay/websocket-messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from fakes.twilio.flow.orders import CloseRelay

__all__ = ["RelaySocket"]

MAX_WAITING = 1000  # messages to an agent that does not read
_DROPPED = 1006


class RelaySocket:
    """Carries one session.

    Args:
        socket: fresh from its handshake.
        received: called with each text message.
    """

    def __init__(
        self, socket: ClientConnection, received: Callable[[str], None]
    ) -> None:
        self._socket = socket
        self._received = received
        self._out: asyncio.Queue[str | CloseRelay] = asyncio.Queue(MAX_WAITING)

    def send(self, message: str | CloseRelay) -> None:
        """Queue a message or the close; more than can wait ends the session."""
        try:
            self._out.put_nowait(message)
        except asyncio.QueueFull:
            self._socket.transport.abort()

    async def run(self) -> int:
        """Carry the session to its end; return the close code, 1006 for none."""
        writer = asyncio.ensure_future(self._write())
        try:
            while True:
                message = await self._socket.recv()
                # A binary frame is no message; its text says so to the agent.
                self._received(message if isinstance(message, str) else repr(message))
        except ConnectionClosed as closed:
            end = closed.rcvd or closed.sent
            return _DROPPED if end is None else end.code
        finally:
            writer.cancel()
            with suppress(asyncio.CancelledError):
                await writer
            self._socket.transport.abort()

    async def _write(self) -> None:
        with suppress(ConnectionClosed):  # the reader says how it ended
            while True:
                message = await self._out.get()
                if isinstance(message, CloseRelay):
                    await self._socket.close(message.code, message.reason)
                    return
                await self._socket.send(message)
