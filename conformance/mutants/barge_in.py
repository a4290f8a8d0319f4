"""Bugs with interruptions, marks and clear."""

from __future__ import annotations

import asyncio
from typing import Any

from conformance.mutants._registry import mutant
from voiceutils.agent.call import AgentCall
from voiceutils.agent.playing import Sentence
from voiceutils.wire.deepgram_listen import Results


@mutant
class SendsNoClear(AgentCall):
    """Stops generating, and leaves what Twilio has queued.

    The caller hears seconds of it: https://github.com/pipecat-ai/pipecat/issues/366
    """

    def clear_playout(self) -> None:
        pass


@mutant
class KeepsStreamingAfterClear(AgentCall):
    """Clears once, and goes on sending the old reply.

    Old audio after the clear: https://github.com/pipecat-ai/pipecat/pull/4145
    """

    def cancel_reply(self) -> None:
        self._reply = None

    async def send_audio(self, turn: int, audio: bytes) -> None:
        if self.turns.may_speak(turn):
            await super().send_audio(turn, audio)
        else:
            await self.line.room()
            self.line.audio(audio)


@mutant
class DeafOnceAllIsSent(AgentCall):
    """Takes "all is sent" for "all is heard" and cannot be interrupted afterwards.

    9.5 s of speech pushed in 0.85 s: https://github.com/shaswat28/streamdouble
    """

    _was_making = False

    def cancel_reply(self) -> None:
        self._was_making = self._reply is not None and not self._reply.done()
        super().cancel_reply()

    def clear_playout(self) -> None:
        if self._was_making:
            super().clear_playout()


@mutant
class CountsMarksOfAClearedReply(AgentCall):
    """Counts every mark that returns, also those that a clear sent back.

    The count is then too low for the next reply, whose interruption is ignored:
    https://github.com/twilio-samples/speech-assistant-openai-realtime-api-node/issues/33
    """

    _outstanding = 0

    def send_mark(self, turn: int, name: str, text: str) -> None:
        if self.turns.may_speak(turn):
            self._outstanding += 1
        super().send_mark(turn, name, text)

    def on_mark(self, name: str) -> None:
        self._outstanding -= 1
        super().on_mark(name)

    def clear_playout(self) -> None:
        if self._outstanding > 0:
            self._outstanding = 0
            super().clear_playout()


@mutant
class DeafUntilMarksReturn(AgentCall):
    """Discards the caller's audio until the mark of its own speech has returned.

    A mark that is lost ends the conversation:
    https://github.com/livekit/agents/pull/3917
    """

    _outstanding = 0

    def send_mark(self, turn: int, name: str, text: str) -> None:
        self._outstanding += 1
        super().send_mark(turn, name, text)

    def on_mark(self, name: str) -> None:
        self._outstanding -= 1
        super().on_mark(name)

    async def on_media(self, audio: bytes) -> None:
        if self._outstanding <= 0:
            await super().on_media(audio)


@mutant
class DoesNotCancelTheModel(AgentCall):
    """Clears the playout and lets the model go on.

    Only Twilio is told: https://github.com/twilio-labs/call-gpt/issues/20
    """

    def cancel_reply(self) -> None:
        self._reply = None


@mutant
class InterruptsEveryCaller(AgentCall):
    """Keeps one ``speaking`` flag for all calls.

    A word on one line silences the others:
    https://github.com/deepgram/deepgram-twilio-streaming-voice-agent
    """

    _all: set[AgentCall] = set()  # noqa: RUF012 - the bug

    async def run(self) -> None:
        self._all.add(self)
        try:
            await super().run()
        finally:
            self._all.discard(self)

    def on_recognised(self, event: object) -> None:
        super().on_recognised(event)  # type: ignore[arg-type]
        for other in self._all - {self}:
            other.cancel_reply()
            if other.turns.is_unplayed:
                other.clear_playout()


@mutant
class AnswersTheLastCaller(AgentCall):
    """Keeps what the caller said in a variable that all calls share.

    One caller's data reached another:
    https://github.com/deepgram/deepgram-twilio-streaming-voice-agent/issues/3
    """

    _latest: AgentCall | None = None

    async def answer(self, turn: int) -> None:
        shared = type(self)
        shared._latest = self
        await asyncio.sleep(0.5)  # a slow look-up, say
        own = self.turns.messages
        self.turns.messages = shared._latest.turns.messages  # type: ignore[method-assign]
        if shared._latest is self:
            self.turns.messages = own  # type: ignore[method-assign]
        try:
            await super().answer(turn)
        finally:
            self.turns.messages = own  # type: ignore[method-assign]


@mutant
class PlaysToTheFirstStream(AgentCall):
    """Keeps the stream's sid in a variable that is set once.

    Every later call is silent:
    https://github.com/deepgram/deepgram-twilio-streaming-voice-agent/issues/13
    """

    _first = ""

    def on_start(self, start: object) -> None:
        super().on_start(start)  # type: ignore[arg-type]
        shared = type(self)
        shared._first = shared._first or self.stream_sid
        self.line._stream_sid = shared._first


@mutant
class OneNameForAllMarks(AgentCall):
    """Sends one mark a reply, all with the same name, and believes the first to return.

    https://github.com/twilio-samples/speech-assistant-openai-realtime-api-python
    """

    def on_mark(self, name: str) -> None:
        self.turns._remember(self.turns._playing.overdue())
        self.obey(self.turns._perhaps_played(self.now()))


@mutant
class RemembersWhatWasCleared(AgentCall):
    """Takes the marks that ``clear`` sends back for "played".

    History then has what nobody heard: https://github.com/bolna-ai/bolna/pull/984
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._sent: list[Sentence] = []

    def clear_playout(self) -> None:
        super().clear_playout()
        self.turns._remember(self._sent)
        self._sent = []

    def send_mark(self, turn: int, name: str, text: str) -> None:
        super().send_mark(turn, name, text)
        self._sent = [*self._sent, Sentence(name, turn, text)]

    def on_mark(self, name: str) -> None:
        self._sent = [one for one in self._sent if one.mark != name]
        super().on_mark(name)


@mutant
class CannotBeInterruptedWhileGreeting(AgentCall):
    """Takes no interruption before it has greeted.

    https://github.com/livekit/agents/pull/667
    """

    def on_recognised(self, event: object) -> None:
        if self.turns._turn > 1 or not self.turns.is_unplayed:
            super().on_recognised(event)  # type: ignore[arg-type]


@mutant
class ClearsAtEveryInterim(AgentCall):
    """Sends a clear with every interim result, whether anything plays or not.

    https://github.com/deepgram/deepgram-twilio-streaming-voice-agent
    """

    def on_recognised(self, event: object) -> None:
        super().on_recognised(event)  # type: ignore[arg-type]
        if isinstance(event, Results) and event.transcript and not event.is_final:
            self.line.clear()


@mutant
class DoesNotCancelSpeech(AgentCall):
    """Lets the speech request of an interrupted reply run to its end.

    https://github.com/livekit/agents/pull/5703
    """

    async def speak_sentence(self, turn: int, number: int, text: str) -> None:
        await asyncio.shield(
            self.spawn(super().speak_sentence(turn, number, text), f"speech {number}")
        )
