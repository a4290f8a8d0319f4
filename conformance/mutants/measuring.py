"""Bugs in what the agent says of itself."""

from __future__ import annotations

import json
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conformance.mutants._registry import mutant
from voiceutils.agent.call import AgentCall
from voiceutils.agent.settings import AgentSettings
from voiceutils.performance_metrics import PerformanceMetrics

_MODEL, _SPEECH = "llm_time_to_first_token_ms", "tts_time_to_first_byte_ms"


class _Retold(AgentCall):
    """Tells something else of its turns."""

    def retold(self, turns: list[dict[str, float]]) -> list[dict[str, float]]:
        """Return what is told."""
        return turns

    def summary(self) -> dict[str, object]:
        told = [dict(turn) for turn in self.turn_metrics]
        return {"call_sid": self.call_sid, "turns": self.retold(told)}


@mutant
class MeasuresTheFirstTurnOnly(_Retold):
    """Measures the first request of a call.

    https://github.com/pipecat-ai/pipecat/issues/3451
    """

    def retold(self, turns: list[dict[str, float]]) -> list[dict[str, float]]:
        return turns[:1]


@mutant
class ReportsTheFirstValueAgain(_Retold):
    """Does not reset its figures between turns.

    https://github.com/pipecat-ai/pipecat/pull/3822
    """

    def retold(self, turns: list[dict[str, float]]) -> list[dict[str, float]]:
        return [turns[0] for _ in turns]


@mutant
class MeasuresFromTheFirstTurn(_Retold):
    """Sets the start of the clock once, and never again.

    https://github.com/deepgram/deepgram-twilio-streaming-voice-agent
    """

    def retold(self, turns: list[dict[str, float]]) -> list[dict[str, float]]:
        return [
            turn | {_MODEL: turn.get(_MODEL, 0.0) + 4000.0 * number}
            for number, turn in enumerate(turns)
        ]


@mutant
class MixesTheFiguresOfCalls(AgentCall):
    """Has one stop-watch for all calls.

    https://github.com/deepgram/deepgram-twilio-streaming-voice-agent
    """

    _shared: PerformanceMetrics | None = None

    @property
    def metrics(self) -> PerformanceMetrics:
        shared = type(self)
        shared._shared = shared._shared or PerformanceMetrics()
        return shared._shared

    @metrics.setter
    def metrics(self, fresh: PerformanceMetrics) -> None:
        type(self)._shared = fresh


@mutant
class MeasuresSpeechFromTheQuestion(_Retold):
    """Starts the clock of speech when it asks the model.

    https://github.com/livekit/agents/pull/1431
    """

    def retold(self, turns: list[dict[str, float]]) -> list[dict[str, float]]:
        total = "time_to_first_audio_ms"
        return [turn | {_SPEECH: turn.get(total, 0.0)} for turn in turns]


@mutant
class CountsEndedCallsAsOpen(AgentCall):
    """Counts calls up, and down only after a polite end.

    https://github.com/livekit/agents/pull/4823
    """

    @staticmethod
    def served(_: AgentSettings, app: ASGIApp) -> ASGIApp:
        opened = 0

        async def counting(scope: Scope, receive: Receive, send: Send) -> None:
            nonlocal opened
            opened += scope["type"] == "websocket"

            async def changed(message: Message) -> None:
                if message["type"] == "http.response.start":
                    message["headers"] = [
                        pair
                        for pair in message["headers"]
                        if pair[0] != b"content-length"
                    ]
                elif message["type"] == "http.response.body":
                    told: dict[str, Any] = json.loads(message["body"])
                    body = json.dumps(told | {"open_calls": opened})
                    message["body"] = body.encode()
                await send(message)

            metrics = scope["type"] == "http" and scope["path"].endswith("/metrics")
            await app(scope, receive, changed if metrics else send)

        return counting
