"""Bugs at the end of a call, and of the process."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

from conformance.mutants._registry import mutant
from voiceutils.agent.call import AgentCall
from voiceutils.deepgram_stt import ListenEvent
from voiceutils.wire.twilio import FromTwilio, Stop

_orphans: set[asyncio.Task[None]] = set()


def _let_go(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Run something that belongs to no call."""
    task = asyncio.get_running_loop().create_task(work)
    _orphans.add(task)
    task.add_done_callback(_orphans.discard)
    return task


@mutant
class FinishesItsReplyAfterHangUp(AgentCall):
    """Makes a reply to its end, whether somebody listens or not.

    The call's end was not seen by the pipeline:
    https://github.com/pipecat-ai/pipecat/pull/4186
    """

    def begin_reply(self, turn: int, reply: Coroutine[Any, Any, None]) -> None:
        self._reply = _let_go(self.reply(turn, reply))

    async def close(self) -> None:
        self._reply = None
        await super().close()

    def set_timer(self) -> None:
        if not self._ended.done():
            super().set_timer()


@mutant
class AnswersWhoHasLeft(AgentCall):
    """Goes on with the conversation while it waits for the recogniser's last words.

    The call's end was not seen by the pipeline:
    https://github.com/pipecat-ai/pipecat/pull/4186
    """

    def on_recognised(self, event: ListenEvent) -> None:
        ended, self._ended = self._ended, self._loop.create_future()
        super().on_recognised(event)
        self._ended = ended


@mutant
class WaitsForTheClose(AgentCall):
    """Does not know ``stop`` and waits for the socket's end.

    https://github.com/deepgram/deepgram-twilio-streaming-voice-agent/issues/4
    """

    def decode(self, text: str) -> FromTwilio | None:
        message = super().decode(text)
        return None if isinstance(message, Stop) else message


@mutant
class SwallowsSigterm(AgentCall):
    """Takes SIGTERM for its own purposes during a call, and does not end.

    A deployment killed live calls: https://github.com/google/adk-python/issues/4876
    """

    def on_start(self, start: Any) -> None:
        signal.signal(signal.SIGTERM, lambda *_: None)
        super().on_start(start)


@mutant
class SpinsAfterTheCall(AgentCall):
    """Leaves a loop without a pause behind.

    100 % CPU after the call: https://github.com/pipecat-ai/pipecat/issues/2955
    """

    async def close(self) -> None:
        await super().close()

        async def spin() -> None:
            until = self._loop.time() + 30.0
            while self._loop.time() < until:  # noqa: ASYNC110 - the bug
                await asyncio.sleep(0)

        _let_go(spin())


@mutant
class LeavesWithoutAWord(AgentCall):
    """Drops the recogniser's link instead of closing the stream.

    https://developers.deepgram.com/docs/close-stream
    """

    async def close_recogniser(self) -> None:
        recogniser = self.recogniser
        recogniser._closed = True
        for task in recogniser._tasks:
            task.cancel()
        await recogniser._drop_link()
