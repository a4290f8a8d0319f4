"""Bugs with what calls share."""

from __future__ import annotations

import asyncio
from typing import Any

from conformance.mutants._registry import mutant
from voiceutils.agent.call import AgentCall
from voiceutils.deepgram_stt import DeepgramSTTService


@mutant
class SharesOneRecogniser(AgentCall):
    """Hands one link from its pool to two calls.

    https://github.com/livekit/agents/pull/3705
    """

    _pool: DeepgramSTTService | None = None
    _owner: AgentCall | None = None

    async def on_media(self, audio: bytes) -> None:
        shared = type(self)
        if shared._pool is None or shared._owner is None or shared._owner._ended.done():
            shared._pool, shared._owner = self.recogniser, self
        await shared._pool.send_audio(audio)


@mutant
class DropsTheOlderCall(AgentCall):
    """Has room for one client, which is always the newest one.

    https://github.com/pipecat-ai/pipecat/pull/4774
    """

    _current: AgentCall | None = None

    def on_start(self, start: Any) -> None:
        shared = type(self)
        older, shared._current = shared._current, self
        if older is not None:
            older.end_call(1000)
        super().on_start(start)


@mutant
class StopsEveryoneAtAHangUp(AgentCall):
    """Resets the state of all calls when one of them ends.

    https://github.com/deepgram/deepgram-twilio-streaming-voice-agent
    """

    _all: set[AgentCall] = set()  # noqa: RUF012 - the bug

    async def run(self) -> None:
        self._all.add(self)
        try:
            await super().run()
        finally:
            self._all.discard(self)
            for other in self._all:
                other.cancel_reply()
                other.clear_playout()


@mutant
class GreetsOneAfterAnother(AgentCall):
    """Makes speech for one caller at a time.

    Lag from the second or third call on: https://github.com/pipecat-ai/pipecat/issues/764
    """

    _lock: asyncio.Lock | None = None

    async def speak_sentence(self, turn: int, number: int, text: str) -> None:
        shared = type(self)
        shared._lock = shared._lock or asyncio.Lock()
        async with shared._lock:
            await super().speak_sentence(turn, number, text)
            await asyncio.sleep(0.5)


@mutant
class ForgetsWhenAnotherCallEnds(AgentCall):
    """Resets what all calls remember when one of them ends, "for the next call".

    Conversation state in variables of the module:
    https://github.com/deepgram/deepgram-twilio-streaming-voice-agent/issues/3
    """

    _all: set[AgentCall] = set()  # noqa: RUF012 - the bug

    async def run(self) -> None:
        self._all.add(self)
        try:
            await super().run()
        finally:
            self._all.discard(self)
            for other in self._all:
                other.turns._history.clear()
