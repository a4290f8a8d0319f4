"""Speech by request, ``POST /v1/speak`` and ``/v2/speak``: a chunked body.

It comes faster than real time, a piece of audio after the other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from aiohttp import ClientConnectionResetError, web

from fakes.deepgram.callbacks import deliver
from fakes.deepgram.errors import Refusal
from fakes.deepgram.settings import DeepgramSettings
from fakes.deepgram.speak.body import model_headers, read_body
from fakes.deepgram.speak.codecs import MISSING, Encoder, can_encode
from fakes.deepgram.speak.controls import ControlledText, read_controls
from fakes.deepgram.speak.form import RAW, SpeechForm
from fakes.deepgram.speak.request import SpeakQuery, parse_speak, say
from fakes.delays import sampler
from fakes.faults import EmptyAudio, Trickle
from fakes.faulty import Door
from fakes.ledger import Ledger, UtteranceMade
from fakes.speech import Speech
from fakes.speech.voices import voice_of_model

__all__ = ["SpeechRequests"]


_MOST_CALLBACKS = 100


class SpeechRequests:
    """Answers ``POST /v1/speak`` and ``POST /v2/speak``.

    Args:
        ledger: where what was said is entered.
        settings: how the service behaves.
    """

    def __init__(self, ledger: Ledger, settings: DeepgramSettings) -> None:
        self._ledger = ledger
        self._settings = settings
        self._callbacks: set[asyncio.Task[None]] = set()

    async def close(self, _: object = None) -> None:
        """Give up callbacks that were not taken yet."""
        for task in list(self._callbacks):
            task.cancel()
        await asyncio.gather(*self._callbacks, return_exceptions=True)

    async def answer(self, door: Door, request_id: str, key: str) -> web.StreamResponse:
        """Answer a request that was let through the door.

        Args:
            door: with the request.
            request_id: of the answer.
            key: identifier of the client's key; goes out with a callback.
        """
        version = "v2" if "/v2/" in door.request.path else "v1"
        asked = await self._read(door, version)
        if isinstance(asked, Refusal):
            return _refuse(door, asked, request_id)
        query, text = asked
        said = read_controls(text) if version == "v2" else ControlledText(text)
        refusal = _refusal_of(query, said)
        if refusal is not None:
            return _refuse(door, refusal, request_id)
        door.attempt.characters = len(text)
        answer = _Answer(door, self._ledger, self._settings, query, said.text)
        if query.callback:
            door.accept()
            self._call_back(answer, query, key)
            body = {"request_id": request_id}
            return web.json_response(body, headers={"dg-request-id": request_id})
        headers = model_headers(query, text, request_id)
        if said.pronunciations or said.pauses:
            headers["dg-pronunciations-applied"] = str(said.pronunciations)
            headers["dg-breaks-applied"] = str(said.pauses)
        return await answer.send(headers)

    async def _read(self, door: Door, version: str) -> tuple[SpeakQuery, str] | Refusal:
        request, settings = door.request, self._settings
        query = parse_speak(list(request.query.items()), settings, version=version)
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            text = "Payload size exceeds limit of 2 MB."
            return Refusal(413, "PAYLOAD_TOO_LARGE", text)
        said = read_body(body, request.content_type, settings)
        # A wrong Content-Type is told before anything else is.
        if isinstance(said, Refusal) and said.status == 415:
            return said
        if isinstance(query, Refusal):
            return query
        return said if isinstance(said, Refusal) else (query, said)

    def _call_back(self, answer: _Answer, query: SpeakQuery, key: str) -> None:
        async def call_back() -> None:
            taken = await deliver(
                query.callback,
                answer.whole,
                settings=self._settings,
                key_id=key,
                method=query.callback_method,
                content_type=query.form.content_type,
            )
            answer.called_back(taken=taken)

        if len(self._callbacks) >= _MOST_CALLBACKS:
            answer.called_back(taken=False)
            return
        task = asyncio.create_task(call_back())
        self._callbacks.add(task)
        task.add_done_callback(self._callbacks.discard)


def _refusal_of(query: SpeakQuery, said: ControlledText) -> Refusal | None:
    if said.problem:
        return Refusal(400, "BREAK_SYNTAX_INVALID", said.problem)
    if said.pronunciations and (said.pauses or query.speed != 1.0):
        text = "Pronunciation cannot be combined with pause or speed."
        return Refusal(400, "CONTROL_COMBINATION_INVALID", text)
    if not can_encode(query.form):
        text = MISSING.format(query.form.encoding)
        text = f"Unsupported audio format: {text}"
        return Refusal(400, "INVALID_QUERY_PARAMETER", text)
    return None


def _refuse(door: Door, refusal: Refusal, request_id: str) -> web.Response:
    door.refuse(refusal.status)
    return web.Response(
        status=refusal.status,
        headers=refusal.headers(request_id),
        body=refusal.body(request_id),
    )


def _encoded(
    spoken: list[tuple[UtteranceMade, Speech]], form: SpeechForm, speed: float
) -> Iterator[bytes]:
    """Yield the bytes of each utterance, together one file."""
    if form.encoding in RAW:
        for _, speech in spoken:
            yield form.convert(speech.audio, speed)
        return
    encoder = Encoder(form)
    for number, (_, speech) in enumerate(spoken, 1):
        piece = encoder.encode(speech.audio)
        yield piece + encoder.finish() if number == len(spoken) else piece


class _Answer:
    def __init__(
        self,
        door: Door,
        ledger: Ledger,
        settings: DeepgramSettings,
        query: SpeakQuery,
        text: str,
    ) -> None:
        self._door = door
        self._settings = settings
        self._query = query
        fault = door.fault
        trickle = isinstance(fault, Trickle)
        self._seconds_a_second = (
            fault.seconds if isinstance(fault, Trickle) else 1 / settings.speech_pace
        )
        if trickle or isinstance(fault, EmptyAudio):
            door.fire_now()
        empty = isinstance(fault, EmptyAudio)
        mode = settings.speech
        spoken = (
            []
            if empty
            else say(
                text, ledger.new_utterance_number, mode, voice_of_model(query.model)
            )
        )
        self._spoken: list[tuple[UtteranceMade, Speech]] = []
        for number, speech in spoken:
            entry = UtteranceMade(
                utterance=number,
                text=speech.text,
                group=door.attempt.group,
                attempt=door.attempt.id,
                requested_at=door.attempt.at,
                frames=len(speech.frames),
            )
            self._spoken.append((ledger.make(entry), speech))
        number = door.attempt.id
        self._delay = sampler(settings.speech_delay, settings.seed, number, "speech")()
        speed = query.speed if settings.speed_changes_audio else 1.0
        self._audio = list(_encoded(self._spoken, query.form, speed))
        self._header = b"" if empty else query.form.header

    @property
    def whole(self) -> bytes:
        """All of the body in one."""
        return self._header + b"".join(self._audio)

    def called_back(self, *, taken: bool) -> None:
        """Enter that the answer went to the client's address, or did not."""
        for (entry, _), audio in zip(self._spoken, self._audio, strict=True):
            entry.aborted = not taken
            entry.audio_bytes = len(audio) if taken else 0
        self._door.end("fake", aborted=not taken)

    async def send(self, headers: dict[str, str]) -> web.StreamResponse:
        """Send everything in its time; the ledger learns how far it came."""
        door = self._door
        response = web.StreamResponse(headers=headers)
        response.enable_chunked_encoding()
        opened = door.accept()
        complete = False
        try:
            async with door.interruption(lambda _: door.drop()):
                await self._until(opened + self._delay)
                await door.answer()
                await response.prepare(door.request)
                await self._send_audio(response)
                if door.silent:
                    await door.hold()
                await response.write_eof()
                complete = True
        except (ConnectionError, ClientConnectionResetError):
            pass  # told apart below: the client left, or a fault ended it
        finally:
            for (entry, _), audio in zip(self._spoken, self._audio, strict=True):
                entry.aborted = not complete and entry.audio_bytes < len(audio)
            by = "fake" if complete else "client"
            door.end(by, aborted=not complete)
        return response

    async def _send_audio(self, response: web.StreamResponse) -> None:
        due = time.monotonic()
        for (entry, speech), audio in zip(self._spoken, self._audio, strict=True):
            if not audio:
                continue
            bytes_a_second = len(audio) / speech.seconds
            size = max(2, int(self._settings.chunk_seconds * bytes_a_second))
            size -= size % self._query.form.width
            for at in range(0, len(audio), size):
                await self._until(due)
                if self._door.silent:
                    return
                piece = audio[at : at + size]
                await self._send_piece(response, entry, piece)
                due += len(piece) / bytes_a_second * self._seconds_a_second

    async def _send_piece(
        self, response: web.StreamResponse, entry: UtteranceMade, piece: bytes
    ) -> None:
        attempt, now = self._door.attempt, time.monotonic()
        attempt.first_answer_at = attempt.first_answer_at or now
        entry.first_audio_at = entry.first_audio_at or now
        await response.write(self._header + piece)
        self._door.sent()
        self._header = b""
        entry.last_audio_at = time.monotonic()
        entry.audio_bytes += len(piece)
        attempt.audio_bytes += len(piece)

    async def _until(self, due: float) -> None:
        wait = due - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
