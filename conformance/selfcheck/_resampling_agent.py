"""An agent that resamples: 16 or 24 kHz to the recogniser, 24 kHz and back to Twilio.

Many frameworks work at one rate inside. Interpolates linearly, as the simplest of them
do, and keeps what it needs of one frame for the next.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from voiceutils import mulaw
from voiceutils._listen_session import ListenSession
from voiceutils.agent.call import AgentCall
from voiceutils.agent.server import build_app
from voiceutils.agent.settings import AgentSettings
from voiceutils.deepgram_stt import DeepgramSTTService
from voiceutils.mulaw import SAMPLE_RATE

__all__ = ["Resampling16k", "Resampling24k", "serving"]


class _Interpolation:
    """Makes ``times`` samples of each, on the line from the one before to it."""

    def __init__(self, times: int) -> None:
        self._times = times
        self._before = 0

    def __call__(self, samples: list[int]) -> list[int]:
        wide = []
        before, times = self._before, self._times
        for sample in samples:
            step = (sample - before) / times
            wide += [round(before + step * at) for at in range(1, times + 1)]
            before = sample
        self._before = before
        return wide


class Resampling16k(AgentCall):
    """The reference agent, with a resampler in front of its ear and of its mouth."""

    rate = 16_000

    def build_recogniser(self, call_sid: str) -> DeepgramSTTService:
        recogniser = super().build_recogniser(call_sid)
        url = recogniser.url.replace("encoding=mulaw", "encoding=linear16")
        recogniser.url = url.replace(f"={SAMPLE_RATE}", f"={self.rate}")
        # 100 ms a message, as before.
        recogniser._session = ListenSession(buffer_size=self.rate // 10 * 2)
        self._up = _Interpolation(self.rate // SAMPLE_RATE)
        self._out = _Interpolation(3)
        return recogniser

    async def on_media(self, audio: bytes) -> None:
        samples = self._up(mulaw.decode(audio))
        await super().on_media(struct.pack(f"<{len(samples)}h", *samples))

    async def send_audio(self, turn: int, audio: bytes) -> None:
        # Every third sample, and not those that were there before.
        await super().send_audio(
            turn, mulaw.encode(self._out(mulaw.decode(audio))[1::3])
        )


class Resampling24k(Resampling16k):
    """The same at the rate of most speech models."""

    rate = 24_000


@asynccontextmanager
async def serving(
    call_class: type[AgentCall], settings: AgentSettings
) -> AsyncIterator[str]:
    """Serve an agent on a free port; gives its voice webhook."""
    app = build_app(settings, call_class)
    config = uvicorn.Config(app, log_level="error", ws="websockets-sansio")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # Who connects before the server is up waits in the backlog.
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/voice"
        finally:
            server.should_exit = True
            await task
