"""A case's line to the agent: dials, sets faults for its own calls, reads the ledger.

Everything a case may rest on crosses one of the wires and is found here: what the
caller heard (the call record) and what the providers saw (the ledger). Nothing asks
the agent itself.
"""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from conformance._case import CaseFailed
from conformance._figures import Figure
from conformance._limits import Limits
from conformance._meddler import Meddler, meddled, unchanged
from conformance._own_agent import Launch, OwnAgent
from conformance._records import Records, Unsupported
from conformance._trace import timed_trace
from conformance._wiretap import Wiretap
from fakes.call_record import CallRecord
from fakes.speech import number_words
from fakes.twilio.caller.script import (
    AwaitGreeting,
    ConversationStep,
    HangUp,
    Pause,
    Say,
)
from fakes.twilio.media.stream_core import Settings
from fakes.twilio.phone import place_call
from fakes.twilio.twiml import StreamOrder
from fakes.twilio.web.dial import Reach, fetch_twiml
from fakes.twilio.web.webhook import CallLeg, voice_webhook
from voiceutils.budget import LatencyHistogram
from voiceutils.mulaw import SAMPLE_RATE

__all__ = ["Line", "Numbering", "Unsupported"]

CALL_DEADLINE = 40.0
# Agents that start at once would make each other, and every call, late.
_STARTS = asyncio.Semaphore(2)


class Numbering:
    """Numbers for callers, four digits each, never twice in a session.

    Args:
        seed: the same seed gives the same numbers in the same order of dialling.
    """

    def __init__(self, seed: int) -> None:
        self._numbers = itertools.count(1000 + seed * 37 % 8000)

    def take(self) -> int:
        """Return the next number."""
        return next(self._numbers)


class Line(Records):
    """What a case function is given.

    Attributes:
        call: the caller's number; the audio carries it.
        call_sid: the group under which faults and attempts of the call are kept.
        record: the call's record once :meth:`talk` has returned.
        greets: whether the agent speaks first; if it does not, no greeting is awaited.
        limits: what the agent is held to.
        lateness: of every frame sent so far, on this line and those beside it.
        figures: what the case has measured, whatever its verdict.

    Args:
        case: number of the case, for its failures.
        agent: address of the agent.
        control: address of the fakes' control interface.
        numbering: where the caller's number comes from.
        lateness: shared with the line that this one is beside.
        reach: detours and authority, for an agent under its public name.
        launch: starts another process of the same agent; None when it was started
            by somebody else.
    """

    def __init__(
        self,
        case: str,
        agent: str,
        control: str,
        numbering: Numbering,
        lateness: LatencyHistogram | None = None,
        reach: Reach | None = None,
        launch: Launch | None = None,
    ) -> None:
        self._launch = launch
        self.figures: list[Figure] = []
        self.greets = True
        self.limits = Limits()
        self._reach = reach or Reach()
        super().__init__(control, numbering.take(), f"CA{uuid.uuid4().hex}")
        self.agent = agent
        self.record: CallRecord | None = None
        self.lateness = LatencyHistogram() if lateness is None else lateness
        self._case = case
        self._control = control
        self._numbering = numbering

    async def __aenter__(self) -> Self:
        """Lend the line to a case."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Free the line."""
        await self._http.aclose()

    def beside(self) -> Line:
        """Return another line to the same agent, with a caller of its own."""
        other = Line(
            self._case,
            self.agent,
            self._control,
            self._numbering,
            self.lateness,
            self._reach,
            self._launch,
        )
        other.greets, other.limits = self.greets, self.limits
        other.without = self.without
        return other

    # --- doing -------------------------------------------------------------------

    async def talk(
        self,
        *steps: ConversationStep,
        address: str | None = None,
        deadline: float = CALL_DEADLINE,
        settings: Settings | None = None,
        auth_token: str = "",
    ) -> CallRecord:
        """Place the call and return its record; ``address`` replaces the agent's."""
        script = [
            Pause(1.0) if isinstance(step, AwaitGreeting) and not self.greets else step
            for step in steps
        ]
        self.record = await place_call(
            address or self.agent,
            script,
            call=self.call,
            call_sid=self.call_sid,
            auth_token=auth_token,
            deadline=deadline,
            patience=self.limits.silence,
            settings=settings,
            connect=self._reach.via,
            authority=self._reach.authority,
        )
        self.lateness.merge(LatencyHistogram.from_counts(self.record.lateness))
        return self.record

    @asynccontextmanager
    async def own_agent(self, **env: str) -> AsyncIterator[OwnAgent]:
        """Start another process of the agent; this line then leads to it.

        Args:
            env: further environment.

        Raises:
            Unsupported: somebody else has started the agent.
        """
        if self._launch is None:
            raise Unsupported("a process of its own needs --agent-command")
        process = self._launch(env)
        agent = self.agent
        async with _STARTS:
            self.agent = await asyncio.to_thread(process.start)
        try:
            yield process
        finally:
            self.agent = agent
            await asyncio.to_thread(process.stop)

    @asynccontextmanager
    async def tapped(
        self, meddler: Meddler = unchanged, linger: float = 0.0
    ) -> AsyncIterator[Wiretap]:
        """Put a wiretap, and perhaps a meddler, into the media socket.

        Args:
            meddler: sees what goes to the agent.
            linger: seconds for which the agent's socket outlives the phone's.
        """
        media = await self._media_address()
        async with meddled(media, meddler, linger) as tap:
            yield tap

    async def twiml(self) -> StreamOrder:
        """Return what the voice webhook orders.

        Raises:
            Unsupported: the agent was named by its media socket.
        """
        if self.agent.startswith("ws"):
            raise Unsupported("needs the address of the voice webhook")
        leg = CallLeg.of(self.call, self.call_sid)
        request = voice_webhook(self.agent, leg, auth_token="")
        return await fetch_twiml(request, self._reach.via, self._reach.authority)

    async def _media_address(self) -> str:
        """Return the media socket; a webhook is asked for it."""
        if self.agent.startswith("ws"):
            return self.agent
        order = await self.twiml()
        if not order.url.startswith("ws://"):
            raise Unsupported(f"tapping {order.url} needs an address with ws://")
        return order.url

    async def check_alive(self) -> None:
        """Place another call, after the trouble, and ask for a plain answer."""
        async with self.beside() as other:
            record = await other.talk(Say("What time is it?"), HangUp())
            other.expect(
                record.outcome == "completed",
                "a plain call after the trouble is answered",
                record.cause or record.outcome,
            )

    # --- what the providers saw; more in Records ----------------------------------

    async def longest_message(self) -> float:
        """Return the seconds of audio in the longest message to the recogniser."""
        found = await self.attempts("listen")
        longest = max((attempt.longest_message for attempt in found), default=0)
        self.expect(longest > 0, "audio reaches the recogniser", "none does")
        return longest / SAMPLE_RATE

    @property
    def digits(self) -> str:
        """The caller's number in words."""
        return number_words(self.call)

    # --- judging -----------------------------------------------------------------

    def figure(self, name: str, value: float, unit: str = "s") -> None:
        """Note a figure for the report."""
        self.figures.append(Figure(name, value, unit))

    @property
    def ended_at(self) -> float:
        """When the caller hung up, in monotonic seconds."""
        assert self.record is not None, "talk first"
        return self.record.placed_at + self.record.duration

    def expect(self, holds: bool, expected: str, got: str) -> None:
        """Fail the case unless the expectation holds."""
        if not holds:
            trace = tuple(timed_trace(self.record)) if self.record else ()
            raise CaseFailed(self._case, expected, got, trace)

    def expect_completed(self) -> CallRecord:
        """Fail the case unless the caller could follow the script to its end."""
        assert self.record is not None, "talk first"
        cause = self.record.cause or self.record.outcome
        self.expect(
            self.record.outcome == "completed", "the conversation completes", cause
        )
        return self.record

    def expect_no_silence(self) -> None:
        """Fail the case when the caller waits in silence for an answer."""
        assert self.record is not None, "talk first"
        record = self.record
        answered = any(turn.reply_at is not None for turn in record.turns)
        ended = record.cause.startswith("agent ")
        self.expect(
            answered or ended,
            f"something is heard within {self.limits.silence:g} s, or the agent hangs "
            "up",
            record.cause or "silence",
        )
