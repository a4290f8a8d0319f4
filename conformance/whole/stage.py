"""Plays a tape to an agent in virtual time: no process, no socket, no waiting.

The fakes are the real ones, on a :mod:`conformance.whole.network`; the agent is the
class that production runs, or a mutant of it. Only its media socket is a function call,
since fifty frames a second both ways would cost more than all the rest.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from random import Random
from typing import Any
from unittest import mock

import httpx

from conformance._limits import USUAL
from conformance.whole.evidence import Evidence
from conformance.whole.network import run_on_a_virtual_network
from conformance.whole.tape import CALLER, Tape
from fakes.call_record import CallRecord
from fakes.client_findings import Limits
from fakes.client_verdict import judge_clients
from fakes.deepgram.sockets.driver import VARIABLE
from fakes.twilio.caller.caller import Caller
from fakes.twilio.media.stream import CloseSocket, MediaStream, StreamState
from fakes.twilio.web.webhook import CallLeg
from fakes.world import World
from voiceutils.agent.call import AgentCall
from voiceutils.agent.settings import AgentSettings
from voiceutils.chat import ChatModel
from voiceutils.deepgram_stt import DeepgramSTTService
from voiceutils.deepgram_tts import DeepgramTTSService
from voiceutils.errors import VoiceError

__all__ = ["CEILING", "play", "play_together"]

# Above what a caller bears, so that an agent that is too slow is told from one that is
# stuck; the oracles compare with less.
CEILING = 3 * USUAL.silence
LONGEST_CALL = 240.0
AFTERMATH = 25.0  # seconds for which what is left behind is watched
SILENCE = 15.0  # until the agent gives a dead line up; a minute costs a second here
# The agent's own policy may wait for 0.125 s after the first failure.
_LIMITS = Limits(least_wait=0.12)
_KEY = "virtual"  # the fakes take any
_TLS = ssl.create_default_context()  # 20 ms each; nothing here uses it


def play(tape: Tape, call_class: type[AgentCall] = AgentCall) -> Evidence:
    """Play one tape; the same tape and agent give the same evidence, to the last bit.

    Args:
        tape: what caller and providers do.
        call_class: the agent's conversation.
    """
    return play_together([tape], call_class)[0]


def play_together(
    tapes: list[Tape], call_class: type[AgentCall] = AgentCall
) -> list[Evidence]:
    """Play several calls in one process of the agent; each has a number of its own."""
    stage = _Stage()
    with _fast_enough(), stage.trouble_of_the_log():
        try:
            return run_on_a_virtual_network(lambda: stage.run(tapes, call_class))
        except VoiceError as error:
            return [stage.wreck(CALLER + n, str(error)) for n in range(len(tapes))]


@contextmanager
def _fast_enough() -> Iterator[None]:
    """Have sockets that need no transport of the system."""
    with mock.patch.dict(os.environ, {VARIABLE: "plain"}):
        yield


class _Stage:
    """The fakes, the agent, and what went wrong between them."""

    def __init__(self) -> None:
        self.trouble: list[str] = []

    def trouble_of_the_log(self) -> Any:
        """Take errors of the agent's log for trouble: a task of a call broke."""
        return _listening_to("voiceutils", self._logged)

    def _logged(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR and record.exc_info:
            self.trouble.append(f"{record.getMessage()}: {record.exc_info[1]!r}")

    def wreck(self, call: int, why: str) -> Evidence:
        """Return what is left to say when nothing could go on."""
        record = CallRecord(
            call=call,
            call_sid="",
            agent="virtual",
            outcome="failed",
            cause=why,
            placed_at=0.0,
            duration=0.0,
        )
        return Evidence(record, [], [], [], [], None, (why,))

    async def run(
        self, tapes: list[Tape], call_class: type[AgentCall]
    ) -> list[Evidence]:
        """Have the calls, and look at what is left of them."""
        before = asyncio.all_tasks()
        async with World() as world, _agent(world, call_class, tapes[0].seed) as answer:
            calls = [
                _VirtualCall(tape, CALLER + number, world, answer)
                for number, tape in enumerate(tapes)
            ]
            found = await asyncio.gather(*(call.run() for call in calls))
            self.trouble += [trouble for call in calls for trouble in call.trouble]
            await _end(asyncio.all_tasks() - before)
        return [one._replace(trouble=tuple(self.trouble)) for one in found]


@contextmanager
def _listening_to(
    name: str, take: Callable[[logging.LogRecord], None]
) -> Iterator[None]:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            take(record)

    handler = Handler()
    logger = logging.getLogger(name)
    propagates, logger.propagate = logger.propagate, False  # hundreds of calls
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates


async def _end(tasks: set[asyncio.Task[Any]]) -> None:
    mine = asyncio.current_task()
    left = [task for task in tasks if task is not mine]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


Answer = Callable[[Any, Any], AgentCall]


@asynccontextmanager
async def _agent(
    world: World, call_class: type[AgentCall], seed: int
) -> AsyncIterator[Answer]:
    """Yield what answers a media socket, as the agent's server does."""
    chance, clock = Random(seed), asyncio.get_running_loop().time
    addresses = world.addresses
    settings = AgentSettings(
        deepgram_url=addresses.deepgram,
        deepgram_key=_KEY,
        model_key=_KEY,
        model_url=addresses.model,
        silence_limit=SILENCE,
    )

    class Agent(call_class):  # type: ignore[valid-type,misc]
        # What a call keeps in its class, as some mutants do, ends with this run.
        def build_recogniser(self, call_sid: str) -> DeepgramSTTService:
            service: DeepgramSTTService = super().build_recogniser(call_sid)
            service._random, service._clock = chance, clock
            return service

    timeout = httpx.Timeout(None, connect=5.0)
    async with httpx.AsyncClient(timeout=timeout, verify=_TLS) as pool:
        chat = ChatModel(
            _KEY, url=settings.model_url, client=pool, random=chance, clock=clock
        )
        speech = DeepgramTTSService(
            _KEY, url=settings.deepgram_url, client=pool, random=chance, clock=clock
        )
        yield lambda receive, send: Agent(settings, chat, speech, receive, send)


class _VirtualCall:
    """One call: the phone's core on one side, the agent on the other."""

    def __init__(self, tape: Tape, call: int, world: World, answer: Answer) -> None:
        self.trouble: list[str] = []
        self._loop = asyncio.get_running_loop()
        self._tape, self._world = tape, world
        self._leg = CallLeg.of(call, f"CA{call:032x}")
        self._caller = Caller(tape.caller, call=call, patience=CEILING)
        self._stream = MediaStream(self._leg, self._caller, seed=call)
        self._to_agent: asyncio.Queue[str | None] = asyncio.Queue()
        self._marks: tuple[list[str], list[str]] = ([], [])
        self._half_open = False
        for rule in tape.rules(self._leg.call_sid):
            world.faults.add(rule)
        self._agent = answer(self._to_agent.get, self._send)

    async def run(self) -> Evidence:
        """Talk, hang up, and wait until the agent should have let go."""
        answering = asyncio.create_task(self._answer())
        await self._talk()
        ended = self._loop.time()
        limit = USUAL.teardown
        if self._half_open:  # nobody tells the agent; it has to find out
            limit += SILENCE
        await asyncio.wait([answering], timeout=limit)
        left_open = [
            attempt
            for attempt in self._attempts()
            if attempt.opened is not None and attempt.closed is None
        ]
        await asyncio.sleep(AFTERMATH)
        if not answering.done():
            self.trouble.append(f"the call's own task is there {limit:g} s after it")
        sid = self._leg.call_sid
        heard = self._world.ledger.call(self._caller.call)
        return Evidence(
            self._record(ended),
            self._attempts(),
            [] if heard is None else heard.turns,
            judge_clients(self._world.ledger, sid, _LIMITS),
            left_open,
            self._marks,
        )

    def _attempts(self) -> list[Any]:
        found = self._world.ledger.group(self._leg.call_sid)
        return sorted(found, key=lambda attempt: attempt.at)

    async def _answer(self) -> None:
        try:
            await self._agent.run()
        except Exception as error:
            self.trouble.append(f"the call's own task broke: {error!r}")
        if self._stream.is_open:
            self._stream.agent_closed(self._agent.close_code, self._loop.time())

    async def _send(self, text: str) -> None:
        """Take what the agent says on its media socket."""
        if self._stream.is_open:
            message = json.loads(text)
            if message.get("event") == "mark":
                self._marks[0].append(message["mark"]["name"])
            self._stream.receive(text, self._loop.time())
            self._deliver()

    def _deliver(self) -> None:
        """Give the agent what the phone says."""
        for message in self._stream.take():
            if isinstance(message, CloseSocket):
                self._half_open = message.silent
                if not message.silent:
                    self._to_agent.put_nowait(None)
                continue
            if message.startswith('{"event":"mark"'):
                self._marks[1].append(json.loads(message)["mark"]["name"])
            self._to_agent.put_nowait(message)

    async def _talk(self) -> None:
        """Let the call take its course."""
        stream, loop = self._stream, self._loop
        stream.open(loop.time())
        while stream.is_open and loop.time() < LONGEST_CALL:
            self._deliver()
            due = stream.next_timer()
            await asyncio.sleep((due or 0.0) - loop.time())
            stream.on_timer(loop.time())
        self._deliver()

    def _record(self, ended: float) -> CallRecord:
        stream, caller = self._stream, self._caller
        cause = "" if caller.completed else caller.cause
        if not cause and stream.state is StreamState.ENDED_BY_AGENT:
            left = caller.awaits_hang_up and stream.closed_politely
            cause = "" if left or caller.completed else f"{stream.end} {caller.where}"
        record = CallRecord(
            call=caller.call,
            call_sid=self._leg.call_sid,
            agent="virtual",
            outcome="failed" if cause else "completed",
            cause=cause,
            placed_at=0.0,
            answered_after=0.0,
            duration=ended,
            findings=list(stream.findings),
            frames_sent=stream.frames_sent,
        )
        record.greeting_after = caller.greeting_at
        caller.fill(record, 0.0)
        return record
