"""Sends junk at a steady rate and judges every answer."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import h11
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from conformance.fidelity.junk.messages import (
    SURFACES,
    Surface,
    broken_frame,
    broken_request,
    junk_message,
)
from conformance.fidelity.junk.requests import (
    Answer,
    JunkRequest,
    junk_request,
    problem_of,
)

__all__ = ["Outcome", "Process", "storm"]

WORKERS = 32
ANSWER_SECONDS = 10.0
# Of what is sent: the rest are requests on connections that are kept alive. New
# connections are the dear part, and a minute of them must not use up the ports.
MESSAGES_SHARE = 0.10
BROKEN_SHARE = 0.05
PROBLEMS_KEPT = 50


class Outcome(NamedTuple):
    """What a storm did.

    Attributes:
        sent: how many of each kind.
        problems: answers that the service would not give, and how often.
        seconds: how long it took.
    """

    sent: Counter[str]
    problems: Counter[str]
    seconds: float


class Process(NamedTuple):
    """What the storm could leave behind in a process, read from /proc."""

    memory: int  # bytes
    files: int

    @classmethod
    def of(cls, pid: int) -> Process:
        """Look at a process."""
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return cls(pages * 4096, len(list(Path(f"/proc/{pid}/fd").iterdir())))


async def storm(base: str, *, rate: float, seconds: float, seed: int) -> Outcome:
    """Send ``rate`` junk requests and messages a second to a fake Deepgram.

    Args:
        base: its ``http://`` address.
        rate: how many a second, over all kinds.
        seconds: how long.
        seed: decides what is sent.
    """
    begun = time.monotonic()
    outcome = Outcome(Counter(), Counter(), seconds)
    workers = (
        _Worker(base, outcome, random.Random(f"{seed}:{number}")).run(
            begun + number / rate, WORKERS / rate, begun + seconds
        )
        for number in range(WORKERS)
    )
    await asyncio.gather(*workers)
    return outcome._replace(seconds=time.monotonic() - begun)


class _Worker:
    def __init__(self, base: str, outcome: Outcome, chance: random.Random) -> None:
        parts = urlsplit(base)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._outcome = outcome
        self._chance = chance
        self._kept: _Kept | None = None

    async def run(self, due: float, every: float, until: float) -> None:
        """Send one thing after the other, each at its moment or as soon as may be."""
        while due < until:
            await asyncio.sleep(due - time.monotonic())
            due += every
            kind, work = self._next()
            self._outcome.sent[kind] += 1
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    problem = await work
            except TimeoutError:
                problem = f"{kind}: no answer within {ANSWER_SECONDS:g} s"
            except (OSError, h11.ProtocolError) as error:
                problem = f"{kind}: {type(error).__name__}: {error}"
                self._kept = None
            problems = self._outcome.problems
            if problem and (problem in problems or len(problems) < PROBLEMS_KEPT):
                problems[problem] += 1
        if self._kept:
            self._kept.close()

    def _next(self) -> tuple[str, Coroutine[Any, Any, str]]:
        dice = self._chance.random()
        if dice < MESSAGES_SHARE:
            name = self._chance.choice(list(SURFACES))
            return f"message to {name}", self._message(name, SURFACES[name])
        if dice < MESSAGES_SHARE + BROKEN_SHARE / 2:
            return "broken frame", self._broken(upgraded=True)
        if dice < MESSAGES_SHARE + BROKEN_SHARE:
            return "broken request", self._broken(upgraded=False)
        return "request", self._request(junk_request(self._chance))

    async def _request(self, request: JunkRequest) -> str:
        if self._kept is None:
            self._kept = await _Kept.open(self._host, self._port)
        answer, again = await self._kept.ask(request)
        if not again:
            self._kept.close()
            self._kept = None
        return problem_of(request, answer)

    async def _message(self, name: str, surface: Surface) -> str:
        url = f"ws://{self._host}:{self._port}{surface.target}"
        told: list[str] = []
        try:
            async with connect(url, compression=None, proxy=None) as socket:
                await socket.send(junk_message(self._chance))
                if surface.survives:
                    await socket.send('{"type":"CloseStream"}')
                with suppress(ConnectionClosed):
                    while True:
                        told.append(str(await socket.recv()))
                code = socket.close_code
        except InvalidStatus as refused:
            return f"{name}: refused with {refused.response.status_code}"
        if code not in surface.codes:
            return f"{name}: closed with {code}, not {set(surface.codes)}"
        if surface.complaint and not any(surface.complaint in text for text in told):
            return f"{name}: no {surface.complaint} before the close: {told}"
        return ""

    async def _broken(self, *, upgraded: bool) -> str:
        """Break the protocol; the other side may answer, but must end it."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            if upgraded:
                writer.write(
                    b"GET " + SURFACES["listen"].target.encode() + b" HTTP/1.1\r\n"
                    b"Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Version: 13\r\n"
                    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                )
                head = await reader.readuntil(b"\r\n\r\n")
                if b" 101 " not in head.partition(b"\r\n")[0]:
                    return f"broken frame: handshake refused: {head[:60]!r}"
                writer.write(broken_frame(self._chance))
            else:
                writer.write(broken_request(self._chance))
            writer.write_eof()
            with suppress(ConnectionError):
                while await reader.read(65536):
                    pass
        finally:
            writer.transport.abort()
        return ""


class _Kept:
    """One HTTP connection that is kept alive."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)

    @classmethod
    async def open(cls, host: str, port: int) -> _Kept:
        return cls(*await asyncio.open_connection(host, port))

    def close(self) -> None:
        self._writer.transport.abort()

    async def ask(self, request: JunkRequest) -> tuple[Answer, bool]:
        """Return the answer, and whether the connection may be used again."""
        headers = [("Host", "fake"), *request.headers]
        upgrade = any(name == "Upgrade" for name, _ in request.headers)
        if request.body or not upgrade:
            headers.append(("Content-Length", str(len(request.body))))
        asked = h11.Request(
            method=request.method, target=request.target, headers=headers
        )
        for sent in (asked, h11.Data(data=request.body), h11.EndOfMessage()):
            self._writer.write(self._http.send(sent) or b"")
        answer = await self._answer()
        again = self._http.our_state is self._http.their_state is h11.DONE
        if again:
            self._http.start_next_cycle()
        return answer, again

    async def _answer(self) -> Answer:
        status, told, body = 0, dict[str, str](), b""
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(65536))
            elif isinstance(event, h11.Response | h11.InformationalResponse):
                status = event.status_code
                told = {k.decode(): v.decode("latin-1") for k, v in event.headers}
                if status == 101:
                    return Answer(status, told, b"")
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return Answer(status, told, body)
            else:
                raise ConnectionError("closed in the middle of an answer")
