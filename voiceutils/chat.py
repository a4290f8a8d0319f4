"""A language model that speaks chat completions, streamed piece by piece."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from random import Random

import httpx

from voiceutils._http import (
    authorization,
    checked_key,
    failed,
    new_client,
    refused,
    within,
)
from voiceutils.errors import ProviderError, WireError
from voiceutils.retry import with_retry
from voiceutils.wire import encode
from voiceutils.wire.chat import Message, Request, decode_event

__all__ = ["ChatModel", "Message"]

_PROVIDER = "the model"
_LONGEST_LINE = 1 << 20  # a line without end is not a stream of events


class ChatModel:
    """Asks a model for replies; one instance may serve many calls.

    Args:
        api_key: sent as ``Authorization: Bearer ...``, never logged.
        url: base address, as ``OPENAI_BASE_URL`` means it (ends in ``/v1``).
        model: which one.
        client: connection pool to share; its owner closes it.
        first_token_deadline: seconds from request to first text, each attempt.
        token_deadline: seconds between one event of the stream and the next.
        max_retries: attempts in all, before the stream begins only.
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
        url: str = "https://api.openai.com/v1",
        model: str = "gpt-4o-mini",
        client: httpx.AsyncClient | None = None,
        first_token_deadline: float = 5.0,
        token_deadline: float = 5.0,
        max_retries: int = 3,
        initial_delay: float = 0.25,
        total_limit: float | None = 4.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api_key = checked_key(api_key, "the model's key")
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._model = model
        self._client = client or new_client()
        self._owns_client = client is None
        self._first_token_deadline = first_token_deadline
        self._token_deadline = token_deadline
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

    async def reply(
        self, messages: Iterable[Message], *, user: str | None = None
    ) -> AsyncGenerator[str, None]:
        """Yield the reply as it is made; closing the iterator stops the model.

        Args:
            messages: the conversation so far.
            user: who asks, for the provider's records; the call SID, say.

        Raises:
            ProviderError: refused, failed, or the stream was cut or malformed.
            RetriesExhausted: every attempt failed before the stream began.
            DeadlineExceeded: no text, or no more text, in time.
        """
        request = Request(self._model, tuple(messages), stream=True, user=user)
        stream = await with_retry(
            lambda: self._begin(encode(request).encode()),
            max_retries=self._max_retries,
            initial_delay=self._initial_delay,
            max_delay=2.0,
            operation_name="model request",
            jitter="equal",
            total_limit=self._total_limit,
            retry_on=_worth_retrying,
            sleep=self._sleep,
            random=self._random,
            clock=self._clock,
        )
        try:
            if stream.first:
                yield stream.first
            while (text := await stream.next(self._token_deadline)) is not None:
                if text:
                    yield text
        finally:
            await stream.close()

    async def _begin(self, body: bytes) -> _TextStream:
        """Make one attempt, up to and including the first text."""
        request = self._client.build_request(
            "POST",
            self._url,
            content=body,
            headers={
                **authorization("Bearer", self._api_key),
                "Content-Type": "application/json",
            },
        )
        stream = _TextStream(self._client, self._api_key)
        try:
            await within(
                stream.open(request),
                self._first_token_deadline,
                "the first text from the model",
            )
        except BaseException:
            await stream.close()
            raise
        return stream


class _TextStream:
    """One streamed answer; ``first`` is its first text, empty if it has none."""

    def __init__(self, client: httpx.AsyncClient, secret: str) -> None:
        self.first = ""
        self._client = client
        self._secret = secret
        self._response: httpx.Response | None = None
        self._lines: AsyncIterator[str] | None = None
        self._finished = False

    async def open(self, request: httpx.Request) -> None:
        try:
            response = await self._client.send(request, stream=True)
            self._response = response
            if response.status_code != 200:
                body = await response.aread()
                raise refused(
                    _PROVIDER,
                    response.status_code,
                    response.headers,
                    body,
                    secret=self._secret,
                )
            self._lines = _lines(response.aiter_bytes())
            self.first = await self._next_text() or ""
        except httpx.HTTPError as error:
            raise failed(_PROVIDER, error) from None

    async def next(self, deadline: float) -> str | None:
        """Return more text, or None at the end."""
        try:
            return await within(self._next_text(), deadline, "more text from the model")
        except httpx.HTTPError as error:
            raise failed(_PROVIDER, error) from None

    async def _next_text(self) -> str | None:
        assert self._lines is not None
        async for line in self._lines:
            if line.startswith("data:") and line[5:].strip() == "[DONE]":
                return None
            try:
                chunk = decode_event(line)
            except WireError as error:
                text = str(error).replace(self._secret or "\0", "***")
                raise ProviderError(f"the model's stream broke: {text}") from None
            if chunk is None:
                continue
            if chunk.choices and chunk.choices[0].finish_reason:
                self._finished = True
            if chunk.text:
                return chunk.text
        if not self._finished:
            raise ProviderError("the model's stream was cut")
        return None

    async def close(self) -> None:
        if self._response is not None:
            await self._response.aclose()


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Yield lines; unlike ``str.splitlines``, only a line feed ends one.

    A model may well write U+2028 or U+0085 inside a JSON string.
    """
    rest = b""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            raise ProviderError("the model's stream has a line without end")
        for line in whole:
            yield line.rstrip(b"\r").decode("utf-8", "replace")
    if rest:
        yield rest.decode("utf-8", "replace")


def _worth_retrying(error: Exception) -> bool:
    # A stalled request has already cost the caller seconds of silence.
    return isinstance(error, ProviderError) and error.retryable
