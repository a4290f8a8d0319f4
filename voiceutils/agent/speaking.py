"""The half of a call that speaks: turns are made, sent and marked here.

The other half, which listens and decides, is :mod:`voiceutils.agent.call`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import aclosing
from typing import Any

from voiceutils import mulaw
from voiceutils.agent.commands import Command
from voiceutils.agent.line import Line
from voiceutils.agent.sentences import SentenceSplitter
from voiceutils.agent.settings import AgentSettings
from voiceutils.agent.turns import Turns
from voiceutils.chat import ChatModel
from voiceutils.deepgram_tts import DeepgramTTSService
from voiceutils.errors import DeadlineExceeded, ProviderError, VoiceError
from voiceutils.performance_metrics import PerformanceMetrics
from voiceutils.twilio_calls import TwilioCalls

__all__ = ["FAILED", "NORMAL", "SpeakingCall"]

logger = logging.getLogger(__name__)

NORMAL, FAILED = 1000, 1011  # close codes
# Key, balance, rights: it is not about the text, so an apology would meet the same.
_DENIED = (401, 402, 403)


class SpeakingCall(ABC):
    """What one call needs to speak.

    Args:
        settings: how to behave.
        chat: the model, shared by all calls.
        speech: the voice, shared by all calls.
        send: sends one text message on the media socket.
        calls: ends calls over REST; None leaves it at closing the socket.

    Attributes:
        close_code: how the media socket ought to be closed.
        parameters: what the TwiML gave the stream.
        metrics: of the turn that is going on.
        turn_metrics: of all turns that were answered.
    """

    def __init__(
        self,
        settings: AgentSettings,
        chat: ChatModel,
        speech: DeepgramTTSService,
        send: Callable[[str], Awaitable[None]],
        calls: TwilioCalls | None = None,
    ) -> None:
        self.settings = settings
        self.chat = chat
        self.speech = speech
        self.calls = calls
        self.close_code = NORMAL
        self.call_sid = ""
        self.stream_sid = ""
        self.parameters: Mapping[str, str] = {}
        self.metrics = PerformanceMetrics()
        self.turn_metrics: list[dict[str, float]] = []

        parts = calls is not None
        self.turns = Turns(settings.phrases, settings.patience, parts=parts)
        self.line = Line(send, "", settings.send_deadline)
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._reported: set[str] = set()
        self._is_mute = False  # the voice refuses us whatever we say

    @abstractmethod
    def obey(self, commands: list[Command]) -> None:
        """Carry out what the turn machine commands."""

    @abstractmethod
    def set_timer(self) -> None:
        """Have the turn machine called when it wants to be."""

    # --- making a turn ------------------------------------------------------------

    async def reply(self, turn: int, making: Coroutine[Any, Any, None]) -> None:
        """Make a turn and report how it went."""
        try:
            await making
        except VoiceError as failure:
            self.report(f"turn {turn} failed: {failure}")
            self.obey(self.turns.reply_failed(turn, self.now(), mute=self._is_mute))
        else:
            self.obey(self.turns.reply_ended(turn, self.now()))

    async def say(self, turn: int, text: str) -> None:
        """Speak a fixed text."""
        splitter = SentenceSplitter()
        sentences = [*splitter.feed(text), splitter.flush()]
        for number, sentence in enumerate(filter(None, sentences), 1):
            await self.speak_sentence(turn, number, sentence)

    async def answer(self, turn: int) -> None:
        """Ask the model and speak each sentence as soon as it is complete.

        While a sentence is being spoken the model's next ones wait in its socket.
        """
        splitter = SentenceSplitter()
        number = 0
        self.metrics = PerformanceMetrics()
        self.metrics.start_llm()
        pieces = self.chat.reply(self.turns.messages(), user=self.call_sid)
        async with aclosing(pieces):
            async for piece in pieces:
                self.metrics.track_llm_first_token()
                for sentence in splitter.feed(piece):
                    number += 1
                    await self.speak_sentence(turn, number, sentence)
        if rest := splitter.flush():
            await self.speak_sentence(turn, number + 1, rest)
        self.turn_metrics.append(dict(self.metrics.get_metrics()))

    async def speak_sentence(self, turn: int, number: int, text: str) -> None:
        """Send the audio of a sentence as it comes, whole frames at a time."""
        self.metrics.start_tts()
        rest = b""
        audio = self.speech.speak(text, tag=self.call_sid)
        try:
            async with aclosing(audio):
                async for piece in audio:
                    self.metrics.track_first_audio_byte()
                    rest += piece
                    whole = len(rest) - len(rest) % mulaw.FRAME_BYTES
                    if whole:
                        await self.send_audio(turn, rest[:whole])
                        rest = rest[whole:]
        except ProviderError as refusal:
            self._is_mute = refusal.status in _DENIED
            raise
        if rest:
            padding = mulaw.SILENCE_FRAME[len(rest) :]
            await self.send_audio(turn, rest + padding)
        self.send_mark(turn, f"{turn}.{number}", text)

    async def send_audio(self, turn: int, audio: bytes) -> None:
        """Send audio of a turn, unless the turn is over."""
        await self.line.room()
        if self.turns.may_speak(turn):
            self.line.audio(audio)
            self.turns.audio_sent(turn, len(audio), self.now())
            self.set_timer()

    def send_mark(self, turn: int, name: str, text: str) -> None:
        """Ask Twilio to tell when the sentence has been played."""
        if self.turns.may_speak(turn):
            self.line.mark(name)
            self.turns.sentence_sent(turn, name, text)

    # --- leaving ------------------------------------------------------------------

    def hang_up(self) -> None:
        """Leave the call: after a good-bye, a failure or a time limit."""
        if self.calls is None:
            self.end_call(NORMAL)
        else:
            self.spawn(self.hang_up_over_rest(self.calls), "hang-up")

    async def hang_up_over_rest(self, calls: TwilioCalls) -> None:
        """Have Twilio end the call; where that fails, the socket's end has to do."""
        try:
            await calls.hang_up(self.call_sid)
        except VoiceError as failure:
            self.report(f"Twilio did not hang up: {failure}")
        self.end_call(NORMAL)

    def end_call(self, code: int) -> None:
        """Make ``run`` return; the media socket is then closed with the code."""
        if not self._ended.done():
            self.close_code = code
            self._ended.set_result(None)

    # --- tasks and log ------------------------------------------------------------

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run part of the call; if it breaks, the call ends and the log says why."""
        task = asyncio.create_task(work, name=f"{name} of {self.call_sid}")
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if isinstance(error, DeadlineExceeded | OSError):
            self.report(f"{task.get_name()}: {error}")
        else:
            logger.error("%s broke", task.get_name(), exc_info=error)
        self.end_call(FAILED)

    def report(self, what: str, *, once: str = "") -> None:
        """Log a problem of this call; of each kind with ``once`` only the first."""
        if once and once in self._reported:
            return
        self._reported.add(once)
        logger.warning("call %s: %s", self.call_sid or "without start", what)

    def now(self) -> float:
        """Return monotonic seconds."""
        return time.monotonic()
