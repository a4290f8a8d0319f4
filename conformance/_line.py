"""A case's line to the agent: dials, sets faults for its own calls, reads the ledger.

Everything a case may rest on crosses one of the wires and is found here: what the
caller heard (the call record) and what the providers saw (the ledger). Nothing asks
the agent itself.
"""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import httpx
import msgspec

from conformance._album import Album
from conformance._case import CaseFailed
from conformance._figures import Figure
from conformance._limits import Limits
from conformance._meddler import Meddler, meddled, unchanged
from conformance._own_agent import Launch, OwnAgent, starts_here
from conformance._records import Records, Unsupported
from conformance._trace import phone_leg, providers_leg, timed_trace
from conformance._wiretap import Wiretap
from fakes.call_record import CallRecord
from fakes.evidence.call_evidence import evidence_query
from fakes.speech import SpeechMode, number_words
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
from fakes.twilio.web.dial import CallFailed, Reach, fetch_twiml
from fakes.twilio.web.webhook import CallLeg, voice_webhook
from voiceutils.budget import LatencyHistogram
from voiceutils.mulaw import SAMPLE_RATE

__all__ = ["Line", "Numbering", "Unsupported"]

CALL_DEADLINE = 40.0
_MOST_CALLS = 4  # told of one case


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
        reach: detours and authority, for an agent under its public name.
        lateness: of every frame sent so far, on this line and those beside it.
        figures: what the case has measured, whatever its verdict.

    Args:
        case: number of the case, for its failures.
        agent: address of the agent.
        control: address of the fakes' control interface.
        numbering: where the caller's number comes from.
        lateness: shared with the line that this one is beside.
        reach: see above.
        launch: starts another process of the same agent; None when it was started
            by somebody else.
        album: takes every call that is placed, for the evidence of the run.
        speech: how the code in the audio is written and read.
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
        album: Album | None = None,
        speech: SpeechMode = "exact",
    ) -> None:
        self._launch = launch
        self._speech = speech
        self.figures: list[Figure] = []
        self.greets = True
        self.limits = Limits()
        self.reach = reach or Reach()
        super().__init__(control, numbering.take(), f"CA{uuid.uuid4().hex}")
        self.agent = agent
        self.record: CallRecord | None = None
        self._family: list[Line] = [self]
        self.lateness = LatencyHistogram() if lateness is None else lateness
        self._case = case
        self._control = control
        self._numbering = numbering
        self.album = album

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
            self.reach,
            self._launch,
            self.album,
            self._speech,
        )
        other.greets, other.limits = self.greets, self.limits
        other.without = self.without
        other.acquaintance = self.acquaintance
        other.company = self.company
        other._family = self._family
        self._family.append(other)
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
        album = self.album
        with self._in_company():
            self.record = await place_call(
                address or self.agent,
                script,
                call=self.call,
                call_sid=self.call_sid,
                auth_token=auth_token,
                deadline=deadline,
                patience=self.limits.silence,
                settings=settings,
                connect=self.reach.via,
                authority=self.reach.authority,
                record_to=album.recording(self.call) if album else "",
                speech=self._speech,
                switch=self._control,
            )
        if album is not None:
            album.add(self.record)
        self.lateness.merge(LatencyHistogram.from_counts(self.record.lateness))
        return self.record

    @contextmanager
    def _in_company(self) -> Iterator[None]:
        """Tell the other lines of the case, where they must know."""
        if self.company is not None:
            self.company.talks(self.call, time.monotonic())
        try:
            yield
        finally:
            if self.company is not None:
                self.company.leaves(self.call)

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
        agent, reach = self.agent, self.reach
        async with starts_here():
            self.agent = await asyncio.to_thread(process.start)
        self.reach = reach._replace(via={**reach.via, **process.detours})
        try:
            yield process
        finally:
            self.agent, self.reach = agent, reach
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

    async def twiml(self, auth_token: str = "") -> StreamOrder:
        """Return what the voice webhook orders; a token signs the request.

        Raises:
            Unsupported: the agent was named by its media socket.
        """
        if self.agent.startswith("ws"):
            raise Unsupported("needs the address of the voice webhook")
        leg = CallLeg.of(self.call, self.call_sid)
        request = voice_webhook(self.agent, leg, auth_token=auth_token)
        try:
            return await fetch_twiml(request, self.reach.via, self.reach.authority)
        except CallFailed as failure:
            raise CaseFailed(
                self._case, "an order for a stream", str(failure)
            ) from None

    async def _media_address(self) -> str:
        """Return the media socket; a webhook is asked for it."""
        if self.agent.startswith("ws"):
            return self.agent
        url = urlsplit((await self.twiml()).url)
        host = url.hostname or ""
        if host in self.reach.via and not self.reach.authority:
            place = self.reach.via[host]  # a plain port
            return urlunsplit(url._replace(scheme="ws", netloc=place))
        if url.scheme != "ws":
            raise Unsupported(f"tapping {url.geturl()} needs an address with ws://")
        return url.geturl()

    async def check_alive(self) -> None:
        """Place another call, after the trouble, and ask for a plain answer."""
        await self.lift_faults()
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

    @staticmethod
    def now() -> float:
        """Return the moment, on the clock of the ledger."""
        return time.monotonic()

    # --- judging -----------------------------------------------------------------

    def figure(self, name: str, value: float, unit: str = "s") -> None:
        """Note a figure for the report."""
        self.figures.append(Figure(name, value, unit))

    @property
    def ended_at(self) -> float:
        """When the caller hung up, in monotonic seconds."""
        assert self.record is not None, "talk first"
        return self.record.placed_at + self.record.duration

    async def story(self) -> list[str]:
        """Return the calls of the case as timed lines, both legs of each."""
        calls = [one for one in self._family if one.record is not None]
        lines: list[str] = []
        for one in calls[:_MOST_CALLS]:
            lines += [f"call {one.call}"] if len(calls) > 1 else []
            lines += await self._told(one)
        if (beyond := len(calls) - _MOST_CALLS) > 0:
            lines.append(f"... {beyond} calls more")
        return lines

    async def _told(self, line: Line) -> list[str]:
        record = line.record
        assert record is not None
        # What the agent does when the caller has left belongs to it, too.
        query = evidence_query(record) | {"until": repr(self.now())}
        moments = [*phone_leg(record)]
        with suppress(httpx.HTTPError, msgspec.ValidationError):
            seen, faults = await self.evidence(line.call, query)
            moments += providers_leg(seen, faults, record.placed_at)
        return timed_trace(moments)

    def expect(self, holds: bool, expected: str, got: str) -> None:
        """Fail the case unless the expectation holds."""
        if not holds:
            trace = tuple(timed_trace(phone_leg(self.record))) if self.record else ()
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
