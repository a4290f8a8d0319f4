"""The fake language model on a port: chat completions, responses, models."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping

import msgspec
from aiohttp import web

from fakes.delays import DelayModel, sampler
from fakes.fault_desk import FaultDesk
from fakes.fault_rules import Visitor
from fakes.faults import CallTool, Recite, Refuse, Trickle
from fakes.faulty import Door
from fakes.ledger import Ledger
from fakes.llm.answer import Answer, ToolCall, answer_to, limited
from fakes.llm.asked import Asked
from fakes.llm.chat_reply import ChatReply
from fakes.llm.chat_request import ChatAsked, read_chat
from fakes.llm.delivery import Reply, Schedule, deliver, json_answer
from fakes.llm.errors import (
    ModelError,
    context_exceeded,
    error_for_status,
    no_such_model,
    rate_limit_headers,
)
from fakes.llm.responses_reply import ResponseReply
from fakes.llm.responses_request import ResponseAsked, read_response
from fakes.llm.responses_shelf import ResponsesShelf, Stored
from fakes.llm.routes import Route, route_of
from fakes.llm.settings import MODELS, ModelSettings
from fakes.llm.steps import Step, due_times

__all__ = ["ModelServer", "ModelSettings"]

_LARGEST_BODY = 4 * 1024 * 1024


class ModelServer:
    """Answers requests; the group of an attempt is the request's ``user``.

    Both interfaces knock as ``chat``, so that a fault meets agents of either kind.

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
        self._shelf = ResponsesShelf()

    def app(self) -> web.Application:
        """Return the application; run it with ``handler_cancellation``."""
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, http: web.Request) -> web.StreamResponse:
        now = time.monotonic()
        route = route_of(http.method, http.path)
        if route.does in ("chat", "respond"):
            return await self._ask(http, route, now)
        known = _keys_of(http)
        if self._settings.keys and not any(key in self._settings.keys for key in known):
            return _error(error_for_status(401))
        if route.does == "fetch" and http.query.get("stream") == "true":
            return await self._stream_again(http, route, now)
        return self._look_up(http, route, now)

    def _look_up(self, http: web.Request, route: Route, now: float) -> web.Response:
        shelf, identity = self._shelf, route.id
        match route.does:
            case "models":
                names = self._settings.models or MODELS
                listed = [_model(name) for name in names]
                return _found({"object": "list", "data": listed})
            case "model":
                known = not self._settings.models or identity in self._settings.models
                return _found(_model(identity) if known else no_such_model(identity))
            case "fetch":
                found = shelf.find(identity)
                return _found(
                    found.content(now) if isinstance(found, Stored) else found
                )
            case "delete":
                return _found(shelf.delete(identity))
            case "cancel":
                return _found(shelf.cancel(identity, now))
            case "input_items":
                return _found(shelf.input_items(identity))
        text = f"Invalid URL ({http.method} {http.path})"
        return _error(ModelError(404, text))

    # --- questions ---------------------------------------------------------------

    async def _ask(
        self, http: web.Request, route: Route, now: float
    ) -> web.StreamResponse:
        try:
            body = await http.read()
        except web.HTTPRequestEntityTooLarge:
            return _error(ModelError(413, "Body too large."))
        request: ChatAsked | ResponseAsked | ModelError
        if route.does == "chat":
            request = read_chat(body, route.model)
        else:
            request = read_response(body, self._shelf.earlier)
        group = "" if isinstance(request, ModelError) else request.user
        door = await self._knock(http, route.prefix, group, now)
        if not isinstance(request, ModelError):  # a refusal is of a question, too
            door.attempt.said = request.asked.said
        error = self._refusal(door, http, request)
        if error is not None:
            retry_after = getattr(door.fault, "retry_after", None)
            door.refuse(error.status, retry_after)
            return _error(error, retry_after)
        assert not isinstance(request, ModelError)
        return await self._reply(door, request)

    async def _knock(
        self, http: web.Request, prefix: str, group: str, now: float
    ) -> Door:
        attempt = self._ledger.knock("chat", group, now)
        sockname = http.get_extra_info("sockname")
        visitor = Visitor(
            "chat",
            group,
            prefix=prefix,
            query=list(http.query.items()),
            keys=_keys_of(http),
            port=sockname[1] if sockname else 0,
        )
        door = Door(self._ledger, attempt, self._desk.meet(visitor, attempt), http)
        try:
            await door.wait()
        except asyncio.CancelledError:
            door.end("client", aborted=True)
            raise
        return door

    def _refusal(
        self,
        door: Door,
        http: web.Request,
        request: ChatAsked | ResponseAsked | ModelError,
    ) -> ModelError | None:
        settings = self._settings
        if isinstance(door.fault, Refuse):
            door.fire_now()
            return error_for_status(door.fault.status)
        if settings.keys and not any(key in settings.keys for key in _keys_of(http)):
            return error_for_status(401)
        if isinstance(request, ModelError):
            return request
        asked = request.asked
        if settings.models and asked.model not in settings.models:
            return no_such_model(asked.model)
        if 0 < settings.context_window < asked.prompt_tokens:
            param = "messages" if isinstance(request, ChatAsked) else "input"
            return context_exceeded(settings.context_window, asked.prompt_tokens, param)
        return None

    async def _reply(
        self, door: Door, request: ChatAsked | ResponseAsked
    ) -> web.StreamResponse:
        attempt, asked = door.attempt, request.asked
        answer = self._answer_of(door, asked)
        attempt.remembered = asked.remembered
        attempt.reply = answer.text
        attempt.called = [f"{call.name}({call.arguments})" for call in answer.calls]
        await door.answer()
        began = door.accept()
        number, created = uuid.uuid4().hex, int(time.time())
        if isinstance(request, ChatAsked):
            reply = ChatReply(request, answer, number, created)
            schedule = self._schedule(door, reply)
            body = None if request.stream else reply.body
            return await deliver(door, schedule, began, _headers(began), body=body)
        response = ResponseReply(request, answer, number, created)
        return await self._respond(door, response, began)

    def _answer_of(self, door: Door, asked: Asked) -> Answer:
        fault = door.fault
        if isinstance(fault, Recite | CallTool):
            door.fire_now()
            calls = (ToolCall(fault.name),) if isinstance(fault, CallTool) else ()
            told = Answer(getattr(fault, "text", ""), calls)
            return limited(told, asked._replace(parallel=True))
        return answer_to(asked, self._settings.replies)

    def _schedule(self, door: Door, reply: Reply) -> Schedule:
        settings = self._settings

        def delays(model: DelayModel, what: str) -> Callable[[], float]:
            return sampler(model, settings.seed, door.attempt.id, what)

        pause = delays(settings.token_delay, "token")
        if isinstance(door.fault, Trickle):
            pause = sampler(door.fault.seconds)
            door.fire_now()
        first = delays(settings.first_token_delay, "first token")
        return due_times(reply.steps(), first, pause)

    # --- responses ---------------------------------------------------------------

    async def _respond(
        self, door: Door, reply: ResponseReply, began: float
    ) -> web.StreamResponse:
        request, shelf = reply.request, self._shelf
        schedule = list(self._schedule(door, reply))
        stored = shelf.put(reply, began, schedule)
        headers = _headers(began)
        if request.background and not request.stream:
            door.end("fake")
            body = msgspec.json.encode(reply.content("queued"))
            return json_answer(body, headers=headers)
        try:
            return await deliver(
                door,
                schedule,
                began,
                headers,
                body=None if request.stream else reply.body,
                stopped=lambda: stored.cancelled_at is not None,
            )
        finally:
            if door.attempt.aborted and not request.background:
                shelf.delete(reply.id)  # what nobody waited for was never finished

    async def _stream_again(
        self, http: web.Request, route: Route, now: float
    ) -> web.StreamResponse:
        """Stream a response that runs in the background once more, or go on."""
        stored = self._shelf.find(route.id)
        if isinstance(stored, ModelError):
            return _error(stored)
        if not stored.reply.request.background:
            text = "Only responses created with background=true can be streamed again."
            return _error(ModelError(400, text))
        after = http.query.get("starting_after", "-1")
        begin = int(after) + 1 if after.lstrip("-").isdecimal() else 0
        door = await self._knock(http, route.prefix, stored.reply.request.user, now)
        door.accept()
        rest: list[tuple[float, Step]] = stored.schedule[begin:]
        return await deliver(
            door,
            rest,
            stored.began,
            _headers(now),
            stopped=lambda: stored.cancelled_at is not None,
        )


def _keys_of(http: web.Request) -> tuple[str, ...]:
    """Return the key as OpenAI's clients offer it, or as Azure's do."""
    bearer = http.headers.get("authorization", "").partition(" ")[2].strip()
    return tuple(filter(None, (bearer, http.headers.get("api-key", "")))) or ("",)


def _headers(began: float) -> dict[str, str]:
    taken = (time.monotonic() - began) * 1000
    return {
        "x-request-id": f"req_{uuid.uuid4().hex}",
        "openai-processing-ms": f"{taken:.0f}",
        "openai-version": "2020-10-01",
    }


def _model(name: str) -> dict[str, object]:
    owner = "busyhour"
    return {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": owner}


def _found(content: Mapping[str, object] | ModelError) -> web.Response:
    if isinstance(content, ModelError):
        return _error(content)
    return json_answer(msgspec.json.encode(content), headers=_headers(time.monotonic()))


def _error(error: ModelError, retry_after: float | None = None) -> web.Response:
    headers = _headers(time.monotonic())
    if error.status == 429:
        headers |= rate_limit_headers(retry_after)
    elif retry_after is not None:
        headers["retry-after"] = f"{retry_after:g}"
    return json_answer(error.body(), error.status, headers)
