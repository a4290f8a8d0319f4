"""A call to the reference agent in virtual time: no process, no socket, no waiting.

Phone and recogniser are the fakes' own cores, agent and transcription service the very
classes that production runs; model and voice are schedules.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from websockets.exceptions import ConnectionClosedOK

from conformance.core._opening import opening
from conformance.core._virtual_loop import run_virtually
from fakes.call_record import CallRecord
from fakes.deepgram.errors import Refusal
from fakes.deepgram.listen.live import open_listen
from fakes.deepgram.outbox import Ended, Said
from fakes.deepgram.settings import DeepgramSettings
from fakes.deepgram.surface import Core
from fakes.llm.replies import reply_for
from fakes.speech import Speaker, speak
from fakes.twilio.caller.caller import Caller
from fakes.twilio.caller.script import ConversationStep
from fakes.twilio.media.stream import MediaStream, StreamState
from fakes.twilio.web.webhook import CallLeg
from voiceutils.agent.call import AgentCall
from voiceutils.agent.settings import AgentSettings
from voiceutils.deepgram_stt import DeepgramSTTService

__all__ = ["Schedule", "call_the_agent"]

LONGEST_CALL = 120.0  # virtual seconds


class Schedule(NamedTuple):
    """When the providers answer, in seconds.

    Attributes:
        recogniser: from the audio that decides a result to the result.
        model: from the request to its first token.
        token: between two tokens.
        voice: from the request to the first audio; all of it comes then.
    """

    recogniser: float = 0.12
    model: float = 0.3
    token: float = 0.02
    voice: float = 0.1


class _Link:
    """The recogniser's core as the connection that the service talks to."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._loop = asyncio.get_running_loop()
        self._said: asyncio.Queue[str | None] = asyncio.Queue()
        self._timer: asyncio.TimerHandle | None = None
        self._pump()

    async def send(self, message: str | bytes, /) -> None:
        """Give it to the core."""
        self._core.receive(message, self._loop.time())
        self._pump()

    async def recv(self) -> str | bytes:
        """Return what the core says next."""
        text = await self._said.get()
        if text is None:
            raise ConnectionClosedOK(None, None)
        return text

    async def close(self) -> None:
        """Let go of the core."""
        if self._timer is not None:
            self._timer.cancel()

    def _ring(self) -> None:
        self._core.on_timer(self._loop.time())
        self._pump()

    def _pump(self) -> None:
        for outgoing in self._core.take():
            if isinstance(outgoing, Said):
                self._said.put_nowait(outgoing.text)
            elif isinstance(outgoing, Ended):
                self._said.put_nowait(None)
        if self._timer is not None:
            self._timer.cancel()
        due = self._core.next_timer()
        self._timer = None if due is None else self._loop.call_at(due, self._ring)


class _Model:
    """Answers as the fake model does."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    async def reply(
        self, messages: Sequence[Any], *, user: str
    ) -> AsyncGenerator[str, None]:
        """Yield words."""
        said = messages[-1].content
        await asyncio.sleep(self._schedule.model)
        for word in reply_for(said).split():
            yield f"{word} "
            await asyncio.sleep(self._schedule.token)


class _Voice:
    """Speaks with the code in the audio, as the fake speech service does."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._spoken = 0

    async def speak(self, text: str, *, tag: str) -> AsyncGenerator[bytes, None]:
        """Yield all of it at once."""
        self._spoken += 1
        number = self._spoken
        await asyncio.sleep(self._schedule.voice)
        yield b"".join(speak(text, speaker=Speaker.AGENT, call=number).frames)


class _Phone:
    """Drives the stream; the agent's messages come at the moment they are sent."""

    def __init__(self, stream: MediaStream) -> None:
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._sent: asyncio.Queue[str | None] = asyncio.Queue()

    async def receive(self) -> str | None:
        """What the agent's media socket receives."""
        return await self._sent.get()

    async def send(self, text: str) -> None:
        """What it sends."""
        self._stream.receive(text, self._loop.time())

    async def talk(self) -> None:
        """Let the call take its course."""
        stream, loop = self._stream, self._loop
        stream.open(loop.time())
        while stream.state is StreamState.OPEN and loop.time() < LONGEST_CALL:
            for message in stream.take():
                if isinstance(message, str):
                    self._sent.put_nowait(message)
            due = stream.next_timer()
            if due is None:
                break
            await asyncio.sleep(due - loop.time())
            stream.on_timer(loop.time())
        self._sent.put_nowait(None)


def call_the_agent(
    conversation: Sequence[ConversationStep],
    schedule: Schedule | None = None,
    settings: AgentSettings | None = None,
    *,
    call: int = 4729,
) -> CallRecord:
    """Place one call to the reference agent; all of its moments are virtual."""
    plan = schedule or Schedule()
    return run_virtually(
        lambda: _call(conversation, plan, settings or AgentSettings(), call)
    )


async def _call(
    conversation: Sequence[ConversationStep],
    schedule: Schedule,
    settings: AgentSettings,
    call: int,
) -> CallRecord:
    loop = asyncio.get_running_loop()
    deepgram = DeepgramSettings(recogniser_delay=schedule.recogniser)

    async def open_link(url: str, headers: dict[str, str]) -> _Link:
        pairs = tuple(parse_qsl(urlsplit(url).query))
        core = open_listen(opening(deepgram, pairs=pairs)._replace(now=loop.time()))
        assert not isinstance(core, Refusal), core
        return _Link(core)

    class Agent(AgentCall):
        def now(self) -> float:
            return loop.time()

        def build_recogniser(self, call_sid: str) -> DeepgramSTTService:
            service = super().build_recogniser(call_sid)
            service._open_link, service._clock = open_link, loop.time
            return service

    caller = Caller(conversation, call=call)
    leg = CallLeg.of(call)
    phone = _Phone(MediaStream(leg, caller))
    model, voice = _Model(schedule), _Voice(schedule)
    agent = Agent(settings, model, voice, phone.receive, phone.send)  # type: ignore[arg-type]
    answering = asyncio.create_task(agent.run())
    await phone.talk()
    ended = loop.time()
    await answering
    record = CallRecord(
        call=call,
        call_sid=leg.call_sid,
        agent="reference agent, in virtual time",
        outcome="completed" if caller.completed else "failed",
        cause=caller.cause,
        placed_at=0.0,
        answered_after=0.0,
        duration=ended,
    )
    record.greeting_after = caller.greeting_at
    caller.fill(record, 0.0)
    return record
