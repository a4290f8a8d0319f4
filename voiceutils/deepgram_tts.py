"""Speech by Deepgram over streaming REST, as raw phone audio.

``POST /v1/speak`` with ``container=none``; without it mu-law comes with a WAV header,
heard as a click (https://developers.deepgram.com/docs/tts-media-output-settings).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from random import Random

import httpx

from voiceutils._http import (
    authorization,
    checked_key,
    failed,
    http_base,
    new_client,
    refused,
    within,
)
from voiceutils.errors import ProviderError
from voiceutils.mulaw import SAMPLE_RATE
from voiceutils.retry import with_retry

__all__ = ["DeepgramTTSService", "WavHeader"]

_PROVIDER = "Deepgram TTS"
_ERROR_BYTES = 4096  # read of an error body


class DeepgramTTSService:
    """Turns text into mu-law audio at 8000 Hz; one instance may serve many calls.

    Args:
        api_key: sent as ``Authorization: Token ...``, never logged.
        url: base address, ``http(s)://`` or ``ws(s)://``.
        model: the voice.
        client: connection pool to share; its owner closes it.
        first_byte_deadline: seconds from request to first audio, each attempt.
        gap_deadline: seconds between one piece of audio and the next.
        max_retries: attempts in all, before the first audio only.
        initial_delay: before the second attempt, in seconds.
        total_limit: seconds within which attempts may begin.
        sleep: waits between attempts.
        random: source of jitter.
        clock: monotonic seconds, for ``total_limit``.
    """

    def __init__(
        self,
        api_key: str,
        *,
        url: str = "https://api.deepgram.com",
        model: str = "aura-2-thalia-en",
        client: httpx.AsyncClient | None = None,
        first_byte_deadline: float = 3.0,
        gap_deadline: float = 3.0,
        max_retries: int = 3,
        initial_delay: float = 0.25,
        total_limit: float | None = 4.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api_key = checked_key(api_key, "the Deepgram key")
        self._url = f"{http_base(url)}/v1/speak"
        self._model = model
        self._client = client or new_client()
        self._owns_client = client is None
        self._first_byte_deadline = first_byte_deadline
        self._gap_deadline = gap_deadline
        self._max_retries = max_retries
        self._initial_delay = initial_delay
        self._total_limit = total_limit
        self._sleep = sleep
        self._random = random
        self._clock = clock

    async def close(self) -> None:
        """Close the connection pool, unless it was given."""
        if self._owns_client:
            await self._client.aclose()

    async def speak(self, text: str, *, tag: str = "") -> AsyncGenerator[bytes, None]:
        """Yield the audio of a text as it arrives, in pieces of any length.

        Args:
            text: at most 2000 characters are accepted by Deepgram.
            tag: shown in Deepgram's usage report; the call SID, say.

        Raises:
            ProviderError: refused, failed, or no audio at all.
            RetriesExhausted: every attempt failed before the first audio.
            DeadlineExceeded: audio stopped coming.
        """
        stream = await with_retry(
            lambda: self._begin(text, tag),
            max_retries=self._max_retries,
            initial_delay=self._initial_delay,
            max_delay=2.0,
            operation_name="Deepgram TTS",
            jitter="equal",
            total_limit=self._total_limit,
            retry_on=_worth_retrying,
            sleep=self._sleep,
            random=self._random,
            clock=self._clock,
        )
        try:
            yield stream.first
            while (piece := await stream.next(self._gap_deadline)) is not None:
                yield piece
        finally:
            await stream.close()

    async def _begin(self, text: str, tag: str) -> _AudioStream:
        """Make one attempt, up to and including the first audio."""
        stream = _AudioStream()
        try:
            await within(
                self._request(stream, text, tag),
                self._first_byte_deadline,
                "the first audio from Deepgram",
            )
        except BaseException:
            await stream.close()
            raise
        return stream

    async def _request(self, stream: _AudioStream, text: str, tag: str) -> None:
        query = {
            "model": self._model,
            "encoding": "mulaw",
            "sample_rate": str(SAMPLE_RATE),
            "container": "none",
        }
        if tag:
            query["tag"] = tag
        await stream.open(
            self._client,
            self._client.build_request(
                "POST",
                self._url,
                params=query,
                json={"text": text},
                headers=authorization("Token", self._api_key),
            ),
            self._api_key,
        )


class _AudioStream:
    """One answer of /v1/speak that is known to be audio; ``first`` is never empty."""

    def __init__(self) -> None:
        self.first = b""
        self._stack = AsyncExitStack()
        self._pieces: AsyncIterator[bytes] = _nothing()
        self._header = WavHeader()

    async def open(
        self, client: httpx.AsyncClient, request: httpx.Request, secret: str
    ) -> None:
        """Send the request and wait for the first audio."""
        try:
            response = await client.send(request, stream=True)
            self._stack.push_async_callback(response.aclose)
            kind = response.headers.get("content-type", "")
            if response.status_code != 200 or not _is_audio(kind):
                body = await _beginning(response)
                raise refused(
                    _PROVIDER,
                    response.status_code,
                    response.headers,
                    body or f"content type {kind}".encode(),
                    secret=secret,
                )
            self._pieces = response.aiter_bytes()
            self.first = await self._next_audio()
        except httpx.HTTPError as error:
            raise failed(_PROVIDER, error) from None
        if not self.first:
            raise ProviderError("Deepgram TTS sent no audio")

    async def next(self, deadline: float) -> bytes | None:
        """Return more audio, or None at the end."""
        try:
            piece = await within(
                self._next_audio(), deadline, "more audio from Deepgram"
            )
        except httpx.HTTPError as error:
            raise failed(_PROVIDER, error) from None
        return piece or None

    async def _next_audio(self) -> bytes:
        async for piece in self._pieces:
            audio = self._header.strip(piece)
            if audio:
                return audio
        return self._header.rest()

    async def close(self) -> None:
        await self._stack.aclose()


class WavHeader:
    """Removes a RIFF/WAVE header that a server sends although asked not to.

    Audio that does not begin with one passes unchanged, in any chunking.
    """

    def __init__(self) -> None:
        self._held = b""
        self._done = False

    def strip(self, piece: bytes) -> bytes:
        """Return the audio in a piece; empty while the header is incomplete."""
        if self._done:
            return piece
        self._held += piece
        start = _audio_start(self._held)
        if start is None:
            return b""
        self._done = True
        audio, self._held = self._held[start:], b""
        return audio

    def rest(self) -> bytes:
        """Return what was held back at the end; a bare header is no audio."""
        held, self._held = self._held, b""
        return b"" if held.startswith(b"RIFF") else held


def _audio_start(data: bytes) -> int | None:
    """Return where the audio begins, or None if more bytes are needed to tell."""
    marks = data[:4] + data[8:12]
    if not b"RIFFWAVE".startswith(marks):
        return 0
    at = 12
    while len(data) >= at + 8:
        if data[at : at + 4] == b"data":
            return at + 8
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return None


def _is_audio(content_type: str) -> bool:
    return content_type.startswith(("audio/", "application/octet-stream"))


async def _beginning(response: httpx.Response) -> bytes:
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) >= _ERROR_BYTES:
            break
    return body


def _worth_retrying(error: Exception) -> bool:
    # A stalled request has already cost the caller seconds of silence.
    return isinstance(error, ProviderError) and error.retryable


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""
