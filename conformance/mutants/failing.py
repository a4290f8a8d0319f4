"""Bugs in what is made of odd messages and odd answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from contextlib import aclosing
from typing import Any

from conformance.mutants._registry import mutant
from conformance.mutants.turns import impatient_never
from voiceutils.agent.call import AgentCall
from voiceutils.errors import VoiceError
from voiceutils.wire.twilio import FromTwilio, Start


class _Endless(AgentCall):
    """Waits for its own reply without a limit."""

    def __init__(self, settings: Any, *arguments: Any) -> None:
        super().__init__(impatient_never(settings, "reply", "mark"), *arguments)


@mutant
class TakesNoAudioForSuccess(_Endless):
    """Takes an answer without a byte of audio for a sentence that was spoken.

    https://github.com/pipecat-ai/pipecat/pull/4973
    """

    async def speak_sentence(self, turn: int, number: int, text: str) -> None:
        try:
            await super().speak_sentence(turn, number, text)
        except VoiceError:
            await asyncio.sleep(3600.0)  # for the playback that never begins


@mutant
class DiesWithTheModelsStream(_Endless):
    """Has one task for all replies, which dies of the first exception.

    Exceptions swallowed in the background:
    https://github.com/vocodedev/vocode-core/issues/38
    """

    _dead = False

    async def reply(self, turn: int, making: Coroutine[Any, Any, None]) -> None:
        if self._dead:
            making.close()
            return
        try:
            await making
        except VoiceError:
            self._dead = True
            return
        self.obey(self.turns.reply_ended(turn, self.now()))


@mutant
class SilentOnAnEmptyReply(_Endless):
    """Takes a reply without text for a reply that was given.

    https://github.com/huggingface/speech-to-speech/issues/461
    """

    async def answer(self, turn: int) -> None:
        pieces = self.chat.reply(self.turns.messages(), user=self.call_sid)
        async with aclosing(pieces):
            text = "".join([piece async for piece in pieces])
        if text.strip():
            await self.say(turn, text)
        else:
            await asyncio.sleep(3600.0)


@mutant
class SwallowsItsDeafness(AgentCall):
    """Logs that it cannot hear, and stays.

    A call connected in silence: https://github.com/dograh-hq/dograh/issues/627
    """

    async def listen(self) -> None:
        try:
            await self.connect_recogniser()
        except VoiceError as failure:
            self.report(str(failure))
            return
        async with aclosing(self.recogniser.events()) as events:
            async for event in events:
                self.on_recognised(event)


_FIELDS = {"event", "sequenceNumber", "streamSid", "media", "mark", "dtmf", "start"}


@mutant
class RejectsUnknownFields(AgentCall):
    """Checks messages against a schema that allows nothing new.

    https://www.twilio.com/docs/voice/media-streams/websocket-messages
    """

    def decode(self, text: str) -> FromTwilio | None:
        try:
            fields = set(json.loads(text))
        except ValueError:
            fields = set()
        known = _FIELDS | {"stop", "protocol", "version"}
        return super().decode(text) if fields <= known else None


@mutant
class EndsAtAGapInTheNumbers(AgentCall):
    """Takes a gap in the sequence numbers for an attack, and leaves.

    https://www.twilio.com/docs/voice/media-streams/websocket-messages
    """

    _last = 0

    def decode(self, text: str) -> FromTwilio | None:
        message = super().decode(text)
        number = int(getattr(message, "sequence_number", 0) or 0)
        if self._last and number and number != self._last + 1:
            self.end_call(1011)
        self._last = number or self._last
        return message


@mutant
class BeginsAgainAtEveryStart(AgentCall):
    """Sets a call up for every ``start``.

    https://github.com/pipecat-ai/pipecat/pull/4774
    """

    async def on_message(self, message: FromTwilio) -> None:
        if isinstance(message, Start):
            self.on_start(message.start)
        else:
            await super().on_message(message)
