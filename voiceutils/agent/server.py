"""The reference agent's web application: webhook, media socket, metrics, calls."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import quoteattr

import httpx
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from voiceutils._http import new_client
from voiceutils.agent.call import AgentCall
from voiceutils.agent.outgoing import PLACEMENT, OutgoingCall, OutgoingCalls
from voiceutils.agent.settings import AgentSettings
from voiceutils.agent.signature import addresses, is_login, is_signed
from voiceutils.chat import ChatModel
from voiceutils.deepgram_tts import DeepgramTTSService
from voiceutils.errors import VoiceError
from voiceutils.twilio_calls import TwilioCalls

__all__ = ["build_app"]

logger = logging.getLogger(__name__)

MOST_FORM_BYTES = 64 * 1024
MOST_RECENT_CALLS = 200

_TWIML = (
    '<?xml version="1.0" encoding="UTF-8"?><Response><Connect>{}</Connect></Response>'
)


@dataclass
class _Switchboard:
    """What calls share: connection pools, and metrics of calls that are over."""

    settings: AgentSettings
    call_class: type[AgentCall]
    pool: httpx.AsyncClient
    chat: ChatModel
    speech: DeepgramTTSService
    outgoing: OutgoingCalls | None
    open_calls: int = 0
    recent: deque[dict[str, object]] = field(
        default_factory=lambda: deque(maxlen=MOST_RECENT_CALLS)
    )


def build_app(
    settings: AgentSettings, call_class: type[AgentCall] = AgentCall
) -> Starlette:
    """Return the agent as an ASGI application.

    Args:
        settings: where the providers are and how the agent behaves.
        call_class: the conversation; subclass AgentCall to change one thing.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with new_client() as pool:
            switchboard = _switchboard(settings, call_class, pool)
            app.state.switchboard = switchboard
            yield
            if switchboard.outgoing is not None:
                switchboard.outgoing.close()

    return Starlette(
        routes=[
            Route("/voice", _voice, methods=["GET", "POST"]),
            WebSocketRoute("/media", _media),
            Route("/metrics", _metrics),
            Route("/calls", _calls, methods=["GET", "POST"]),
        ],
        lifespan=lifespan,
    )


def _switchboard(
    settings: AgentSettings, call_class: type[AgentCall], pool: httpx.AsyncClient
) -> _Switchboard:
    chat = ChatModel(
        settings.model_key, url=settings.model_url, model=settings.model, client=pool
    )
    speech = DeepgramTTSService(
        settings.deepgram_key,
        url=settings.deepgram_url,
        model=settings.voice,
        client=pool,
    )
    login = settings.twilio_login
    outgoing = None
    if login is not None:
        calls = TwilioCalls(settings.account_sid, login, pool, url=settings.twilio_url)
        outgoing = OutgoingCalls(calls)
    return _Switchboard(settings, call_class, pool, chat, speech, outgoing)


async def _voice(request: Request) -> Response:
    """Answer Twilio's webhook: connect the call to our media socket."""
    form = await _form(request)
    if form is None:
        return PlainTextResponse("form too large", 413)
    switchboard: _Switchboard = request.app.state.switchboard
    if not _is_from_twilio(request, switchboard.settings.auth_token, form):
        return PlainTextResponse("not signed by Twilio", 403)
    return Response(_twiml(request), media_type="text/xml")


def _twiml(request: Request, placement: str = "") -> str:
    """Return the document that connects a call to our media socket."""
    secure = _is_secure(request)
    place = _hosts(request)[0] + str(request.scope.get("root_path", ""))
    address = f"{'wss' if secure else 'ws'}://{place}/media"
    stream = f"<Stream url={quoteattr(address)}"
    if not placement:
        return _TWIML.format(f"{stream}/>")
    parameter = f"<Parameter name={quoteattr(PLACEMENT)} value={quoteattr(placement)}/>"
    return _TWIML.format(f"{stream}>{parameter}</Stream>")


async def _calls(request: Request) -> Response:
    """Place a call, or list those that were, for whoever could do so at Twilio, too."""
    switchboard: _Switchboard = request.app.state.switchboard
    outgoing, login = switchboard.outgoing, switchboard.settings.twilio_login
    if outgoing is None or login is None:
        return PlainTextResponse("no Twilio account is set", 404)
    if not is_login(request.headers.get("authorization", ""), *login):
        return PlainTextResponse("give the login of the Twilio account", 401)
    if request.method != "POST":
        return JSONResponse({"calls": [one.shown() for one in outgoing.records]})
    form = await _form(request) or {}
    if not (form.get("To") and form.get("From")):
        return PlainTextResponse("give To and From", 400)
    record = OutgoingCall(form["To"][0])
    try:
        twiml = _twiml(request, record.placement)
        await outgoing.place(record, form["From"][0], twiml)
    except VoiceError as failure:
        return JSONResponse({**record.shown(), "error": str(failure)}, 502)
    return JSONResponse(record.shown(), 201)


async def _media(socket: WebSocket) -> None:
    """Run one call on its media socket."""
    switchboard: _Switchboard = socket.app.state.switchboard
    if not _is_from_twilio(socket, switchboard.settings.auth_token, {}):
        await socket.close()  # before accept: the upgrade is answered with 403
        return
    await socket.accept()

    async def receive() -> str | None:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return None
            if isinstance(text := message.get("text"), str):
                return text  # Twilio sends no binary messages

    async def send(text: str) -> None:
        with contextlib.suppress(WebSocketDisconnect):  # the reader will notice
            await socket.send_text(text)

    outgoing = switchboard.outgoing
    call = switchboard.call_class(
        switchboard.settings,
        switchboard.chat,
        switchboard.speech,
        receive,
        send,
        None if outgoing is None else outgoing.calls,
    )
    switchboard.open_calls += 1
    try:
        await call.run()
    finally:
        switchboard.open_calls -= 1
        switchboard.recent.append(call.summary())
        if outgoing is not None:
            outgoing.stream_ended(call.call_sid, call.parameters.get(PLACEMENT, ""))
        await _hang_up(socket, call.close_code)


async def _hang_up(socket: WebSocket, code: int) -> None:
    if socket.client_state is WebSocketState.CONNECTED:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await socket.close(code)


async def _metrics(request: Request) -> Response:
    """Show what the agent measured of itself; judge it by the wire."""
    switchboard: _Switchboard = request.app.state.switchboard
    shown: dict[str, Any] = {
        "open_calls": switchboard.open_calls,
        "calls": list(switchboard.recent),
    }
    return JSONResponse(shown)


async def _form(request: Request) -> dict[str, list[str]] | None:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_FORM_BYTES:
            return None
    return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)


def _is_from_twilio(
    connection: HTTPConnection, token: str, form: dict[str, list[str]]
) -> bool:
    if not token:
        return True
    url = connection.url
    path = url.path + (f"?{url.query}" if url.query else "")
    scheme = "ws" if connection.scope["type"] == "websocket" else "http"
    given = connection.headers.get("x-twilio-signature", "")
    return is_signed(token, given, addresses(scheme, _hosts(connection), path), form)


def _hosts(connection: HTTPConnection) -> list[str]:
    """Return the names we are known by, the public one first."""
    forwarded = connection.headers.get("x-forwarded-host", "").split(",")[0].strip()
    return [host for host in (forwarded, connection.headers.get("host", "")) if host]


def _is_secure(connection: HTTPConnection) -> bool:
    forwarded = connection.headers.get("x-forwarded-proto", "").split(",")[0].strip()
    return (forwarded or connection.url.scheme) in ("https", "wss")
