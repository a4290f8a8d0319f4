"""The fake Deepgram on a port: HTTP and WebSocket together, as the SDKs expect it."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

from aiohttp import web

from fakes.deepgram.errors import EXPOSED, Refusal, refusal_for_status
from fakes.deepgram.listen import open_listen
from fakes.deepgram.rest import answer_speech
from fakes.deepgram.settings import DeepgramSettings
from fakes.deepgram.sockets import Conversation
from fakes.deepgram.speak_stream import open_speak
from fakes.deepgram.surface import Opener, Opening
from fakes.faults import EmptyAudio, FaultDesk, LateFinal, NoFinal, Refuse, Trickle
from fakes.faulty import Door
from fakes.ledger import Ledger

__all__ = ["DeepgramServer"]

_SOCKETS: dict[str, tuple[str, Opener]] = {
    "/v1/listen": ("listen", open_listen),
    "/v1/speak": ("speak", open_speak),
}
# Faults that a core carries out itself.
_OF_THE_CORE = (NoFinal, LateFinal, EmptyAudio, Trickle)
_LARGEST_BODY = 2 * 1024 * 1024
_NOT_FOUND = Refusal(404, "NOT_FOUND", "Not found.")
_NO_METHOD = Refusal(405, "METHOD_NOT_ALLOWED", "Method not allowed.")


class DeepgramServer:
    """Answers ``/v1/listen`` and ``/v1/speak``, with any prefix before them.

    The group of an attempt, for faults and ledger, is its ``tag``, or else the prefix.

    Args:
        settings: how the service behaves.
        ledger: where attempts are entered.
        desk: where faults come from.
    """

    def __init__(
        self, settings: DeepgramSettings, ledger: Ledger, desk: FaultDesk
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
        request_id = str(uuid.uuid4())
        path = request.path.rstrip("/")
        upgrade = request.headers.get("upgrade", "").lower() == "websocket"
        for ending, (surface, opener) in _SOCKETS.items():
            if upgrade and path.endswith(ending):
                door = self._knock(surface, request, now)
                return await self._serve(
                    door, partial(self._socket, opener), request_id
                )
        if path.endswith("/v1/speak") and request.method == "POST":
            door = self._knock("speak_rest", request, now)
            return await self._serve(door, self._speak_rest, request_id)
        known = path.endswith(("/v1/listen", "/v1/speak"))
        return _refuse(_NO_METHOD if known else _NOT_FOUND, request_id)

    async def _serve(
        self,
        door: Door,
        answer: Callable[[Door, str], Awaitable[web.StreamResponse]],
        request_id: str,
    ) -> web.StreamResponse:
        try:
            refusal = await self._at_the_door(door)
            if refusal is not None:
                return self._turn_away(door, refusal, request_id)
            return await answer(door, request_id)
        except asyncio.CancelledError:  # the client left
            door.end("client", aborted=True)
            raise

    async def _speak_rest(self, door: Door, request_id: str) -> web.StreamResponse:
        return await answer_speech(door, self._ledger, self._settings, request_id)

    def _knock(self, surface: str, request: web.Request, now: float) -> Door:
        prefix = request.path.partition("/v1/")[0].strip("/")
        group = request.query.get("tag") or prefix
        attempt = self._ledger.knock(surface, group, now)
        fault = self._desk.next(surface, group)
        return Door(self._ledger, attempt, fault, request)

    async def _at_the_door(self, door: Door) -> Refusal | None:
        """Serve the faults of the door and check the key."""
        await door.wait()
        if isinstance(door.fault, Refuse):
            door.fire_now()
            return refusal_for_status(
                door.fault.status,
                door.attempt.surface,
                retry_after=door.fault.retry_after,
                unavailable_key=self._settings.unavailable_key,
            )
        if self._settings.keys and not self._settings.keys & set(_keys(door.request)):
            code = self._settings.invalid_key_code
            return refusal_for_status(401, "")._replace(code=code)
        return None

    def _turn_away(
        self, door: Door, refusal: Refusal, request_id: str
    ) -> web.StreamResponse:
        door.refuse(refusal.status, refusal.retry_after)
        return _refuse(refusal, request_id)

    async def _socket(
        self, opener: Opener, door: Door, request_id: str
    ) -> web.StreamResponse:
        opening = Opening(
            pairs=list(door.request.query.items()),
            settings=self._settings,
            request_id=request_id,
            created=_wall_time(),
            now=time.monotonic(),
            new_number=self._ledger.new_utterance_number,
            fault=door.fault,
        )
        core = opener(opening)
        if isinstance(core, Refusal):
            return self._turn_away(door, core, request_id)
        socket = await _upgrade(door.request, request_id)
        door.accept()
        if isinstance(door.fault, _OF_THE_CORE):
            door.fire_now()
        await Conversation(socket, core, door, self._ledger).run()
        return socket


def _refuse(refusal: Refusal, request_id: str) -> web.Response:
    return web.Response(
        status=refusal.status,
        headers=refusal.headers(request_id),
        body=refusal.body(request_id),
    )


async def _upgrade(request: web.Request, request_id: str) -> web.WebSocketResponse:
    """Accept with the headers of the captured reply; compression is not negotiated."""
    socket = web.WebSocketResponse(
        protocols=("token", "bearer"), compress=False, timeout=2.0, max_msg_size=2**24
    )
    socket.headers.update(
        {
            "vary": "origin, access-control-request-method, "
            "access-control-request-headers",
            "access-control-allow-credentials": "true",
            "access-control-expose-headers": EXPOSED,
            "dg-request-id": request_id,
        }
    )
    origin = request.headers.get("origin")
    if origin:
        socket.headers["access-control-allow-origin"] = origin
    await socket.prepare(request)
    return socket


def _keys(request: web.Request) -> list[str]:
    """Return the credentials of a request, from header or sub-protocol."""
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    offered = request.headers.get("sec-websocket-protocol", "").split(",")
    found = [value.strip() for value in offered[1:]]
    if scheme.lower() in ("token", "bearer"):
        found.append(credential.strip())
    return found


def _wall_time() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
