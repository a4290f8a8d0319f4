"""Model and speech in virtual time: an HTTP transport without a network.

What they answer is made by the fakes' own cores; when it comes, and whether it comes,
is up to the schedule and the fault of each request.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple

import httpx

from fakes.deepgram.errors import Refusal, refusal_for_status
from fakes.deepgram.settings import DeepgramSettings
from fakes.deepgram.speak.request import parse_speak, say
from fakes.fault_desk import FaultDesk
from fakes.fault_rules import Visitor
from fakes.faults import (
    CallTool,
    Close,
    Delay,
    EmptyAudio,
    Fault,
    Momentary,
    Recite,
    Refuse,
    Reset,
    Trickle,
)
from fakes.ledger import Attempt, Ledger, UtteranceMade
from fakes.llm.chat import (
    ChatError,
    Reply,
    error_for_status,
    read_request,
    remembered_in,
    reply_for,
    said_in,
)
from fakes.moments import Fuse
from voiceutils.mulaw import SAMPLE_RATE
from voiceutils.wire.chat import Request

__all__ = ["Paces", "VirtualRequests"]

_FOR_EVER = 3600.0
_PIECE = 2000  # bytes of audio: a quarter of a second


class Paces(NamedTuple):
    """How fast the providers are, in seconds.

    Attributes:
        model: from the request to its first token.
        token: between two tokens.
        voice: from the request to the first audio.
        audio: for each second of audio after that.
    """

    model: float = 0.2
    token: float = 0.008
    voice: float = 0.1
    audio: float = 0.05


class VirtualRequests(httpx.AsyncBaseTransport):
    """Answers ``/v1/chat/completions`` and ``POST /v1/speak``.

    Args:
        paces: how fast.
        settings: of the fake Deepgram.
        ledger: where requests are entered.
        desk: where their faults come from.
    """

    def __init__(
        self,
        paces: Paces,
        settings: DeepgramSettings,
        ledger: Ledger,
        desk: FaultDesk,
    ) -> None:
        self._paces = paces
        self._settings = settings
        self._ledger = ledger
        self._desk = desk

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        body = await request.aread()
        if request.url.path.endswith("/chat/completions"):
            return await self._chat(body)
        return await self._speak(request, body)

    async def _let_in(self, attempt: Attempt) -> Fault:
        """Serve what comes before the answer."""
        loop = asyncio.get_running_loop()
        fault = self._desk.meet(Visitor(attempt.surface, attempt.group), attempt)
        try:
            if isinstance(fault, Delay):
                await asyncio.sleep(fault.seconds)
            elif isinstance(fault, Momentary) and fault.when != "open":
                await _happen(fault)
        except BaseException:
            attempt.closed, attempt.aborted = loop.time(), True
            raise
        if isinstance(fault, Refuse):
            attempt.outcome, attempt.closed = f"refused {fault.status}", loop.time()
            attempt.retry_after, attempt.closed_by = fault.retry_after, "fake"
        else:
            attempt.outcome, attempt.opened = "accepted", loop.time()
        return fault

    async def _chat(self, body: bytes) -> httpx.Response:
        asked = read_request(body)
        group = (asked.user or "") if isinstance(asked, Request) else ""
        now = asyncio.get_running_loop().time()
        attempt = self._ledger.knock("chat", group, now)
        fault = await self._let_in(attempt)
        if isinstance(asked, ChatError) or isinstance(fault, Refuse):
            status = fault.status if isinstance(fault, Refuse) else 400
            return _refusal(status, error_for_status(status).body(), fault)
        attempt.said, attempt.remembered = said_in(asked), remembered_in(asked)
        attempt.reply = getattr(fault, "text", reply_for(attempt.said))
        if isinstance(fault, CallTool):
            attempt.reply = ""
        tool = getattr(fault, "name", "") if isinstance(fault, CallTool) else ""
        text = fault.text if isinstance(fault, Recite) else attempt.reply
        reply = Reply("chatcmpl-1", 0, asked.model, text, tool=tool)
        token = fault.seconds if isinstance(fault, Trickle) else self._paces.token
        waits = [self._paces.model]
        pieces: list[tuple[float, bytes]] = []
        for event in reply.events():
            pieces.append((waits.pop() if waits else token, event.encode()))
        stream = _Body(attempt, fault, pieces)
        headers = {"content-type": "text/event-stream; charset=utf-8"}
        return httpx.Response(200, headers=headers, stream=stream)

    async def _speak(self, request: httpx.Request, body: bytes) -> httpx.Response:
        now = asyncio.get_running_loop().time()
        pairs = tuple(request.url.params.multi_items())
        group = dict(pairs).get("tag", "")
        attempt = self._ledger.knock("speak_rest", group, now)
        fault = await self._let_in(attempt)
        query = parse_speak(list(pairs), self._settings)
        if isinstance(fault, Refuse):
            query = refusal_for_status(fault.status)
        if isinstance(query, Refusal):
            return _refusal(query.status, query.body("request"), fault)
        text = str(httpx.Response(200, content=body).json()["text"])
        attempt.characters = len(text)
        made, pieces = self._made(attempt, fault, text)
        headers = {"content-type": query.form.content_type}
        stream = _Body(attempt, fault, pieces, made)
        return httpx.Response(200, headers=headers, stream=stream)

    def _made(
        self, attempt: Attempt, fault: Fault, text: str
    ) -> tuple[list[UtteranceMade], list[tuple[float, bytes]]]:
        made: list[UtteranceMade] = []
        pieces: list[tuple[float, bytes]] = []
        if isinstance(fault, EmptyAudio):
            return made, pieces
        pace = fault.seconds if isinstance(fault, Trickle) else self._paces.audio
        wait = self._paces.voice
        for number, speech in say(text, self._ledger.new_utterance_number):
            entry = UtteranceMade(
                utterance=number,
                text=speech.text,
                group=attempt.group,
                attempt=attempt.id,
                requested_at=attempt.at,
                frames=len(speech.frames),
            )
            made.append(self._ledger.make(entry))
            for at in range(0, len(speech.audio), _PIECE):
                piece = speech.audio[at : at + _PIECE]
                pieces.append((wait, piece))
                wait = len(piece) / SAMPLE_RATE * pace
        return made, pieces


def _refusal(status: int, body: bytes, fault: Fault) -> httpx.Response:
    headers = {"content-type": "application/json"}
    wait = getattr(fault, "retry_after", None)
    if wait is not None:
        headers["retry-after"] = f"{wait:g}"
    return httpx.Response(status, headers=headers, content=body)


async def _happen(fault: Momentary) -> None:
    """Break the connection, or let it say nothing for a while."""
    if isinstance(fault, Reset):
        raise httpx.ReadError("the connection was reset")
    if isinstance(fault, Close):
        raise httpx.RemoteProtocolError("the body ended before its end")
    seconds = getattr(fault, "seconds", None)
    await asyncio.sleep(_FOR_EVER if seconds is None else seconds)


class _Body(httpx.AsyncByteStream):
    """The body of one answer, piece by piece.

    Args:
        attempt: its entry.
        fault: what befalls it.
        pieces: each after so many seconds.
        made: the utterances that are in it.
    """

    def __init__(
        self,
        attempt: Attempt,
        fault: Fault,
        pieces: Iterable[tuple[float, bytes]],
        made: Iterable[UtteranceMade] = (),
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._attempt = attempt
        self._fault = fault
        self._pieces = pieces
        self._made = list(made)
        self._fuse = Fuse(fault, self._loop.time())
        self._complete = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for wait, piece in self._pieces:
            await self._until(self._loop.time() + wait)
            self._attempt.messages += 1
            self._attempt.first_answer_at = (
                self._attempt.first_answer_at or self._loop.time()
            )
            self._fuse.sent()
            yield piece
        await self._until(self._loop.time())
        self._complete = True

    async def aclose(self) -> None:
        """Enter that it is over."""
        if self._attempt.closed is None:
            self._attempt.closed = self._loop.time()
            self._attempt.closed_by = "fake" if self._complete else "client"
            self._attempt.aborted = not self._complete
            for entry in self._made:
                entry.aborted = not self._complete

    async def _until(self, due: float) -> None:
        strikes = self._fuse.due
        if strikes is not None and strikes < due:
            await asyncio.sleep(max(0.0, strikes - self._loop.time()))
            await self._perhaps_strike()
        await asyncio.sleep(max(0.0, due - self._loop.time()))
        await self._perhaps_strike()

    async def _perhaps_strike(self) -> None:
        fault = self._fault
        if isinstance(fault, Momentary) and self._fuse.burnt(self._loop.time()):
            await _happen(fault)
