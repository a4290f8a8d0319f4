"""One call: media socket, recogniser, model and speech, wired to the turn machine.

Nothing here is shared with another call but the two connection pools behind ``chat``
and ``speech``. Every method is small so that a variant can replace one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import Any

from voiceutils import mulaw
from voiceutils.agent.commands import (
    Answer,
    Cancel,
    Clear,
    Command,
    Finalize,
    HangUp,
    Say,
)
from voiceutils.agent.line import Line
from voiceutils.agent.settings import AgentSettings
from voiceutils.agent.speaking import FAILED, NORMAL, SpeakingCall
from voiceutils.chat import ChatModel
from voiceutils.deepgram_stt import (
    DeepgramSTTService,
    LinkLost,
    LinkRestored,
    ListenEvent,
)
from voiceutils.deepgram_tts import DeepgramTTSService
from voiceutils.errors import NotConnected, VoiceError, WireError
from voiceutils.twilio_calls import TwilioCalls
from voiceutils.wire import Unknown
from voiceutils.wire.twilio import (
    Connected,
    Dtmf,
    FromTwilio,
    Mark,
    Media,
    Start,
    StartBody,
    Stop,
    decode_from_twilio,
)

__all__ = ["AgentCall"]

_VOICED_FRAMES = 25  # half a second of voice without words is worth noticing
_SAMPLED = 8  # one byte in so many tells how loud a frame is


class AgentCall(SpeakingCall):
    """Answers one call; ``run`` returns when it is over and everything is closed.

    Args:
        settings: how to behave.
        chat: the model, shared by all calls.
        speech: the voice, shared by all calls.
        receive: returns the next text message of the media socket, None at its end.
        send: sends one.
        calls: ends calls over REST, shared by all; None leaves it at closing the
            socket.
    """

    def __init__(
        self,
        settings: AgentSettings,
        chat: ChatModel,
        speech: DeepgramTTSService,
        receive: Callable[[], Awaitable[str | None]],
        send: Callable[[str], Awaitable[None]],
        calls: TwilioCalls | None = None,
    ) -> None:
        super().__init__(settings, chat, speech, send, calls)
        self.recogniser = self.build_recogniser("")  # replaced when the call is known
        self._receive = receive
        self._send = send
        self._reply: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._voiced_frames = 0

    # --- the whole call -----------------------------------------------------------

    async def run(self) -> None:
        """Answer the call until Twilio ends it, or a failure or time limit does."""
        try:
            start = await self.await_start()
            if start is not None:
                self.on_start(start)
                await self._ended
        finally:
            await self.close()

    async def await_start(self) -> StartBody | None:
        """Return what Twilio says of the call, or None if it never does."""
        try:
            async with asyncio.timeout(self.settings.start_deadline):
                while (text := await self._receive()) is not None:
                    message = self.decode(text)
                    if isinstance(message, Start):
                        return message.start
        except TimeoutError:
            self.report("no start message came in time")
            self.close_code = 1008
        return None

    def on_start(self, start: StartBody) -> None:
        """Begin: greeting and recogniser start at once, neither waits for the other."""
        self.call_sid = start.call_sid
        self.stream_sid = start.stream_sid
        self.parameters = start.custom_parameters
        if start.media_format.encoding != "audio/x-mulaw":
            self.report(f"cannot speak {start.media_format.encoding!r}")
            self.end_call(FAILED)
            return
        self.recogniser = self.build_recogniser(self.call_sid)
        self.line = Line(self._send, self.stream_sid, self.settings.send_deadline)
        self.spawn(self.line.write(), "writer")
        self.spawn(self.follow(), "reader")
        self.spawn(self.listen(), "recogniser")
        self.obey(self.turns.start(self.now()))

    async def close(self) -> None:
        """Free everything of this call; providers get a moment for their last words."""
        self.cancel_reply()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self.close_recogniser()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- from Twilio --------------------------------------------------------------

    async def follow(self) -> None:
        """Take what Twilio sends until it stops, leaves or falls silent."""
        limit = self.settings.silence_limit
        try:
            async with asyncio.timeout(limit) as silence:
                while (text := await self._receive()) is not None:
                    silence.reschedule(self._loop.time() + limit)
                    message = self.decode(text)
                    if isinstance(message, Stop):
                        break
                    if message is not None:
                        await self.on_message(message)
        except TimeoutError:
            self.report(f"waited {limit:g} s for any message from Twilio")
            self.end_call(FAILED)
        self.end_call(NORMAL)

    def decode(self, text: str) -> FromTwilio | None:
        """Return a message, or None for one that is unknown, malformed or not ours."""
        try:
            message = decode_from_twilio(text)
        except WireError as error:
            self.report(f"Twilio sent a {error}", once="malformed")
            return None
        if isinstance(message, Unknown):
            self.report(f"Twilio sent {message.kind!r}", once="unknown")
            return None
        if isinstance(message, Connected):
            return None
        if self.stream_sid and message.stream_sid != self.stream_sid:
            self.report("Twilio sent a message of another stream", once="foreign")
            return None
        return message

    async def on_message(self, message: FromTwilio) -> None:
        """Take one message after ``start``."""
        if isinstance(message, Media):
            if message.media.track == "inbound":
                await self.on_media(message.media.payload)
        elif isinstance(message, Mark):
            self.on_mark(message.mark.name)
        elif isinstance(message, Dtmf):
            self.on_dtmf(message.dtmf.digit)
        elif isinstance(message, Start):
            self.report("Twilio sent a second start", once="start")

    async def on_media(self, audio: bytes) -> None:
        """Pass caller audio on, always: while connecting, thinking and speaking."""
        try:
            await self.recogniser.send_audio(audio)
        except NotConnected:
            return  # the turn machine knows, and says so to the caller
        if audio and mulaw.is_voiced(audio[::_SAMPLED]):
            self._voiced_frames += 1
        if self._voiced_frames >= _VOICED_FRAMES and self.turns.sounded(self.now()):
            self._voiced_frames = 0
            self.set_timer()

    def on_mark(self, name: str) -> None:
        """A mark came back."""
        self.obey(self.turns.mark_returned(name, self.now()))

    def on_dtmf(self, digit: str) -> None:
        """Take a key press; numbers are answered like words."""
        self.obey(self.turns.pressed(digit, self.now()))

    # --- the recogniser -----------------------------------------------------------

    def build_recogniser(self, call_sid: str) -> DeepgramSTTService:
        """Return the recogniser of this call, not connected."""
        backoff = self.settings.backoff
        parameters: dict[str, object] = {"endpointing": self.settings.endpointing}
        if call_sid:
            parameters["tag"] = call_sid
        return DeepgramSTTService(
            self.settings.deepgram_key,
            url=self.settings.deepgram_url,
            parameters=parameters,
            initial_delay=backoff.initial_delay,
            max_delay=backoff.max_delay,
            jitter=backoff.jitter,
        )

    async def connect_recogniser(self) -> None:
        """Open the link; audio that comes meanwhile is kept by the service."""
        await self.recogniser.connect(
            max_retries=self.settings.attempts,
            backoff_factor=self.settings.backoff.backoff_factor,
        )

    async def listen(self) -> None:
        """Hear the recogniser until the call ends."""
        try:
            await self.connect_recogniser()
            async with aclosing(self.recogniser.events()) as events:
                async for event in events:
                    self.on_recognised(event)
        except VoiceError as failure:
            self.report(f"no recogniser: {failure}")
            self.obey(self.turns.recogniser_failed(self.now()))

    def on_recognised(self, event: ListenEvent) -> None:
        """Take what the recogniser says."""
        self._voiced_frames = 0
        if not isinstance(event, LinkLost | LinkRestored):
            self.obey(self.turns.recognised(event, self.now()))

    async def close_recogniser(self) -> None:
        """Send the last audio and end the link."""
        await self.recogniser.close(self.settings.close_deadline)

    # --- what the turn machine commands -------------------------------------------

    def obey(self, commands: list[Command]) -> None:
        """Carry commands out, in order, without waiting for anything."""
        if self._ended.done():
            return  # last words of the recogniser, which nobody waits to have answered
        for command in commands:
            if isinstance(command, Answer):
                self.begin_reply(command.turn, self.answer(command.turn))
            elif isinstance(command, Say):
                self.begin_reply(command.turn, self.say(command.turn, command.text))
            elif isinstance(command, Cancel):
                self.cancel_reply()
            elif isinstance(command, Clear):
                self.clear_playout()
            elif isinstance(command, Finalize):
                self.spawn(self.recogniser.finalize(), "finalize")
            elif isinstance(command, HangUp):
                self.hang_up()
        self.set_timer()

    def set_timer(self) -> None:
        """Have ``on_timer`` called when the turn machine wants it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.turns.next_timer()
        if due is not None and not self._ended.done():
            self._timer = self._loop.call_later(max(0.0, due - self.now()), self.tick)

    def tick(self) -> None:
        """Let the turn machine act on the time."""
        self.obey(self.turns.on_timer(self.now()))

    def begin_reply(self, turn: int, reply: Coroutine[Any, Any, None]) -> None:
        """Start making a turn."""
        self._reply = self.spawn(self.reply(turn, reply), f"turn {turn}")
        # A task that is cancelled before it began leaves this one behind.
        self._reply.add_done_callback(lambda _: reply.close())

    def cancel_reply(self) -> None:
        """Stop the model and the speech of the turn being made."""
        reply, self._reply = self._reply, None
        if reply is not None:
            reply.cancel()

    def clear_playout(self) -> None:
        """Have everything unplayed dropped, here and at Twilio."""
        self.line.clear()

    def summary(self) -> dict[str, object]:
        """Return this call's own metrics."""
        return {"call_sid": self.call_sid, "turns": self.turn_metrics}
