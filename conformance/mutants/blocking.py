"""Bugs that stop the event loop; their cases run them in processes of their own."""

from __future__ import annotations

import time

import httpx

from conformance.mutants._registry import mutant
from voiceutils.agent.call import AgentCall
from voiceutils.deepgram_stt import DeepgramSTTService


async def _blocking_sleep(seconds: float) -> None:
    time.sleep(max(1.5, seconds))  # noqa: ASYNC251 - the bug


@mutant
class SleepsInItsRetry(AgentCall):
    """Waits for its next attempt with ``time.sleep``.

    Whole machines stood still: https://github.com/BasedHardware/omi/issues/5577
    """

    def build_recogniser(self, call_sid: str) -> DeepgramSTTService:
        recogniser = super().build_recogniser(call_sid)
        recogniser._sleep = _blocking_sleep
        return recogniser


@mutant
class BlocksWhileTheModelThinks(AgentCall):
    """Asks the model with a client that blocks.

    An outage of hours: https://github.com/BasedHardware/omi/issues/6020
    """

    async def answer(self, turn: int) -> None:
        asked = [
            {"role": message.role, "content": message.text}
            for message in self.turns.messages()
        ]
        with httpx.Client(trust_env=False, timeout=10.0) as client:
            answer = client.post(  # noqa: ASYNC212 - the bug
                f"{self.settings.model_url}/chat/completions",
                json={"model": "m", "messages": asked, "user": self.call_sid},
            )
        await self.say(turn, answer.json()["choices"][0]["message"]["content"])
