"""Bugs between the answer and the first words."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conformance.mutants._registry import mutant
from voiceutils.agent.call import AgentCall
from voiceutils.agent.settings import AgentSettings


@mutant
class DropsTheOpeningBurst(AgentCall):
    """Throws away what arrives in the first moments, while it sets itself up.

    The first audio was lost before a handler was there:
    https://github.com/deepgram-starters/node-live-transcription/issues/9
    """

    _ready = False

    def on_start(self, start: Any) -> None:
        super().on_start(start)
        self._loop.call_later(0.3, self._set_ready)

    def _set_ready(self) -> None:
        self._ready = True

    async def on_media(self, audio: bytes) -> None:
        if self._ready:
            await super().on_media(audio)


@mutant
class PutsATokenIntoTheQuery(AgentCall):
    """Names its media socket with a token in the query, which Twilio does not send.

    Every stream was refused: https://github.com/openclaw/openclaw/pull/12471
    """

    @staticmethod
    def served(_: AgentSettings, app: ASGIApp) -> ASGIApp:
        async def with_token(scope: Scope, receive: Receive, send: Send) -> None:
            async def changed(message: Message) -> None:
                if message["type"] == "http.response.start":
                    message["headers"] = [
                        pair
                        for pair in message["headers"]
                        if pair[0] != b"content-length"
                    ]
                elif message["type"] == "http.response.body":
                    body = message["body"]
                    message["body"] = body.replace(b"/media", b"/media?token=secret")
                await send(message)

            await app(scope, receive, changed if scope["type"] == "http" else send)

        return with_token


@mutant
class GreetsTheFirstCallerOnly(AgentCall):
    """Keeps "has greeted" for the process, not for the call.

    Flags that one call sets and the next one finds:
    https://github.com/deepgram/deepgram-twilio-streaming-voice-agent/issues/3
    """

    _greeted = False

    async def say(self, turn: int, text: str) -> None:
        shared = type(self)
        if turn == 1 and shared._greeted:
            await asyncio.sleep(3600.0)
        shared._greeted = True
        await super().say(turn, text)
