"""The fake Deepgram on a port: HTTP and WebSocket together, as the SDKs expect it."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from aiohttp import web

from fakes.deepgram.errors import EXPOSED, Refusal, refusal_for_status
from fakes.deepgram.listen import Listening
from fakes.deepgram.outbox import Ended, Outgoing, Said
from fakes.deepgram.query import parse_listen
from fakes.deepgram.rest import answer_speech
from fakes.deepgram.settings import DeepgramSettings
from fakes.deepgram.sockets import Conversation
from fakes.deepgram.speak import parse_speak
from fakes.deepgram.speak_stream import (
    AudioPiece,
    Speaking,
    SpeakOutgoing,
    UtteranceBegun,
    UtteranceCut,
)
from fakes.faults import (
    EmptyAudio,
    FaultDesk,
    LateFinal,
    NoFinal,
    Refuse,
    Trickle,
)
from fakes.faulty import Door
from fakes.ledger import Attempt, Ledger, UtteranceMade

__all__ = ["DeepgramServer"]

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
        if path.endswith("/v1/listen") and upgrade:
            door = self._knock("listen", request, now)
            return await self._serve(door, self._listen, request_id)
        if path.endswith("/v1/speak") and upgrade:
            door = self._knock("speak", request, now)
            return await self._serve(door, self._speak, request_id)
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

    # --- WebSockets ----------------------------------------------------------------

    async def _listen(self, door: Door, request_id: str) -> web.StreamResponse:
        query = parse_listen(list(door.request.query.items()), self._settings)
        if isinstance(query, Refusal):
            return self._turn_away(door, query, request_id)
        socket = await _upgrade(door.request, request_id)
        fault = door.fault
        late = fault.seconds if isinstance(fault, LateFinal) else 0.0
        core = Listening(
            query,
            self._settings,
            request_id=request_id,
            created=_wall_time(),
            now=door.accept(),
            finals=not isinstance(fault, NoFinal),
            final_delay=late,
        )
        if isinstance(fault, NoFinal | LateFinal):
            door.fire_now()
        attempt = door.attempt

        def heard(message: bytes | str, _: float) -> None:
            if isinstance(message, bytes) and message:
                attempt.messages += 1
                attempt.audio_bytes += len(message)
                attempt.longest_message = max(attempt.longest_message, len(message))

        def sent(item: Outgoing, now: float) -> str | Ended | None:
            if isinstance(item, Said):
                self._enter_final(item, now)
                return item.text
            return item

        def codes(now: float) -> None:
            self._ledger.hear(attempt, core.take_codes(), now)

        talk = Conversation(socket, core, door, heard=heard, sent=sent, after=codes)
        await talk.run()
        return socket

    def _enter_final(self, said: Said, now: float) -> None:
        turns: dict[tuple[int, int], list[str]] = {}
        for word in said.final or ():
            if word.call is not None and word.turn is not None:
                turns.setdefault((word.call, word.turn), []).append(word.text)
        for (call, turn), words in turns.items():
            self._ledger.finalise(call, turn, words, now)

    async def _speak(self, door: Door, request_id: str) -> web.StreamResponse:
        query = parse_speak(list(door.request.query.items()), streaming=True)
        if isinstance(query, Refusal):
            return self._turn_away(door, query, request_id)
        socket = await _upgrade(door.request, request_id)
        fault = door.fault
        core = Speaking(
            query,
            self._settings,
            request_id=request_id,
            now=door.accept(),
            new_number=self._ledger.new_utterance_number,
            silent=isinstance(fault, EmptyAudio),
            seconds_a_second=fault.seconds if isinstance(fault, Trickle) else None,
        )
        if isinstance(fault, EmptyAudio | Trickle):
            door.fire_now()
        spoken = _Spoken(self._ledger, door.attempt)
        await Conversation(socket, core, door, sent=spoken.enter).run()
        return socket


class _Spoken:
    """Enters what one speak socket sends, and says what goes on the wire."""

    def __init__(self, ledger: Ledger, attempt: Attempt) -> None:
        self._ledger = ledger
        self._attempt = attempt
        self._made: dict[int, UtteranceMade] = {}

    def enter(self, item: SpeakOutgoing, now: float) -> str | bytes | Ended | None:
        match item:
            case Said(text):
                return text
            case AudioPiece(audio, number):
                entry = self._made[number]
                entry.first_audio_at = entry.first_audio_at or now
                entry.last_audio_at = now
                entry.audio_bytes += len(audio)
                return audio
            case UtteranceBegun():
                self._begin(item)
            case UtteranceCut(number):
                self._made[number].aborted = True
            case Ended():
                return item
        return None

    def _begin(self, begun: UtteranceBegun) -> None:
        entry = UtteranceMade(
            utterance=begun.number,
            text=begun.speech.text,
            group=self._attempt.group,
            attempt=self._attempt.id,
            requested_at=begun.requested_at,
            frames=len(begun.speech.frames),
        )
        self._made[begun.number] = self._ledger.make(entry)


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
