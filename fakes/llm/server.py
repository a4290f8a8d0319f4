"""The fake language model on a port: ``/v1/chat/completions`` and ``/v1/models``."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable

import msgspec
from aiohttp import ClientConnectionResetError, web

from fakes.delays import DelayModel, sampler
from fakes.fault_desk import FaultDesk
from fakes.fault_rules import Visitor
from fakes.faults import CallTool, Recite, Refuse, Trickle
from fakes.faulty import Door
from fakes.ledger import Ledger
from fakes.llm.chat import (
    MODELS,
    ChatError,
    Reply,
    error_for_status,
    read_request,
    remembered_in,
    reply_for,
    said_in,
)
from voiceutils.wire.chat import Request

__all__ = ["ModelServer", "ModelSettings"]

_LARGEST_BODY = 4 * 1024 * 1024


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the fake model; times in seconds.

    Attributes:
        first_token_delay: from the request to the first token; a number or a
            distribution, here and below.
        token_delay: from token to token.
        keys: API keys to accept; empty accepts any.
        seed: of the delays that are distributions.
    """

    first_token_delay: DelayModel = 0.2
    token_delay: DelayModel = 0.008
    keys: frozenset[str] = frozenset()
    seed: int = 0


class ModelServer:
    """Answers chat completions; the group of an attempt is the request's ``user``.

    Args:
        settings: how the model behaves.
        ledger: where attempts are entered.
        desk: where faults come from.
    """

    def __init__(
        self, settings: ModelSettings, ledger: Ledger, desk: FaultDesk
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._desk = desk

    def app(self) -> web.Application:
        """Return the application; run it with ``handler_cancellation``."""
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        now = time.monotonic()
        path = request.path.rstrip("/")
        if path.endswith("/v1/chat/completions") and request.method == "POST":
            return await self._complete(request, now)
        if path.endswith("/v1/models") and request.method == "GET":
            return _json(_models())
        text = f"Invalid URL ({request.method} {request.path})"
        return _error(ChatError(404, text, "invalid_request_error"))

    async def _complete(self, http: web.Request, now: float) -> web.StreamResponse:
        try:
            body = await http.read()
        except web.HTTPRequestEntityTooLarge:
            return _error(ChatError(413, "Body too large.", "invalid_request_error"))
        asked = read_request(body)
        group = (asked.user or "") if isinstance(asked, Request) else ""
        attempt = self._ledger.knock("chat", group, now)
        sockname = http.get_extra_info("sockname")
        visitor = Visitor(
            "chat",
            group,
            prefix=http.path.partition("/v1/")[0].strip("/"),
            query=list(http.query.items()),
            keys=(_key(http),),
            port=sockname[1] if sockname else 0,
        )
        door = Door(self._ledger, attempt, self._desk.meet(visitor, attempt), http)
        try:
            await door.wait()
        except asyncio.CancelledError:
            door.end("client", aborted=True)
            raise
        if isinstance(asked, Request):  # a refusal is of a question, too
            attempt.said = said_in(asked)
        error = self._refusal(door, http, asked)
        if error is not None:
            retry_after = getattr(door.fault, "retry_after", None)
            door.refuse(error.status, retry_after)
            return _error(error, retry_after)
        assert isinstance(asked, Request)
        return await self._reply(door, asked, body)

    def _refusal(
        self, door: Door, http: web.Request, asked: Request | ChatError
    ) -> ChatError | None:
        if isinstance(door.fault, Refuse):
            door.fire_now()
            return error_for_status(door.fault.status)
        if self._settings.keys and _key(http) not in self._settings.keys:
            return error_for_status(401)
        return asked if isinstance(asked, ChatError) else None

    async def _reply(
        self, door: Door, asked: Request, body: bytes
    ) -> web.StreamResponse:
        attempt = door.attempt
        attempt.remembered = remembered_in(asked)
        attempt.reply = reply_for(attempt.said)
        tool = ""
        if isinstance(door.fault, Recite | CallTool):
            door.fire_now()
            attempt.reply = getattr(door.fault, "text", "")
            tool = getattr(door.fault, "name", "")
        words = sum(len(message.text.split()) for message in asked.messages)
        identity = f"chatcmpl-{uuid.uuid4().hex[:29]}"
        reply = Reply(
            identity, int(time.time()), asked.model, attempt.reply, words, tool
        )
        await door.answer()
        door.accept()
        pause = self._delays(door, self._settings.token_delay, "token")
        if isinstance(door.fault, Trickle):
            pause = sampler(door.fault.seconds)
            door.fire_now()
        complete = False
        try:
            async with door.interruption(lambda _: door.drop()):
                if asked.stream:
                    usage = _wants_usage(body)
                    answer = await self._stream(door, reply, pause, usage=usage)
                else:
                    seconds = sum(pause() for _ in reply.tokens)
                    await self._first(door, seconds)
                    answer = _json_bytes(reply.body())
                complete = True
                return answer
        except (ConnectionError, ClientConnectionResetError):
            return web.Response(status=499)
        finally:
            door.end("fake" if complete else "client", aborted=not complete)

    def _delays(self, door: Door, model: DelayModel, what: str) -> Callable[[], float]:
        return sampler(model, self._settings.seed, door.attempt.id, what)

    async def _first(self, door: Door, seconds: float = 0.0) -> None:
        first = self._delays(door, self._settings.first_token_delay, "first token")
        await asyncio.sleep(first() + seconds)
        if door.silent:
            await door.hold()
        door.attempt.first_answer_at = time.monotonic()

    async def _stream(
        self, door: Door, reply: Reply, pause: Callable[[], float], *, usage: bool
    ) -> web.StreamResponse:
        headers = {
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
        }
        response = web.StreamResponse(headers=headers)
        response.enable_chunked_encoding()
        await response.prepare(door.request)
        await self._first(door)
        due = time.monotonic()
        for event in reply.events(usage=usage):
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if door.silent:
                await door.hold()
            await response.write(event.encode())
            door.attempt.messages += 1
            door.sent()
            due += pause()
        await response.write_eof()
        return response


def _key(http: web.Request) -> str:
    return http.headers.get("authorization", "").partition(" ")[2].strip()


def _wants_usage(body: bytes) -> bool:
    options = json.loads(body).get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def _models() -> dict[str, object]:
    listed = [
        {
            "id": name,
            "object": "model",
            "created": 1_700_000_000,
            "owned_by": "busyhour",
        }
        for name in MODELS
    ]
    return {"object": "list", "data": listed}


def _json(content: object) -> web.Response:
    return _json_bytes(json.dumps(content).encode())


def _json_bytes(body: bytes, status: int = 200) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json")


def _error(error: ChatError, retry_after: float | None = None) -> web.Response:
    response = _json_bytes(error.body(), error.status)
    if retry_after is not None:
        response.headers["retry-after"] = f"{retry_after:g}"
    return response
