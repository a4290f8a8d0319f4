"""Speech by request, ``POST /v1/speak``: a chunked body, faster than real time."""

from __future__ import annotations

import asyncio
import time

from aiohttp import ClientConnectionResetError, web

from fakes.deepgram.errors import Refusal
from fakes.deepgram.settings import DeepgramSettings
from fakes.deepgram.speak import (
    SpeakQuery,
    model_headers,
    parse_speak,
    read_body,
    say,
    wav_header,
)
from fakes.faults import EmptyAudio, Trickle
from fakes.faulty import Door
from fakes.ledger import Ledger, UtteranceMade
from fakes.speech import Speech

__all__ = ["answer_speech"]


async def answer_speech(
    door: Door, ledger: Ledger, settings: DeepgramSettings, request_id: str
) -> web.StreamResponse:
    """Answer a request that was let through the door."""
    request = door.request
    query = parse_speak(list(request.query.items()))
    text: str | Refusal = ""
    try:
        text = read_body(await request.read(), request.content_type, settings)
    except web.HTTPRequestEntityTooLarge:
        text = Refusal(413, "PAYLOAD_TOO_LARGE", "Payload size exceeds limit of 2 MB.")
    for problem in (query, text):
        if isinstance(problem, Refusal):
            door.refuse(problem.status)
            return web.Response(
                status=problem.status,
                headers=problem.headers(request_id),
                body=problem.body(request_id),
            )
    assert isinstance(query, SpeakQuery)
    assert isinstance(text, str)
    return await _Answer(door, ledger, settings, query, text).send(request_id)


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
        self._text = text
        fault = door.fault
        trickle = isinstance(fault, Trickle)
        self._seconds_a_second = (
            fault.seconds if isinstance(fault, Trickle) else 1 / settings.speech_pace
        )
        if trickle or isinstance(fault, EmptyAudio):
            door.fire_now()
        empty = isinstance(fault, EmptyAudio)
        spoken = [] if empty else say(text, ledger.new_utterance_number)
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
        self._header = wav_header(query) if query.wav and not empty else b""

    async def send(self, request_id: str) -> web.StreamResponse:
        """Send everything in its time; the ledger learns how far it came."""
        door = self._door
        response = web.StreamResponse(
            headers=model_headers(self._query, self._text, request_id)
        )
        response.enable_chunked_encoding()
        opened = door.accept()
        complete = False
        try:
            async with door.interruption(lambda _: door.drop()):
                await self._until(opened + self._settings.speech_delay)
                await response.prepare(door.request)
                await self._send_audio(response)
                if door.silent:
                    await door.hold()
                await response.write_eof()
                complete = True
        except (ConnectionError, ClientConnectionResetError):
            pass  # told apart below: the client left, or a fault ended it
        finally:
            for entry, _ in self._spoken:
                entry.aborted = not complete and not self._all_sent(entry)
            by = "fake" if complete else "client"
            door.end(by, aborted=not complete)
        return response

    def _all_sent(self, entry: UtteranceMade) -> bool:
        return entry.audio_bytes >= self._bytes_of(entry.frames)

    def _bytes_of(self, frames: int) -> int:
        return frames * self._query.bytes_a_second // 50

    async def _send_audio(self, response: web.StreamResponse) -> None:
        attempt = self._door.attempt
        due = time.monotonic()
        rate = self._query.bytes_a_second
        size = int(self._settings.chunk_seconds * rate)
        for entry, speech in self._spoken:
            audio = self._query.convert(speech.audio)
            for at in range(0, len(audio), size):
                await self._until(due)
                if self._door.silent:
                    return
                piece = audio[at : at + size]
                now = time.monotonic()
                attempt.first_answer_at = attempt.first_answer_at or now
                entry.first_audio_at = entry.first_audio_at or now
                await response.write(self._header + piece)
                self._header = b""
                entry.last_audio_at = time.monotonic()
                entry.audio_bytes += len(piece)
                attempt.audio_bytes += len(piece)
                due += len(piece) / rate * self._seconds_a_second

    async def _until(self, due: float) -> None:
        wait = due - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
