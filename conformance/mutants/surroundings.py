"""Bugs of agents that judge by loudness."""

from __future__ import annotations

import asyncio
from typing import Any

from conformance.mutants._registry import mutant
from voiceutils import mulaw
from voiceutils.agent.call import AgentCall
from voiceutils.agent.table import Happening
from voiceutils.mulaw import SILENCE
from voiceutils.wire.deepgram_listen import Results

_LOUD = 1000.0  # mean amplitude; speech at its usual level lies above


class _Loudness(AgentCall):
    """Counts frames that are louder than line noise, and frames that are not."""

    loud = quiet = 0

    async def on_media(self, audio: bytes) -> None:
        voiced = mulaw.is_voiced(audio)
        self.loud = self.loud + 1 if voiced else 0
        self.quiet = 0 if voiced else self.quiet + 1
        await super().on_media(audio)


@mutant
class GatesOutWhatIsNotLoud(AgentCall):
    """Sends silence in place of what is below a threshold.

    14 dB of a closed lid, and 40 minutes of empty transcripts:
    https://github.com/open-jarvis/OpenJarvis/issues/519
    """

    async def on_media(self, audio: bytes) -> None:
        if mulaw.level(audio) < _LOUD:
            audio = bytes([SILENCE]) * len(audio)
        await super().on_media(audio)


@mutant
class StopsForAnySound(_Loudness):
    """Is interrupted by 100 ms of anything loud.

    Coughs and door slams: https://github.com/getpaseo/paseo/issues/112
    """

    async def on_media(self, audio: bytes) -> None:
        await super().on_media(audio)
        if self.loud >= 5:
            self.obey(self.turns._happened(Happening.VOICE, self.now()))


@mutant
class WaitsUntilItIsQuiet(_Loudness):
    """Takes a turn for ended after half a second of silence, words or not.

    End of speech is never found in a noisy flat:
    https://github.com/HeyWillow/willow/issues/113
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._is_quiet = asyncio.Event()

    async def on_media(self, audio: bytes) -> None:
        await super().on_media(audio)
        if self.quiet >= 25:
            self._is_quiet.set()
        else:
            self._is_quiet.clear()

    async def answer(self, turn: int) -> None:
        await self._is_quiet.wait()
        await super().answer(turn)


@mutant
class AnswersAnySound(_Loudness):
    """Asks the model what to say to a second of sound without words.

    Hold music got in the way of the person who came back:
    https://github.com/pipecat-ai/pipecat-flows/pull/192
    """

    def on_recognised(self, event: object) -> None:
        super().on_recognised(event)  # type: ignore[arg-type]
        if isinstance(event, Results) and event.channel.alternatives[0].transcript:
            self.loud = 0

    async def on_media(self, audio: bytes) -> None:
        await super().on_media(audio)
        if self.loud == 50:
            self.turns._utterance.add("[music]")
            self.obey(self.turns._happened(Happening.FINISHED, self.now()))
