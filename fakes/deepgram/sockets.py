"""Runs a protocol core on a real WebSocket: frames in, timers, frames out."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from aiohttp import ClientConnectionResetError, WSMessage, WSMsgType, web

from fakes.deepgram.bookkeeping import Bookkeeper
from fakes.deepgram.outbox import Ended, Outgoing
from fakes.deepgram.surface import Core
from fakes.faults import Close
from fakes.faulty import Door
from fakes.ledger import Ledger

__all__ = ["Conversation"]

# A client that does not read: beyond this the socket is dropped, as a service would.
MOST_UNSENT = 2000
CLOSE_SECONDS = 2.0
_NO_CODE = 1005
_NO_FRAME = 1006


class Conversation:
    """One accepted WebSocket and its core.

    Args:
        socket: prepared already.
        core: the protocol.
        door: the attempt, with its fault.
        ledger: where everything is entered.
    """

    def __init__(
        self, socket: web.WebSocketResponse, core: Core, door: Door, ledger: Ledger
    ) -> None:
        self._socket = socket
        self._core = core
        self._door = door
        self._book = Bookkeeper(ledger, door.attempt)
        self._unsent: deque[Outgoing] = deque()
        self._something = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._ending = False

    async def run(self) -> None:
        """Talk until one side closes."""
        writer = asyncio.create_task(self._write())
        try:
            async with self._door.interruption(self._close_by_fault):
                self._pump()
                await self._read()
        except asyncio.CancelledError:
            self._door.end("client", 1006, aborted=True)
            raise
        finally:
            if self._timer is not None:
                self._timer.cancel()
            code = self._socket.close_code
            self._door.end("client", 1006 if code is None else int(code))
            if not self._ending:
                writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            message: WSMessage = await self._socket.receive()
            now = time.monotonic()
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            self._core.receive(message.data, now)
            self._book.received(message.data, self._core.take_codes(), now)
            self._pump()

    def _pump(self) -> None:
        taken = self._core.take()
        if taken:
            self._unsent.extend(taken)
            self._something.set()
            if len(self._unsent) > MOST_UNSENT:
                self._unsent.clear()
                self._unsent.append(Ended(1011, "The client does not read."))
        self._arm()

    def _arm(self) -> None:
        """Set the timer, unless it rings early enough anyway."""
        due = self._core.next_timer()
        if due is None:
            return
        timer = self._timer
        if timer is not None and not timer.cancelled():
            if timer.when() <= due:
                return
            timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(loop.time() + due - time.monotonic(), self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._core.on_timer(time.monotonic())
        self._pump()

    async def _write(self) -> None:
        try:
            while True:
                await self._something.wait()
                self._something.clear()
                while self._unsent:
                    if await self._send(self._unsent.popleft()):
                        return
        except (ConnectionError, ClientConnectionResetError, RuntimeError):
            return  # the reader sees the end, too

    async def _send(self, item: Outgoing) -> bool:
        """Send one thing; returns whether it was the last."""
        if self._door.silent:
            return False
        now = time.monotonic()
        content = self._book.sending(item, now)
        if content is None:
            return False
        if isinstance(content, Ended):
            self._door.end("fake", content.code)
            await self._goodbye(content)
            return True
        if isinstance(content, bytes):
            await self._socket.send_bytes(content)
        else:
            await self._socket.send_str(content)
        return False

    def _close_by_fault(self, fault: Close) -> None:
        if fault.code == _NO_FRAME:
            self._door.drop()
            return
        self._unsent.clear()
        self._unsent.append(Ended(fault.code, fault.reason))
        self._something.set()

    async def _goodbye(self, end: Ended) -> None:
        self._ending = True
        if end.code == _NO_CODE:
            # A close frame without payload, which aiohttp has no public way to send.
            assert self._socket._writer is not None
            await self._socket._writer.send_frame(b"", WSMsgType.CLOSE)
            return
        closing = self._socket.close(code=end.code, message=end.reason.encode())
        try:
            await asyncio.wait_for(closing, CLOSE_SECONDS)
        except TimeoutError:
            return
