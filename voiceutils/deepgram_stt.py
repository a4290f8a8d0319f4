"""Live transcription by Deepgram for one call, over as many links as it takes.

:class:`DeepgramSTTService` is a driver: what is sent when is decided by
:class:`~voiceutils._listen_session.ListenSession`, how often a link is tried by
:func:`~voiceutils.retry.with_retry`, and by nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import TypeAlias, TypeVar

from websockets.exceptions import ConnectionClosed

from voiceutils._http import checked_key
from voiceutils._listen_link import (
    PHONE_PARAMETERS,
    Link,
    OpenLink,
    described,
    listen_url,
    open_websocket,
    opened_link,
)
from voiceutils._listen_session import (
    CHUNK_BYTES,
    KEEP_SECONDS,
    KEEPALIVE_SECONDS,
    ListenSession,
)
from voiceutils.backoff import Backoff, Jitter
from voiceutils.errors import NotConnected, ProviderError, VoiceError, WireError
from voiceutils.retry import with_retry
from voiceutils.wire import Unknown
from voiceutils.wire.deepgram_listen import FromListen

__all__ = ["DeepgramSTTService", "LinkLost", "LinkRestored", "ListenEvent"]

logger = logging.getLogger(__name__)

SEND_SECONDS = 10.0
# A link that ends sooner than this counts as a failed attempt: accept-then-close would
# otherwise be an endless loop without any delay.
LASTING_SECONDS = 2.0
MAX_EVENTS = 256


@dataclass(frozen=True)
class LinkLost:
    """The link to Deepgram ended unasked; audio is kept, a new one is being opened."""

    reason: str


@dataclass(frozen=True)
class LinkRestored:
    """A new link took over; times go on as if nothing had happened."""


ListenEvent: TypeAlias = FromListen | LinkLost | LinkRestored
T = TypeVar("T")


class DeepgramSTTService:
    """Transcribes one caller.

    Audio given before, between and during links is kept (bounded) and sent in order;
    :meth:`events` yields typed messages whose times count from the first audio given.

    Args:
        api_key: sent as ``Authorization: Token ...``, never logged.
        url: base address, ``ws(s)://`` or ``http(s)://``.
        parameters: query of ``/v1/listen``, over what a phone call needs.
        buffer_size: bytes of audio a message.
        keep_seconds: unsent audio kept while there is no link.
        keepalive_after: seconds without a message before KeepAlive.
        initial_delay: before the second attempt, in seconds.
        max_delay: no delay is longer.
        jitter: as in :func:`~voiceutils.retry.with_retry`; many calls lose their links
            in the same moment and must not come back in the same moment.
        total_limit: seconds within which attempts may begin; a provider that asks to
            wait longer is taken to refuse.
        open_link: opens one connection; replaced in tests.
        sleep: waits between attempts.
        random: source of jitter.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        api_key: str,
        *,
        url: str = "wss://api.deepgram.com",
        parameters: Mapping[str, object] | None = None,
        buffer_size: int = CHUNK_BYTES,
        keep_seconds: float = KEEP_SECONDS,
        keepalive_after: float = KEEPALIVE_SECONDS,
        initial_delay: float = 0.25,
        max_delay: float = 5.0,
        jitter: Jitter = "equal",
        total_limit: float | None = 20.0,
        open_link: OpenLink = open_websocket,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api_key = checked_key(api_key, "the Deepgram key")
        self.url = listen_url(url, {**PHONE_PARAMETERS, **(parameters or {})})
        self._session = ListenSession(
            buffer_size=buffer_size,
            keep_seconds=keep_seconds,
            keepalive_after=keepalive_after,
        )

        self._initial_delay = initial_delay
        # A provider that restarts drops all calls at once; they come back spread out.
        self._spread = Backoff(initial_delay, max_delay=max_delay, jitter="full")
        self._max_delay = max_delay
        self._jitter = jitter
        self._total_limit = total_limit
        self._attempts = 3
        self._backoff_factor = 1.5
        self._open_link = open_link
        self._sleep = sleep
        self._random = random or Random()
        self._clock = clock

        self._link: Link | None = None
        self._events: asyncio.Queue[ListenEvent | None] = asyncio.Queue(MAX_EVENTS)
        self._something_to_send = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False
        self._failure: VoiceError | None = None
        self._reported_drop = False

    @property
    def is_connected(self) -> bool:
        """Whether a link is open right now."""
        return self._session.is_open

    async def connect(self, max_retries: int = 3, backoff_factor: float = 1.5) -> None:
        """Open the first link; later ones follow by themselves under the same rule.

        Args:
            max_retries: attempts in all.
            backoff_factor: growth of the delay from attempt to attempt.

        Raises:
            ProviderError: Deepgram refused for good (401, 402, 403, 404, ...).
            RetriesExhausted: every attempt failed.
            NotConnected: the service was closed before.
        """
        if self._closed:
            raise NotConnected("the Deepgram STT service is closed; build a new one")
        self._attempts = max_retries
        self._backoff_factor = backoff_factor
        try:
            await self._retried(self._attempt_connection)
        except VoiceError as failure:
            self._end(failure)
            raise
        logger.info("connected to Deepgram STT")
        self._tasks = [
            asyncio.create_task(self._send_all(), name="Deepgram STT sender"),
            asyncio.create_task(self._serve(), name="Deepgram STT receiver"),
        ]

    async def send_audio(self, audio_chunk: bytes) -> None:
        """Take caller audio; never waits for the network.

        Raises:
            NotConnected: the service is closed, or no link could be had.
        """
        if self._closed or self._failure is not None:
            raise NotConnected("not connected to Deepgram STT")
        self._session.audio(audio_chunk)
        if self._session.dropped_bytes and not self._reported_drop:
            self._reported_drop = True
            logger.warning("Deepgram STT takes no audio; dropping the oldest")
        self._something_to_send.set()

    async def finalize(self) -> None:
        """Ask for a final of all audio given so far; an answer is not promised."""
        self._session.finalize()
        self._something_to_send.set()

    async def close(self, deadline: float = 1.0) -> None:
        """Send the tail and CloseStream, let Deepgram end the link, free everything.

        Args:
            deadline: seconds to wait for Deepgram's last words.
        """
        if self._closed:
            return
        self._closed = True
        if self._tasks and self._session.is_open:
            self._session.finish()
            self._something_to_send.set()
            _, pending = await asyncio.wait(self._tasks[1:], timeout=deadline)
            if pending:
                logger.warning("waited %g s for Deepgram STT to close", deadline)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._drop_link()
        self._end(self._failure)

    async def events(self) -> AsyncGenerator[ListenEvent, None]:
        """Yield what Deepgram says until the service is closed.

        Raises:
            VoiceError: the link was lost and could not be restored.
        """
        while (event := await self._events.get()) is not None:
            yield event
        if self._failure is not None:
            raise self._failure

    # --- one link -----------------------------------------------------------------

    async def _retried(self, attempt: Callable[[], Awaitable[T]]) -> T:
        return await with_retry(
            attempt,
            max_retries=self._attempts,
            initial_delay=self._initial_delay,
            backoff_factor=self._backoff_factor,
            max_delay=self._max_delay,
            operation_name="Deepgram STT Connection",
            jitter=self._jitter,
            total_limit=self._total_limit,
            clock=self._clock,
            sleep=self._sleep,
            random=self._random,
        )

    async def _attempt_connection(self) -> None:
        self._link = await opened_link(self._open_link, self.url, self._api_key)
        self._session.opened(self._clock())
        self._something_to_send.set()

    async def _hear_lasting_link(self) -> None:
        """Hear a link until it ends; one that ended soon was a failed attempt."""
        if self._link is None:
            await self._attempt_connection()
            await self._events.put(LinkRestored())
        opened = self._clock()
        reason = await self._hear()
        if self._closed:
            return
        logger.warning("lost the link to Deepgram STT: %s", reason)
        await self._events.put(LinkLost(reason))
        if self._clock() - opened < LASTING_SECONDS:
            raise ProviderError(f"Deepgram STT accepted and left: {reason}")

    async def _serve(self) -> None:
        """Hear one link after another until the service is closed or gives up."""
        try:
            await self._retried(self._hear_lasting_link)
            while not self._closed:
                await self._sleep(self._spread.delay(0, self._random.random()))
                await self._retried(self._hear_lasting_link)
        except VoiceError as failure:
            logger.error("Deepgram STT is gone: %s", failure)
            self._end(failure)
        else:
            self._end(None)

    async def _hear(self) -> str:
        """Pass on what the link says; return why it ended."""
        link = self._link
        assert link is not None
        try:
            while True:
                message = await link.recv()
                try:
                    event = self._session.receive(message)
                except WireError as error:
                    logger.warning("Deepgram STT sent a %s", error)
                    continue
                if not isinstance(event, Unknown):
                    await self._events.put(event)
        except (ConnectionClosed, OSError) as error:
            return described(error)
        finally:
            self._session.lost()
            await self._drop_link()

    async def _send_all(self) -> None:
        """Send whatever the session has, whenever there is a link."""
        while True:
            self._something_to_send.clear()
            link = self._link
            while link and (message := self._session.take(self._clock())) is not None:
                if not await self._sent(link, message):
                    break
            await self._wait_for_work()

    async def _sent(self, link: Link, message: str | bytes) -> bool:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await link.send(message)
        except (ConnectionClosed, OSError, TimeoutError):
            self._session.put_back(message)
            if self._link is link:  # the receiver ends with it and opens the next
                self._session.lost()
                await self._drop_link()
            return False
        return True

    async def _wait_for_work(self) -> None:
        due = self._session.next_timer()
        wait = None if due is None else max(0.0, due - self._clock())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._something_to_send.wait()
        self._session.on_timer(self._clock())

    async def _drop_link(self) -> None:
        link, self._link = self._link, None
        transport = getattr(link, "transport", None)
        if transport is not None:  # nothing more is wanted from this link
            transport.abort()
        elif link is not None:
            await link.close()

    def _end(self, failure: VoiceError | None) -> None:
        self._failure = failure
        if self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(None)
