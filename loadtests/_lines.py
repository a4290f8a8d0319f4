"""The lines of one Locust process: calls placed through a media engine of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import gevent
import msgspec
from gevent.pool import Pool

from fakes.backoff.oracle import judge_attempts
from fakes.backoff.policy import Policy
from fakes.call_record import CallRecord
from fakes.engine.commands import LinesNow
from fakes.engine.link import EngineProcess
from fakes.evidence.call_evidence import CallEvidence
from fakes.evidence.keeper import recording_of
from fakes.evidence.waterfall import TurnParts, waterfall
from fakes.speech import SpeechMode
from fakes.twilio.caller.conversation_file import WrittenConversation
from fakes.twilio.caller.script import Conversation
from fakes.twilio.phone import CallOrder
from loadtests._ledger import Ledger
from loadtests._parts import count_parts
from loadtests._tally import Tally, tally_call
from voiceutils.errors import VoiceError

__all__ = [
    "MOST_CALLS",
    "EngineFull",
    "Lines",
    "Numbers",
    "Settled",
    "on_our_clock",
    "settle",
]

MOST_CALLS = 1000
"""Calls that one engine holds at once: what a processor can pace."""

HANG_UP_WITHIN = 6.0
RECORDED_AT_ONCE = 50  # calls; a recording takes 16 KB a second until it is written
SETTLING_AT_ONCE = 16

# A call may take that long; a turn with its reply lasts five to eight seconds.
CALL_SECONDS = 30.0
TURN_SECONDS = 15.0


class EngineFull(VoiceError):  # noqa: N818 - as the engine would say it
    """No further call fits into the engine; more processes would have room."""


class Lines:
    """Places calls to ``agent`` and hands on every record, also of calls cut short.

    Args:
        agent: whom to call.
        on_record: called with each record, in a greenlet of its own.
        drop_every: see `CallOrder`, as the two that follow.
        connect: likewise.
        authority: likewise.
        speech: likewise.
        seed: decides the calls' SIDs, and with them who meets which fault.
        recordings: folder for stereo recordings, of at most `RECORDED_AT_ONCE` calls
            at a time; None records nothing.
        switch: see `CallOrder`.

    Attributes:
        closing: whether the run is over; no call is placed any more.
        up: calls placed whose record has not come yet.
    """

    def __init__(
        self,
        agent: str,
        *,
        on_record: Callable[[CallRecord], None] | None = None,
        drop_every: int | None = None,
        connect: Mapping[str, str] | None = None,
        authority: str = "",
        speech: SpeechMode = "exact",
        seed: int = 0,
        recordings: Path | None = None,
        switch: str = "",
    ) -> None:
        self.agent = agent
        self.closing = False
        self._drop_every = drop_every
        self._connect = dict(connect or {})
        self._authority = authority
        self._speech: SpeechMode = speech
        self._seed = seed
        self._recordings = recordings
        self._switch = switch
        self._on_record = on_record
        self.up = 0
        self._pool = Pool(SETTLING_AT_ONCE)
        self._engine = EngineProcess(
            max_calls=MOST_CALLS, speech=speech, on_record=self._over
        )
        self._engine.start()

    def __enter__(self) -> Lines:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def place(
        self,
        call: int,
        script: Conversation,
        deadline: float | None = None,
        *,
        intended_at: float | None = None,
        holding: float | None = None,
    ) -> CallRecord:
        """Place a call and wait for its record.

        Args:
            call: the caller's number.
            script: what the caller does.
            deadline: seconds that it may take; None decides by the script's length.
            intended_at: the moment it should begin (monotonic); None is now.
            holding: seconds after which the caller hangs up, if any.

        A phone that is taken away meanwhile (its greenlet killed) does not lose the
        call: its record still comes to ``on_record``.

        Raises:
            EngineFull: there are too many calls already.
            VoiceError: the engine is gone.
        """
        if self.up >= MOST_CALLS:
            raise EngineFull(f"the media engine holds {MOST_CALLS} calls already")
        usual = CALL_SECONDS + TURN_SECONDS * len(script)
        if holding is not None:
            usual = min(usual, CALL_SECONDS + TURN_SECONDS + holding)
        order = CallOrder(
            agent=self.agent,
            conversation=tuple(script),
            call=call,
            drop_every=self._drop_every,
            connect=self._connect,
            authority=self._authority,
            speech=self._speech,
            deadline=deadline or usual,
            intended_at=time.monotonic() if intended_at is None else intended_at,
            holding_time=holding,
            seed=self._seed,
            call_sid=sid_of(call, self._seed),
            record_to=self._recording(call),
            switch=self._switch,
        )
        number = self._engine.dial(order)
        self.up += 1
        return self._engine.wait(number)

    def _recording(self, call: int) -> str:
        if self._recordings is None or self.up >= RECORDED_AT_ONCE:
            return ""
        return str(self._recordings / recording_of(call))

    def hang_up_all(self) -> None:
        """End all calls and wait until their records have been handed on."""
        self.closing = True
        if self._engine.alive:
            self._engine.hang_up_all()
        until = time.monotonic() + HANG_UP_WITHIN
        while self.up > 0 and time.monotonic() < until:
            gevent.sleep(0.02)
        self._pool.join(timeout=HANG_UP_WITHIN)

    @property
    def engine_pid(self) -> int:
        """The process that paces the calls."""
        return self._engine.pid

    def now(self) -> LinesNow | None:
        """What is happening on the lines; None if the engine does not say."""
        try:
            return self._engine.lines_now()
        except VoiceError:
            return None

    def trouble(self) -> str:
        """Why no call can be placed any more; empty while calls can."""
        if self._engine.alive or self.closing:
            return ""
        return "the media engine ended by itself"

    def close(self) -> None:
        """End the engine; harmless when repeated."""
        self.closing = True
        self._engine.stop()

    def _over(self, number: int, record: CallRecord) -> None:
        # In the engine's reader, which must not wait for the ledger.
        self.up -= 1
        if self._on_record is not None:
            self._pool.start(gevent.Greenlet(self._on_record, record))


def sid_of(call: int, seed: int) -> str:
    """The SID of a call: the same in every run with this seed, unlike any other."""
    return "CA" + blake2b(f"{seed}:{call}".encode(), digest_size=16).hexdigest()


class Numbers(msgspec.Struct, frozen=True):
    """What a worker must know of the exchange; travels with Locust's options.

    Attributes:
        agent: whom to call.
        control: address of the fakes' control interface.
        policy: what the agent promises of its retries, if it does.
        conversations: what callers do; empty for the usual conversation.
        workers: who shares the arrivals, in this order; empty for one process.
        run_seconds: how long the run takes; Locust does not tell its workers.
        fakes_ahead: seconds by which their clock is ahead of this process's.
        connect: where the agent's public name leads, if it was given one.
    """

    agent: str
    control: str
    policy: Policy | None = None
    conversations: tuple[WrittenConversation, ...] = ()
    workers: tuple[str, ...] = ()
    run_seconds: float = 3600.0
    fakes_ahead: float = 0.0
    connect: dict[str, str] = {}


class Settled(NamedTuple):
    """A call that is over, and what became of it.

    Attributes:
        evidence: of the providers; None when the fakes do not answer.
        waterfall: the parts of its turn gaps, as far as they were seen.
    """

    record: CallRecord
    tally: Tally
    evidence: CallEvidence | None = None
    waterfall: Sequence[TurnParts] = ()


def on_our_clock(numbers: Numbers) -> Numbers:
    """Return what is known of the exchange with the distance of the fakes' clock."""
    try:
        ahead = Ledger(numbers.control).clock_ahead()
    except VoiceError:
        ahead = 0.0  # no fakes answer; there is nothing to bring here either
    return msgspec.structs.replace(numbers, fakes_ahead=ahead)


def settle(record: CallRecord, numbers: Numbers, waited: float = 0.0) -> Settled:
    """Count a call, with what the fakes know of it if they still answer.

    Args:
        record: of the call.
        numbers: where to ask.
        waited: seconds that the call waited for a free phone, which is not dialling.
    """
    try:
        evidence = Ledger(numbers.control, numbers.fakes_ahead).evidence(record)
    except VoiceError:
        return Settled(record, tally_call(record, waited=waited))
    attempts = [one for one in evidence.attempts if one.surface == "listen"]
    left = record.placed_at + record.duration
    backoff = judge_attempts(attempts, numbers.policy, left=left)
    tally = tally_call(record, evidence.heard, backoff, attempts, waited=waited)
    parts = waterfall(record, evidence)
    count_parts(tally, parts)
    return Settled(record, tally, evidence, parts)
