"""Bugs in turn taking."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

from conformance.mutants._registry import mutant
from voiceutils.agent.call import AgentCall
from voiceutils.agent.settings import AgentSettings
from voiceutils.agent.table import Happening, State
from voiceutils.chat import Message
from voiceutils.deepgram_stt import ListenEvent
from voiceutils.wire.deepgram_listen import Results, UtteranceEnd

_FOR_EVER = 1e9


def impatient_never(settings: AgentSettings, *limits: str) -> AgentSettings:
    """Return the settings with some of the conversation's time limits taken away."""
    changes: dict[str, Any] = dict.fromkeys(limits, _FOR_EVER)
    patience = dataclasses.replace(settings.patience, **changes)
    return dataclasses.replace(settings, patience=patience)


@mutant
class AnswersTwice(AgentCall):
    """Takes both speech_final and UtteranceEnd for the end of a turn.

    Two answers to one utterance: https://github.com/bolna-ai/bolna/pull/284
    """

    _turn = 0

    async def answer(self, turn: int) -> None:
        self._turn = turn
        await super().answer(turn)

    def on_recognised(self, event: ListenEvent) -> None:
        super().on_recognised(event)
        if isinstance(event, UtteranceEnd) and self._turn:
            self.spawn(super().answer(self._turn), "second answer")


@mutant
class KeepsOnlyTheLastFinal(AgentCall):
    """Lets each final replace the one before.

    Only the last piece is answered: https://github.com/utsavk1993/wren/issues/54
    """

    def on_recognised(self, event: ListenEvent) -> None:
        if isinstance(event, Results) and event.is_final and event.transcript:
            self.turns._utterance._finals.clear()
        super().on_recognised(event)


@mutant
class WaitsForTheFinal(AgentCall):
    """Waits for a final without a limit.

    With mu-law some never came:
    https://github.com/deepgram/deepgram-js-sdk/issues/343
    """

    def __init__(self, settings: AgentSettings, *arguments: object) -> None:
        limitless = impatient_never(settings, "final", "finalize", "words")
        super().__init__(limitless, *arguments)  # type: ignore[arg-type]

    def on_recognised(self, event: ListenEvent) -> None:
        if not isinstance(event, UtteranceEnd):
            super().on_recognised(event)


@mutant
class IgnoresWordsWhileThinking(AgentCall):
    """Drops what is said between the end of a turn and its reply.

    https://github.com/pipecat-ai/pipecat/pull/4938
    """

    def on_recognised(self, event: ListenEvent) -> None:
        if self.turns.state is not State.THINKING:
            super().on_recognised(event)


@mutant
class AnswersInterimsAndFinals(AgentCall):
    """Answers an interim that stood still for a while, and its final once more.

    https://github.com/pipecat-ai/pipecat/pull/4057
    """

    _patience: asyncio.TimerHandle | None = None
    _early = ""

    def on_recognised(self, event: ListenEvent) -> None:
        if isinstance(event, Results) and event.transcript:
            if self._patience is not None:
                self._patience.cancel()
                self._patience = None
            if not event.is_final:
                self._early = event.transcript
                self._patience = self._loop.call_later(0.6, self._answer_early)
        super().on_recognised(event)

    def _answer_early(self) -> None:
        pieces = self.chat.reply([Message("user", self._early)], user=self.call_sid)

        async def ask() -> None:
            async for _ in pieces:
                pass

        self.spawn(ask(), "early answer")


@mutant
class AnswersSilence(AgentCall):
    """Takes an empty result for an end of speech, and asks the model.

    https://github.com/pipecat-ai/pipecat/pull/4042
    """

    def on_recognised(self, event: ListenEvent) -> None:
        super().on_recognised(event)
        quiet = isinstance(event, Results) and event.is_final and not event.transcript
        if quiet and self.turns.state is State.LISTENING:
            self.obey(self.turns._happened(Happening.FINISHED, self.now()))


@mutant
class TrustsEveryFinal(AgentCall):
    """Collects finals as they come and asks at each ``speech_final``.

    Two answers to one utterance: https://github.com/livekit/agents/pull/548
    """

    def on_recognised(self, event: ListenEvent) -> None:
        if isinstance(event, Results) and event.is_final:
            self.turns._utterance._answered_until = 0.0
        super().on_recognised(event)


@mutant
class NeedsSpeechStarted(AgentCall):
    """Stops speaking at SpeechStarted only.

    A turn without one is not noticed: https://github.com/livekit/agents/pull/4396
    """

    def on_recognised(self, event: ListenEvent) -> None:
        if isinstance(event, Results) and self.turns.state is State.SPEAKING:
            return
        super().on_recognised(event)


@mutant
class SaysOldTextAgain(AgentCall):
    """Does not clear what was said when it has been answered.

    The next turn begins with it: https://github.com/twilio-labs/call-gpt
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        utterance = self.turns._utterance
        take, said = utterance.take, []

        def take_all() -> str:
            said.append(take())
            return " ".join(said)

        utterance.take = take_all  # type: ignore[method-assign]


@mutant
class HangsUpAtAKey(AgentCall):
    """Does not know the message of a key, and leaves.

    An unknown event ended the loop: https://github.com/deepgram-devs/sts-twilio
    """

    def on_dtmf(self, digit: str) -> None:
        self.end_call(1011)


@mutant
class StopsSpeakingForGoodAtAKey(AgentCall):
    """Cancels its reply at a key and never finds back into the conversation.

    A cancelled step that the turn still waits for:
    https://github.com/pipecat-ai/pipecat/pull/3542
    """

    _stuck = False

    def on_dtmf(self, digit: str) -> None:
        self._stuck = True
        self.cancel_reply()
        self.clear_playout()

    async def answer(self, turn: int) -> None:
        if self._stuck:
            await asyncio.sleep(3600.0)
        await super().answer(turn)


@mutant
class IgnoresTheKeypad(AgentCall):
    """Takes no notice of keys.

    https://www.twilio.com/docs/voice/media-streams/websocket-messages
    """

    def on_dtmf(self, digit: str) -> None:
        pass


@mutant
class TakesEachKeyForATurn(AgentCall):
    """Answers every single key.

    https://www.twilio.com/docs/voice/media-streams/websocket-messages
    """

    def on_dtmf(self, digit: str) -> None:
        super().on_dtmf(digit)
        if digit != "#":
            super().on_dtmf("#")
