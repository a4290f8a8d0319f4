"""Bugs between the caller's mouth and the recogniser."""

from __future__ import annotations

import asyncio
from typing import Any

from conformance.mutants._registry import mutant
from voiceutils._listen_session import ListenSession
from voiceutils.agent.call import AgentCall
from voiceutils.audio_buffer import AudioBuffer
from voiceutils.deepgram_stt import DeepgramSTTService


@mutant
class GreetsAfterTheRecogniser(AgentCall):
    """Greets when the recogniser is there, and not before.

    Four to five seconds of silence after the answer:
    https://github.com/pipecat-ai/pipecat/issues/5100
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._connected = asyncio.Event()

    async def say(self, turn: int, text: str) -> None:
        await self._connected.wait()
        await super().say(turn, text)

    async def connect_recogniser(self) -> None:
        await super().connect_recogniser()
        self._connected.set()


@mutant
class DropsAudioWhileConnecting(AgentCall):
    """Throws caller audio away until the link is open.

    Half a second lost on every call: https://github.com/pipecat-ai/pipecat/pull/5241
    """

    async def on_media(self, audio: bytes) -> None:
        if self.recogniser.is_connected:
            await super().on_media(audio)


@mutant
class SendsAudioTwice(AgentCall):
    """Sends buffered audio again with what follows.

    Flush returned the buffer and kept it:
    https://github.com/livekit/agents/pull/2663
    """

    _frames = 0

    async def on_media(self, audio: bytes) -> None:
        await super().on_media(audio)
        self._frames += 1
        if self._frames % 10 == 0:
            await super().on_media(audio)


@mutant
class DropsTheTail(AgentCall):
    """Forwards full buffers only, so that the last 400 ms are never heard.

    The buffer's rest is left behind at ``stop``:
    https://github.com/deepgram-devs/sts-twilio
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._held = AudioBuffer(3200)

    async def on_media(self, audio: bytes) -> None:
        for full in self._held.add(audio):
            await super().on_media(full)


@mutant
class Buffers400Ms(AgentCall):
    """Sends audio to the recogniser in messages of twenty frames.

    Above the 20 to 250 ms that Deepgram advises:
    https://developers.deepgram.com/docs/measuring-streaming-latency
    """

    def build_recogniser(self, call_sid: str) -> DeepgramSTTService:
        recogniser = super().build_recogniser(call_sid)
        recogniser._session = ListenSession(buffer_size=3200)
        return recogniser


@mutant
class EndsOnAMalformedMessage(AgentCall):
    """Leaves its reading loop at the first message that it cannot read.

    ``except: break`` around the loop: https://github.com/deepgram-devs/sts-twilio
    """

    def report(self, what: str, *, once: str = "") -> None:
        super().report(what, once=once)
        if once == "malformed":
            self.end_call(1011)


@mutant
class DeclaresAnotherEncoding(AgentCall):
    """Tells the recogniser that mu-law is linear audio.

    Parameters that do not fit the audio:
    https://github.com/tempo-riz/deepgram_speech_to_text/issues/7
    """

    def build_recogniser(self, call_sid: str) -> DeepgramSTTService:
        recogniser = super().build_recogniser(call_sid)
        recogniser.url = recogniser.url.replace("mulaw", "linear16")
        return recogniser


@mutant
class DeafWhileGreeting(AgentCall):
    """Does not listen before its greeting has been played.

    What was said meanwhile was gone: https://github.com/livekit/agents/pull/869
    """

    _greeted = False

    def on_mark(self, name: str) -> None:
        super().on_mark(name)
        self._greeted = self._greeted or not self.turns.is_unplayed

    async def on_media(self, audio: bytes) -> None:
        if self._greeted:
            await super().on_media(audio)


@mutant
class TranscribesItself(AgentCall):
    """Sends both directions of the call to the recogniser.

    It answered its own words: https://github.com/openclaw/openclaw/issues/16341
    """

    async def send_audio(self, turn: int, audio: bytes) -> None:
        await super().send_audio(turn, audio)
        await self.on_media(audio)


@mutant
class DropsWhatComesInBursts(AgentCall):
    """Takes audio that comes faster than it plays for a backlog, and drops it.

    Backlogs are real, and so are bursts: https://github.com/asterisk/asterisk/issues/2115
    """

    _expected = 0.0

    async def on_media(self, audio: bytes) -> None:
        now = self.now()
        if self._expected > now + 0.2:
            return
        self._expected = max(self._expected, now) + len(audio) / 8000
        await super().on_media(audio)


@mutant
class FlushesAnEmptyBuffer(AgentCall):
    """Flushes its audio buffer at each mark, and sends what it gets, nothing included.

    Deepgram takes an empty message for the end:
    https://developers.deepgram.com/docs/close-stream
    """

    def on_mark(self, name: str) -> None:
        super().on_mark(name)
        self.recogniser._session._add_audio(b"")
        self.recogniser._something_to_send.set()
