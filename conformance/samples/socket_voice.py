r"""The reference agent with its voice over a WebSocket: one /v1/speak for each call.

::

    pytest conformance/agent \
        --agent-command 'python -m conformance.samples.socket_voice'
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed

from conformance.samples._reference import serve_variant
from voiceutils._http import websocket_base
from voiceutils._listen_link import Link, described, open_websocket, opened_link
from voiceutils.agent.call import AgentCall
from voiceutils.agent.settings import AgentSettings
from voiceutils.errors import ProviderError
from voiceutils.mulaw import SAMPLE_RATE
from voiceutils.wire import encode
from voiceutils.wire.deepgram_speak import (
    Flush,
    Flushed,
    Speak,
    SpeakWarning,
    decode_from_speak,
)

_GAP_SECONDS = 3.0


class SocketVoice:
    """Speaks one call's sentences in turn; a socket with unwanted audio is dropped.

    Args:
        settings: where the service is.
    """

    def __init__(self, settings: AgentSettings) -> None:
        self._settings = settings
        self._link: Link | None = None

    async def speak(self, text: str, *, tag: str = "") -> AsyncGenerator[bytes, None]:
        """Yield the audio of a sentence; the first failure is made good by a retry."""
        heard = False
        try:
            async for piece in self._attempt(text, tag):
                heard = True
                yield piece
        except ProviderError as error:
            if heard or not error.retryable:
                raise
            await asyncio.sleep(0.25)
            async for piece in self._attempt(text, tag):
                yield piece

    async def _attempt(self, text: str, tag: str) -> AsyncGenerator[bytes, None]:
        link = self._link = self._link or await self._opened(tag)
        done = False
        try:
            await link.send(encode(Speak(text)))
            await link.send(encode(Flush()))
            while not done:
                async with asyncio.timeout(_GAP_SECONDS):
                    message = await link.recv()
                if isinstance(message, bytes):
                    yield message
                else:
                    done = isinstance(
                        decode_from_speak(message), Flushed | SpeakWarning
                    )
        except (ConnectionClosed, OSError, TimeoutError) as error:
            raise ProviderError(f"no speech: {described(error)}") from None
        finally:
            if not done:
                await self.close()

    async def _opened(self, tag: str) -> Link:
        settings = self._settings
        query: dict[str, object] = {"model": settings.voice, "encoding": "mulaw"}
        query |= {"sample_rate": SAMPLE_RATE, "tag": tag}
        url = f"{websocket_base(settings.deepgram_url)}/v1/speak?{urlencode(query)}"
        return await opened_link(open_websocket, url, settings.deepgram_key)

    async def close(self) -> None:
        """Leave nothing open."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()


class SocketVoiceCall(AgentCall):
    """Has a voice of its own, which ends with it."""

    def __init__(self, settings: AgentSettings, *arguments: Any) -> None:
        super().__init__(settings, *arguments)
        self.speech: Any = SocketVoice(settings)

    async def close(self) -> None:
        await super().close()
        await self.speech.close()


if __name__ == "__main__":
    sys.exit(serve_variant(SocketVoiceCall))
