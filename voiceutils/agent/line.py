"""The way back to the caller: audio, marks and clear in order, one writer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from voiceutils._http import within
from voiceutils.wire import encode
from voiceutils.wire.twilio import (
    AgentMark,
    AgentMedia,
    AgentPayload,
    Clear,
    MarkBody,
)

__all__ = ["Line"]

MOST_WAITING = 64  # messages; Twilio buffers minutes, so few ever wait here


class Line:
    """Sends to one media stream.

    Args:
        send: sends one text message on the media socket.
        stream_sid: of the ``start`` message; goes into every message.
        deadline: seconds that a message may take to be sent.
    """

    def __init__(
        self, send: Callable[[str], Awaitable[None]], stream_sid: str, deadline: float
    ) -> None:
        self._send = send
        self._stream_sid = stream_sid
        self._deadline = deadline
        self._waiting: deque[str] = deque()
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def room(self) -> None:
        """Wait until there is room for more audio."""
        await self._room.wait()

    def audio(self, audio: bytes) -> None:
        """Send mu-law of any length."""
        self._put(encode(AgentMedia(self._stream_sid, AgentPayload(audio))))

    def mark(self, name: str) -> None:
        """Ask to be told when all audio so far has played."""
        self._put(encode(AgentMark(self._stream_sid, MarkBody(name))))

    def clear(self) -> None:
        """Drop what waits here, then have Twilio drop what waits there."""
        self._waiting.clear()
        self._put(encode(Clear(self._stream_sid)))

    async def write(self) -> None:
        """Send for ever; raises DeadlineExceeded when Twilio takes nothing."""
        while True:
            while self._waiting:
                message = self._waiting.popleft()
                if len(self._waiting) < MOST_WAITING:
                    self._room.set()
                await within(
                    self._send(message), self._deadline, "Twilio to take a message"
                )
            self._work.clear()
            await self._work.wait()

    def _put(self, message: str) -> None:
        self._waiting.append(message)
        if len(self._waiting) >= MOST_WAITING:
            self._room.clear()
        self._work.set()
