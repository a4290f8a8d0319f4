"""Pre-recorded transcription on a port: the recording is received or fetched."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine

import httpx
import msgspec
from aiohttp import ClientConnectionResetError, web

from fakes.deepgram.accounts.admission import Credential, key_id
from fakes.deepgram.bookkeeping import enter_words
from fakes.deepgram.callbacks import deliver, may_be_reached
from fakes.deepgram.errors import EXPOSED, Refusal
from fakes.deepgram.listen.prerecorded import Transcription, transcribe
from fakes.deepgram.listen.query import RecordedQuery, parse_recorded
from fakes.deepgram.settings import DeepgramSettings
from fakes.faulty import Door
from fakes.ledger import Ledger

__all__ = ["Recordings"]

_LARGEST_JSON = 2 * 1024 * 1024
_FETCH_SECONDS = 30.0
_MOST_CALLBACKS = 1000
_NOT_JSON = Refusal(
    400,
    "Bad Request",
    "Content-type was application/json, but we could not process the JSON payload.",
)
_NOT_AUDIO = Refusal(
    415, "UNSUPPORTED_MEDIA_TYPE", "`Content-Type` header is not supported."
)
_NO_CONTENT = "REMOTE_CONTENT_ERROR"


class _Link(msgspec.Struct):
    url: str


class Recordings:
    """Answers ``POST /v1/listen``.

    Args:
        ledger: where what was heard is entered.
        settings: how the service behaves.
    """

    def __init__(self, ledger: Ledger, settings: DeepgramSettings) -> None:
        self._ledger = ledger
        self._settings = settings
        self._callbacks: set[asyncio.Task[None]] = set()

    async def answer(
        self, door: Door, request_id: str, created: str, shown: list[Credential]
    ) -> web.StreamResponse:
        """Answer a request that was let through the door.

        Args:
            door: with the request.
            request_id: of the answer.
            created: wall time, ISO 8601 with milliseconds and Z.
            shown: the client's credentials; the first one's identifier goes out with
                the callback.
        """
        due = time.monotonic() + self._settings.transcribe_delay
        pairs = list(door.request.query.items())
        query = parse_recorded(pairs, self._settings, door.attempt.note)
        if isinstance(query, Refusal):
            return _refuse(door, query, request_id)
        audio = await self._recording(door.request)
        if isinstance(audio, Refusal):
            return _refuse(door, audio, request_id)
        door.accept()
        secret = shown[0].secret if shown else ""
        working = self._work(door, audio, query, request_id, created)
        if query.callback:
            self._call_back_later(door, working, query, key_id(secret), due)
            body = json.dumps({"request_id": request_id}, separators=(",", ":"))
            return await self._send(door, body.encode(), request_id)
        done = await working
        if isinstance(done, Refusal):
            return _refuse(door, done, request_id)
        await asyncio.sleep(due - time.monotonic())
        return await self._send(door, done.body, request_id)

    async def close(self, _: web.Application | None = None) -> None:
        """Give up the callbacks that are still to be made."""
        for task in self._callbacks:
            task.cancel()
        await asyncio.gather(*self._callbacks, return_exceptions=True)

    async def _work(
        self,
        door: Door,
        audio: bytes,
        query: RecordedQuery,
        request_id: str,
        created: str,
    ) -> Transcription | Refusal:
        """Transcribe, beside the sockets, and enter what was heard."""
        done = await asyncio.to_thread(
            transcribe,
            audio,
            query,
            request_id=request_id,
            created=created,
            mode=self._settings.speech,
        )
        attempt, now = door.attempt, time.monotonic()
        attempt.audio_bytes += len(audio)
        if isinstance(done, Refusal):
            return done
        attempt.audio_seconds = done.seconds
        self._ledger.hear(attempt, done.codes, now)
        enter_words(self._ledger, done.words, now)
        return done

    def _call_back_later(
        self,
        door: Door,
        working: Coroutine[None, None, Transcription | Refusal],
        query: RecordedQuery,
        key: str,
        due: float,
    ) -> None:
        async def call_back() -> None:
            done = await working
            await asyncio.sleep(due - time.monotonic())
            refused = isinstance(done, Refusal)
            body = done.body("") if isinstance(done, Refusal) else done.body
            taken = await deliver(
                query.callback,
                body,
                settings=self._settings,
                key_id=key,
                method=query.callback_method,
            )
            if not taken or refused:
                door.attempt.note(f"callback: taken {taken}, refused {refused}")

        if len(self._callbacks) >= _MOST_CALLBACKS:
            working.close()
            door.attempt.note("callback: too many are waiting; this one is dropped")
            return
        task = asyncio.create_task(call_back())
        self._callbacks.add(task)
        task.add_done_callback(self._callbacks.discard)

    async def _send(
        self, door: Door, body: bytes, request_id: str
    ) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={
                "content-type": "application/json",
                "content-length": str(len(body)),
                "access-control-expose-headers": EXPOSED,
                "dg-request-id": request_id,
            }
        )
        complete = False
        try:
            async with door.interruption(lambda _: door.drop()):
                await door.answer()
                await response.prepare(door.request)
                door.attempt.first_answer_at = time.monotonic()
                if door.silent:
                    await door.hold()
                await response.write(body)
                await response.write_eof()
                complete = True
        except (ConnectionError, ClientConnectionResetError):
            pass  # told apart below: the client left, or a fault ended it
        door.end("fake" if complete else "client", aborted=not complete)
        return response

    # --- where the recording comes from --------------------------------------------

    async def _recording(self, request: web.Request) -> bytes | Refusal:
        kind = request.content_type
        if kind.startswith(("text/", "multipart/")):
            return _NOT_AUDIO
        if kind != "application/json":
            return await self._received(request, self._settings.recording_limit)
        body = await self._received(request, _LARGEST_JSON)
        return body if isinstance(body, Refusal) else await self._linked(body)

    async def _received(self, request: web.Request, limit: int) -> bytes | Refusal:
        parts: list[bytes] = []
        size = 0
        async for part in request.content.iter_any():
            size += len(part)
            if size > limit:
                return _too_large(limit)
            parts.append(part)
        return b"".join(parts)

    async def _linked(self, body: bytes) -> bytes | Refusal:
        try:
            url = msgspec.json.decode(body, type=_Link).url
        except (msgspec.DecodeError, UnicodeError):
            return _NOT_JSON
        if not may_be_reached(url, anywhere=self._settings.fetch_anywhere):
            text = "This fake fetches media from its own machine only."
            return Refusal(400, _NO_CONTENT, text)
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                return await self._fetched(url)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError):
            text = "The URL for media download could not be reached."
            return Refusal(400, _NO_CONTENT, text)

    async def _fetched(self, url: str) -> bytes | Refusal:
        limit = self._settings.recording_limit
        async with (
            httpx.AsyncClient(trust_env=False) as client,
            client.stream("GET", url) as answer,
        ):
            if not answer.is_success:
                whose = "server" if answer.is_server_error else "client"
                text = (
                    f"The remote server hosting the media returned a {whose} error: "
                    f"{answer.status_code} {answer.reason_phrase}."
                )
                return Refusal(400, _NO_CONTENT, text)
            parts: list[bytes] = []
            size = 0
            async for part in answer.aiter_bytes():
                size += len(part)
                if size > limit:
                    return _too_large(limit)
                parts.append(part)
            return b"".join(parts)


def _too_large(limit: int) -> Refusal:
    size = f"{limit / 1024**3:g} GB" if limit >= 1024**3 else f"{limit} bytes"
    text = f"Payload size exceeds limit of {size}."
    return Refusal(413, "PAYLOAD_TOO_LARGE", text)


def _refuse(door: Door, refusal: Refusal, request_id: str) -> web.Response:
    door.refuse(refusal.status, refusal.retry_after)
    return web.Response(
        status=refusal.status,
        headers=refusal.headers(request_id),
        body=refusal.body(request_id),
    )
