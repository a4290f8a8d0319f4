"""Bugs in turn taking."""

from __future__ import annotations

import dataclasses
from typing import Any

from conformance.mutants._registry import mutant
from voiceutils.agent.call import AgentCall
from voiceutils.agent.settings import AgentSettings
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
