"""Bugs between the speech service and the caller's ear."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx

from conformance.mutants._registry import mutant
from voiceutils.agent.call import AgentCall
from voiceutils.agent.settings import AgentSettings
from voiceutils.chat import ChatModel
from voiceutils.deepgram_tts import DeepgramTTSService
from voiceutils.twilio_calls import TwilioCalls


@mutant
class DropsTheEndOfAReply(AgentCall):
    """Sends audio in full 400 ms buffers and forgets the rest of each sentence.

    The last fraction of every reply was never played:
    https://github.com/pipecat-ai/pipecat/pull/4993
    """

    _rest = b""

    async def send_audio(self, turn: int, audio: bytes) -> None:
        self._rest += audio
        whole = len(self._rest) - len(self._rest) % 3200
        if whole:
            await super().send_audio(turn, self._rest[:whole])
            self._rest = self._rest[whole:]

    def send_mark(self, turn: int, name: str, text: str) -> None:
        self._rest = b""
        super().send_mark(turn, name, text)


@mutant
class SpeaksSentencesOutOfOrder(AgentCall):
    """Asks for all sentences at once and plays them as they come back.

    Later, shorter sentences overtake: https://github.com/pipecat-ai/pipecat/pull/4075
    """

    async def answer(self, turn: int) -> None:
        self._speaking: list[asyncio.Task[None]] = []
        await super().answer(turn)
        await asyncio.gather(*self._speaking)

    async def speak_sentence(self, turn: int, number: int, text: str) -> None:
        if turn == 1:
            await super().speak_sentence(turn, number, text)
            return
        late = self._overtaken(turn, number, text)
        self._speaking.append(self.spawn(late, f"sentence {number}"))

    async def _overtaken(self, turn: int, number: int, text: str) -> None:
        if number == 1:
            await asyncio.sleep(1.0)
        await super().speak_sentence(turn, number, text)


class _UncheckedSpeech(AgentCall):
    """Plays whatever the speech service answers."""

    container = "none"

    async def speak_sentence(self, turn: int, number: int, text: str) -> None:
        settings = self.settings
        query = {
            "model": settings.voice,
            "encoding": "mulaw",
            "sample_rate": "8000",
            "tag": self.call_sid,
        }
        if self.container:
            query["container"] = self.container
        async with (
            httpx.AsyncClient(trust_env=False) as client,
            client.stream(
                "POST",
                f"{settings.deepgram_url}/v1/speak",
                params=query,
                json={"text": text},
                headers={"Authorization": f"Token {settings.deepgram_key}"},
            ) as answer,
        ):
            async for piece in answer.aiter_bytes():
                await self.send_audio(turn, piece)
        self.send_mark(turn, f"{turn}.{number}", text)


@mutant
class AsksForAFile(_UncheckedSpeech):
    """Does not say ``container=none`` and plays the WAV header.

    A click before every sentence: https://github.com/twilio-labs/call-gpt/issues/33
    """

    container = ""


@mutant
class PlaysTheErrorBody(_UncheckedSpeech):
    """Does not look at the status of a speech request.

    The JSON of a refusal was played: https://github.com/twilio-labs/call-gpt/issues/18
    """


@mutant
class MisspellsPayload(AgentCall):
    """Sends ``playload`` instead of ``payload``.

    Ignored by Twilio with error 31951, silently for the caller:
    https://techqa.club/v/q/how-to-use-twilio-bi-directional-stream-feature-to-play-raw-audio-data-64060090
    """

    def __init__(
        self,
        settings: AgentSettings,
        chat: ChatModel,
        speech: DeepgramTTSService,
        receive: Callable[[], Awaitable[str | None]],
        send: Callable[[str], Awaitable[None]],
        calls: TwilioCalls | None = None,
    ) -> None:
        async def misspell(text: str) -> None:
            await send(text.replace('"payload"', '"playload"'))

        super().__init__(settings, chat, speech, receive, misspell, calls)


@mutant
class StopsAfterEightSeconds(AgentCall):
    """Has a buffer of eight seconds for each reply, and drops what does not fit.

    Replies were cut at their end: https://github.com/pipecat-ai/pipecat/pull/4964
    """

    _turn = 0
    _sent = 0

    async def send_audio(self, turn: int, audio: bytes) -> None:
        if turn != self._turn:
            self._turn, self._sent = turn, 0
        self._sent += len(audio)
        if self._sent <= 8 * 8000:
            await super().send_audio(turn, audio)


@mutant
class PadsEveryPiece(AgentCall):
    """Fills every piece of speech up to 400 ms with silence.

    A buffer of fixed size behind a stream of any size:
    https://github.com/openai/openai-agents-python/pull/1926
    """

    async def send_audio(self, turn: int, audio: bytes) -> None:
        await super().send_audio(turn, audio + b"\xff" * (-len(audio) % 3200))


@mutant
class PacesBySleeping(AgentCall):
    """Sends a frame and sleeps for a frame, so that every wake-up adds to the gap.

    The line starves: https://github.com/openclaw/openclaw/issues/119070
    """

    async def send_audio(self, turn: int, audio: bytes) -> None:
        for at in range(0, len(audio), 160):
            await super().send_audio(turn, audio[at : at + 160])
            await asyncio.sleep(0.025)


@mutant
class WaitsForTheWholeReply(AgentCall):
    """Speaks when the model has finished, not before.

    Three to four seconds of silence: https://github.com/twilio-labs/call-gpt/issues/14
    """

    async def answer(self, turn: int) -> None:
        whole = "".join(
            [
                piece
                async for piece in self.chat.reply(
                    self.turns.messages(), user=self.call_sid
                )
            ]
        )
        await self.say(turn, whole)
