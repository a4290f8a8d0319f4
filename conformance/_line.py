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
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import httpx
import msgspec

from conformance._case import CaseFailed
from conformance._limits import SILENCE_LIMIT
from conformance._meddler import Meddler, meddled, unchanged
from conformance._trace import timed_trace
from conformance._wiretap import Wiretap
from fakes.call_record import CallRecord
from fakes.faults import Fault
from fakes.ledger import Attempt, CallHeard, TurnHeard
from fakes.speech import number_words
from fakes.twilio.dial import Reach, fetch_twiml
from fakes.twilio.phone import place_call
from fakes.twilio.script import ConversationStep, HangUp, Say
from fakes.twilio.webhook import CallLeg, voice_webhook
from voiceutils.budget import LatencyHistogram
from voiceutils.errors import DeadlineExceeded
from voiceutils.mulaw import SAMPLE_RATE

__all__ = ["Line", "Numbering", "Unsupported"]

CALL_DEADLINE = 40.0
CONTROL_DEADLINE = 5.0
_POLL = 0.05


class Unsupported(Exception):  # noqa: N818 - a verdict
    """The agent lacks what a case needs; says what, and how to have it."""


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


class Line:
    """What a case function is given.

    Attributes:
        call: the caller's number; the audio carries it.
        call_sid: the group under which faults and attempts of the call are kept.
        record: the call's record once :meth:`talk` has returned.
        lateness: of every frame sent so far, on this line and those beside it.

    Args:
        case: number of the case, for its failures.
        agent: address of the agent.
        control: address of the fakes' control interface.
        numbering: where the caller's number comes from.
        lateness: shared with the line that this one is beside.
        reach: detours and authority, for an agent under its public name.
    """

    def __init__(
        self,
        case: str,
        agent: str,
        control: str,
        numbering: Numbering,
        lateness: LatencyHistogram | None = None,
        reach: Reach | None = None,
    ) -> None:
        self._reach = reach or Reach()
        self.call = numbering.take()
        self.call_sid = f"CA{uuid.uuid4().hex}"
        self.agent = agent
        self.record: CallRecord | None = None
        self.lateness = LatencyHistogram() if lateness is None else lateness
        self._case = case
        self._control = control
        self._numbering = numbering
        self._faulty: set[str] = set()
        self._http = httpx.AsyncClient(base_url=control, timeout=CONTROL_DEADLINE)

    async def __aenter__(self) -> Self:
        """Lend the line to a case."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Free the line."""
        await self._http.aclose()

    def beside(self) -> Line:
        """Return another line to the same agent, with a caller of its own."""
        return Line(
            self._case,
            self.agent,
            self._control,
            self._numbering,
            self.lateness,
            self._reach,
        )

    # --- doing -------------------------------------------------------------------

    async def fault(self, surface: str, *faults: Fault) -> None:
        """Let the n-th attempt of this call on a surface meet the n-th fault."""
        self._faulty.add(surface)
        body = {"surface": surface, "group": self.call_sid, "faults": list(faults)}
        answer = await self._http.post(
            "/__fakes/faults", content=msgspec.json.encode(body)
        )
        answer.raise_for_status()

    async def talk(
        self, *steps: ConversationStep, address: str | None = None
    ) -> CallRecord:
        """Place the call and return its record; ``address`` replaces the agent's."""
        self.record = await place_call(
            address or self.agent,
            steps,
            call=self.call,
            call_sid=self.call_sid,
            deadline=CALL_DEADLINE,
            patience=SILENCE_LIMIT,
            connect=self._reach.via,
            authority=self._reach.authority,
        )
        self.lateness.merge(LatencyHistogram.from_counts(self.record.lateness))
        return self.record

    @asynccontextmanager
    async def tapped(self, meddler: Meddler = unchanged) -> AsyncIterator[Wiretap]:
        """Put a wiretap, and perhaps a meddler, into the media socket."""
        media = await self._media_address()
        async with meddled(media, meddler) as tap:
            yield tap

    async def _media_address(self) -> str:
        """Return the media socket; a webhook is asked for it."""
        if self.agent.startswith("ws"):
            return self.agent
        leg = CallLeg.of(self.call, self.call_sid)
        request = voice_webhook(self.agent, leg, auth_token="")
        order = await fetch_twiml(request, self._reach.via, self._reach.authority)
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

    # --- what the providers saw --------------------------------------------------

    async def attempts(self, surface: str | None = None) -> list[Attempt]:
        """Return this call's connections and requests, oldest first.

        Raises:
            Unsupported: a fault was set and the agent cannot be told apart from others.
        """
        answer = await self._http.get(f"/__fakes/ledger/groups/{self.call_sid}")
        answer.raise_for_status()
        found = msgspec.convert(answer.json()["attempts"], list[Attempt])
        found.sort(key=lambda attempt: attempt.at)
        if not found and self._faulty:
            surfaces = ", ".join(sorted(self._faulty))
            raise Unsupported(
                f"faults on {surfaces} need the call's sid in each request: "
                "tag=<CallSid> on Deepgram's, user=<CallSid> on the model's"
            )
        if surface is None:
            return found
        return [attempt for attempt in found if attempt.surface == surface]

    async def heard(self) -> list[TurnHeard]:
        """Return the caller's turns as they reached the recogniser."""
        answer = await self._http.get(f"/__fakes/ledger/calls/{self.call}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return []
        answer.raise_for_status()
        return msgspec.convert(answer.json(), CallHeard).turns

    async def longest_message(self) -> float:
        """Return the seconds of audio in the longest message to the recogniser."""
        found = await self.attempts("listen")
        longest = max((attempt.longest_message for attempt in found), default=0)
        self.expect(longest > 0, "audio reaches the recogniser", "none does")
        return longest / SAMPLE_RATE

    async def open_sockets(self, within: float) -> list[Attempt]:
        """Wait until nothing of this call is open; return what still is."""
        until = time.monotonic() + within
        while True:
            still = [
                attempt
                for attempt in await self.attempts()
                if attempt.opened is not None and attempt.closed is None
            ]
            if not still or time.monotonic() >= until:
                return still
            await asyncio.sleep(_POLL)

    async def wait_for_attempts(
        self, surface: str, count: int, within: float
    ) -> list[Attempt]:
        """Wait until a provider saw that many attempts.

        Raises:
            DeadlineExceeded: it did not.
        """
        until = time.monotonic() + within
        while len(found := await self.attempts(surface)) < count:
            if time.monotonic() >= until:
                raise DeadlineExceeded(f"{count} attempts on {surface}", within)
            await asyncio.sleep(_POLL)
        return found

    @property
    def digits(self) -> str:
        """The caller's number in words."""
        return number_words(self.call)

    # --- judging -----------------------------------------------------------------

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
            f"something is heard within {SILENCE_LIMIT:g} s, or the agent hangs up",
            record.cause or "silence",
        )
