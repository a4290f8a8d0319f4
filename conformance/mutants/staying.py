"""Bugs that keep something of a call, or of a turn, that is over."""

from __future__ import annotations

import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conformance.mutants._registry import mutant
from voiceutils.agent.call import AgentCall
from voiceutils.agent.settings import AgentSettings


@mutant
class HoldsTheLineAfterItLeft(AgentCall):
    """Leaves by closing its socket, though its TwiML goes on when the stream is over.

    A ``Pause`` after ``Connect`` kept the caller in silence:
    https://github.com/dograh-hq/dograh/issues/627
    """

    def hang_up(self) -> None:
        self.end_call(1000)

    @staticmethod
    def served(_: AgentSettings, app: ASGIApp) -> ASGIApp:
        async def with_pause(scope: Scope, receive: Receive, send: Send) -> None:
            async def changed(message: Message) -> None:
                if message["type"] == "http.response.start":
                    message["headers"] = [
                        pair
                        for pair in message["headers"]
                        if pair[0] != b"content-length"
                    ]
                elif message["type"] == "http.response.body":
                    pause = b'</Connect><Pause length="40"/>'
                    message["body"] = message["body"].replace(b"</Connect>", pause)
                await send(message)

            await app(scope, receive, changed if scope["type"] == "http" else send)

        return with_pause


@mutant
class StaysWhenLeftInAnInterruption(AgentCall):
    """Loses the end of a call in the clean-up of an interruption.

    A cancelled frame was the last one that anybody waited for:
    https://github.com/pipecat-ai/pipecat/pull/3542
    """

    _interrupted_at = -1.0

    def clear_playout(self) -> None:
        self._interrupted_at = time.monotonic()
        super().clear_playout()

    async def close_recogniser(self) -> None:
        if time.monotonic() - self._interrupted_at > 2.0:
            await super().close_recogniser()


@mutant
class LoadsItsModelInTheFirstCall(AgentCall):
    """Makes ready what it needs when the first caller is there already.

    The first call after a start was slow: https://github.com/bolna-ai/bolna/pull/831
    """

    _loaded = False

    def on_start(self, start: Any) -> None:
        shared = type(self)
        if not shared._loaded:
            shared._loaded = True
            time.sleep(2.5)
        super().on_start(start)
