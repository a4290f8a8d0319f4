"""The fake Deepgram on a port: HTTP and WebSocket together, as the SDKs expect it."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

from aiohttp import web

from fakes.alarms import Alarms
from fakes.deepgram.accounts.admission import (
    Credential,
    admission,
    credentials_of,
    key_id,
)
from fakes.deepgram.accounts.reception import answer_management, manages
from fakes.deepgram.agent.conversation import open_agent
from fakes.deepgram.agent.models import THINK_MODELS, models_body
from fakes.deepgram.caps import Caps
from fakes.deepgram.ear.audio_rate import bytes_a_second
from fakes.deepgram.errors import Refusal, refusal_for_status
from fakes.deepgram.flux.live import open_flux
from fakes.deepgram.listen.live import open_listen
from fakes.deepgram.listen.transcribe import Recordings
from fakes.deepgram.settings import DeepgramSettings
from fakes.deepgram.sockets.conversation import Conversation
from fakes.deepgram.sockets.driver import sockets_named
from fakes.deepgram.sockets.handshake import fault_of_request, reply_headers
from fakes.deepgram.speak.flux import open_speak_flux
from fakes.deepgram.speak.rest import SpeechRequests
from fakes.deepgram.speak.stream import open_speak
from fakes.deepgram.surface import Opener, Opening
from fakes.fault_desk import FaultDesk
from fakes.fault_rules import Visitor
from fakes.faults import EmptyAudio, LateFinal, NoFinal, Refuse, Trickle
from fakes.faulty import Door
from fakes.ledger import Ledger
from fakes.punctuality import Punctuality
from fakes.speech import speaking

__all__ = ["DeepgramServer"]

_SOCKETS: dict[str, tuple[str, Opener]] = {
    "/v1/listen": ("listen", open_listen),
    "/v1/speak": ("speak", open_speak),
    "/v2/listen": ("flux", open_flux),
    "/v2/speak": ("speak_flux", open_speak_flux),
    "/v1/agent/converse": ("agent", open_agent),
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

    Attributes:
        punctuality: how late its sockets were.
    """

    def __init__(
        self, settings: DeepgramSettings, ledger: Ledger, desk: FaultDesk
    ) -> None:
        # 40 ms, or 0.5 s, that would hold up every connection later.
        speaking(settings.speech)
        self._settings = settings
        self._ledger = ledger
        self._desk = desk
        self._alarms = Alarms()
        self._caps = Caps(settings)
        self._converse = sockets_named()
        self._recordings = Recordings(ledger, settings)
        self._speech = SpeechRequests(ledger, settings)
        self.punctuality = Punctuality()

    def app(self) -> web.Application:
        """Return the application; run it with ``handler_cancellation``."""
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._answer)
        app.on_cleanup.append(self._recordings.close)
        app.on_cleanup.append(self._speech.close)
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
        if path.endswith(("/v1/speak", "/v2/speak")) and request.method == "POST":
            door = self._knock("speak_rest", request, now)
            return await self._serve(door, self._speak_rest, request_id)
        if path.endswith("/v1/listen") and request.method == "POST":
            door = self._knock("listen_rest", request, now)
            return await self._serve(door, self._listen_rest, request_id)
        if manages(path):
            door = self._knock("manage", request, now)
            return await self._serve(door, self._manage, request_id)
        if path.endswith(THINK_MODELS) and request.method == "GET":
            door = self._knock("manage", request, now)
            return await self._serve(door, _think_models, request_id)
        known = path.endswith(("/v1/listen", *_SOCKETS))
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
        shown = _shown(door.request)
        key = key_id(shown[0].secret) if shown else ""
        return await self._speech.answer(door, request_id, key)

    async def _listen_rest(self, door: Door, request_id: str) -> web.StreamResponse:
        shown = _shown(door.request)
        return await self._recordings.answer(door, request_id, _wall_time(), shown)

    async def _manage(self, door: Door, request_id: str) -> web.StreamResponse:
        shown = _shown(door.request)
        return await answer_management(door, self._settings, request_id, shown)

    def _knock(self, surface: str, request: web.Request, now: float) -> Door:
        prefix = re.split("/v[12]/", request.path)[0].strip("/")
        group = request.query.get("tag") or prefix
        attempt = self._ledger.knock(surface, group, now)
        sockname = request.get_extra_info("sockname")
        visitor = Visitor(
            surface,
            group,
            prefix=prefix,
            query=list(request.query.items()),
            keys=[credential.secret for credential in _shown(request)],
            port=sockname[1] if sockname else 0,
        )
        attempt.bytes_a_second = bytes_a_second(visitor.query)
        fault = self._desk.meet(visitor, attempt)
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
        managing = door.attempt.surface == "manage"
        shown = _shown(door.request)
        refused = admission(shown, self._settings, time.time(), managing=managing)
        return refused or self._caps.refusal(door.attempt)

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
            number=door.attempt.id,
            note=door.attempt.note,
        )
        core = fault_of_request(door.request.headers) or opener(opening)
        if isinstance(core, Refusal):
            return self._turn_away(door, core, request_id)
        conversation = Conversation(
            core, door, self._ledger, self._alarms, self.punctuality
        )
        await door.answer()
        headers = reply_headers(door.request.headers, request_id)
        if isinstance(door.fault, _OF_THE_CORE):
            door.fire_now()
        return await self._converse(door.request, headers, conversation)


async def _think_models(door: Door, request_id: str) -> web.StreamResponse:
    door.accept()
    headers = {"content-type": "application/json", "dg-request-id": request_id}
    response = web.Response(headers=headers, body=models_body())
    door.end("fake")
    return response


def _refuse(refusal: Refusal, request_id: str) -> web.Response:
    return web.Response(
        status=refusal.status,
        headers=refusal.headers(request_id),
        body=refusal.body(request_id),
    )


def _shown(request: web.Request) -> list[Credential]:
    """Return the credentials of a request, from header or sub-protocol."""
    headers = request.headers
    return credentials_of(
        headers.get("authorization", ""), headers.get("sec-websocket-protocol", "")
    )


def _wall_time() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
