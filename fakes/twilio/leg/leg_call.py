"""Runs one leg of a call: what its document orders, on real sockets and a real clock.

The document is run by :mod:`fakes.twilio.flow.flow`, the audio joined by
:mod:`fakes.twilio.leg.leg`; here their orders are carried out and their frames paced.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Coroutine
from functools import cached_property
from typing import Any, Literal

from fakes.twilio.caller.party import Party
from fakes.twilio.flow.flow import Flow
from fakes.twilio.flow.flow_settings import FlowSettings
from fakes.twilio.flow.orders import (
    Answer,
    DialOut,
    Noted,
    OpenStream,
    Order,
    Over,
    StartRecording,
    StopRecording,
    StopStream,
    StreamOrder,
    Voice,
)
from fakes.twilio.leg.bridge import BridgeEnd
from fakes.twilio.leg.dialler import DialEnd, Dialler
from fakes.twilio.leg.errands import Errands, Told
from fakes.twilio.leg.leg import Leg
from fakes.twilio.leg.observer import Observer, StreamEvent, Unobserved
from fakes.twilio.media.call_streams import CallStreams, TalkEnd, TalkTold
from fakes.twilio.media.impairments import Loss, profile
from fakes.twilio.media.recording import Recording
from fakes.twilio.media.stream_core import Settings
from fakes.twilio.web.cookies import Cookies
from fakes.twilio.web.dial import Reach
from fakes.twilio.web.webhook import CallLeg
from voiceutils.mulaw import FRAME_SECONDS

__all__ = ["DialEnd", "Dialler", "LegCall"]

_SOCKETS_CLOSE_WITHIN = 5.0
_CALLBACKS_WITHIN = 5.0
_LEAST_WAIT = 0.001
_Status = Literal["completed", "busy", "no-answer", "failed", "canceled"]
# Numbers of what Twilio itself says, far from those of the fake speech service.
_FIRST_UTTERANCE = 1 << 23


class LegCall:
    """One leg; build it where the event loop runs.

    Attributes:
        leg: the audio of the leg.
        streams: its media streams.

    Args:
        call: whose leg it is.
        party: who is on the line.
        voice: where the first document comes from.
        observer: told what happens.
        answered: whether the leg is up already, as a dialled one is.
        reach: how the agent, and whatever else a document names, is reached.
        settings: knobs of streams.
        flow_settings: knobs of documents.
        impairment: a profile of :mod:`fakes.twilio.media.impairments`; empty: none.
        record: record from the answer on.
        dialler: carries out ``<Dial>``; None: every such call fails.
        cookies: of the account.
        api: base address of the REST interface, where recordings are found.
        seed: decides sids, first timestamps, losses.
    """

    def __init__(
        self,
        call: CallLeg,
        party: Party,
        voice: Voice,
        *,
        observer: Observer | None = None,
        answered: bool = False,
        reach: Reach | None = None,
        settings: Settings | None = None,
        flow_settings: FlowSettings | None = None,
        impairment: str = "",
        record: bool = False,
        dialler: Dialler | None = None,
        cookies: Cookies | None = None,
        api: str = "https://api.twilio.com",
        seed: int = 0,
    ) -> None:
        bad = profile(impairment) if impairment else None
        salt = f"{seed}:{call.call_sid}"
        loss = Loss(bad, seed=salt) if bad is not None and bad.loss else None
        self.call = call
        self.leg = Leg(party, loss=loss)
        self._observer = observer or Unobserved()
        reach = reach or Reach()
        self._salt = salt
        self._dialler = dialler
        self._api = api
        self._record = record
        self._wake = asyncio.Event()
        self._clock = time.monotonic
        self.streams = CallStreams(
            call,
            self.leg,
            reach=reach,
            settings=settings or Settings(),
            impairment=bad,
            seed=seed,
            tell=self._stream_event,
        )
        self._flow = Flow(
            call,
            voice,
            answered=answered,
            new_number=itertools.count(_FIRST_UTTERANCE).__next__,
            settings=flow_settings,
        )
        self._errands = Errands(
            call,
            self._flow,
            reach=reach,
            cookies=cookies,
            told=Told(self._note, self._wake.set),
            dial=self._dial,
        )
        self._errands.is_up = answered
        self._over: Over | None = None
        self._next_tick = 0.0
        self._audio: set[asyncio.Task[None]] = set()  # end when their socket closes

    # --- from outside ------------------------------------------------------------

    def hang_up(self, cause: str = "", status: _Status = "completed") -> None:
        """End the call, wherever it is; :meth:`run` then returns soon."""
        self._flow.hang_up(self._clock(), status, cause)
        self.streams.stop_talk()
        self._wake.set()

    def redirect(self, voice: Voice) -> None:
        """Abandon the document for another one."""
        self._flow.redirect(voice, self._clock())
        self._wake.set()

    def start_stream(self, order: StreamOrder) -> str:
        """Open a unidirectional stream; return its sid."""
        fork = self.streams.new_fork(order)
        self._keep(self.streams.run_fork(fork))
        return fork.stream_sid

    def stop_stream(self, name: str) -> bool:
        """Stop a unidirectional stream by name or sid; tell whether there is one."""
        return self.streams.stop_fork(name)

    @cached_property
    def _chance(self) -> random.Random:
        # Two and a half kilobytes, which most calls never need.
        return random.Random(f"recording:{self._salt}")

    def start_recording(self) -> str:
        """Record from now on; return the recording's sid, the old one if there is."""
        self.streams.settle()
        return self.leg.start_recording(f"RE{self._chance.getrandbits(128):032x}")

    def stop_recording(self) -> Recording | None:
        """Stop recording; tell the observer, and return what was recorded."""
        recording = self.leg.stop_recording()
        if recording is not None:
            self._observer.recorded(recording, self._clock())
        return recording

    def join(self, end: BridgeEnd | None) -> None:
        """Let the party hear another leg, and be heard there; None parts them."""
        self.streams.settle()
        self.leg.far = end

    def dial_answered(self) -> None:
        """The dialled leg was answered."""
        self._flow.dial_answered(self._clock())
        self._wake.set()

    # --- the run -----------------------------------------------------------------

    async def run(self) -> Over:
        """Run the leg; return how it ended."""
        now = self._clock()
        self._next_tick = now + FRAME_SECONDS
        if self._errands.is_up and self._record:
            self.start_recording()
        try:
            self._flow.begin(now)
            over = await self._drive()
            await self._end_audio()
            self.stop_recording()
            self._observer.ended(over, self._clock())
            await self._errands.finish(_CALLBACKS_WITHIN)
            return over
        finally:
            for task in self._audio:
                task.cancel()
            await self._errands.cancel()
            # Whoever reads of this call now gets no news; and nothing refers to itself,
            # so that its memory is free without a search through that of all calls.
            self._errands.tell_nobody()
            self.streams.tell_nobody()

    async def _end_audio(self) -> None:
        self.streams.stop_talk()
        self.streams.stop_forks()
        if self._audio:
            await asyncio.wait(set(self._audio), timeout=_SOCKETS_CLOSE_WITHIN)

    async def _drive(self) -> Over:
        call_later = asyncio.get_running_loop().call_later
        while True:
            self._wake.clear()
            now = self._clock()
            self._flow.on_timer(now)
            self._tick(now)
            for order in self._flow.take():
                self._carry_out(order, now)
            if self._over is not None:
                return self._over
            due = self._next_due()
            timer = None
            if due is not None:
                # Less than a millisecond, uvloop takes for none and would spin.
                wait = max(_LEAST_WAIT, due - self._clock())
                timer = call_later(wait, self._wake.set)
            await self._wake.wait()
            if timer is not None:
                timer.cancel()

    def _next_due(self) -> float | None:
        due = self._flow.next_timer()
        if not self._ticks_here:
            return due
        return self._next_tick if due is None else min(due, self._next_tick)

    @property
    def _ticks_here(self) -> bool:
        """Whether frames are paced here, not by a bidirectional stream."""
        return self._errands.is_up and not self.streams.talking

    def _tick(self, now: float) -> None:
        while self._ticks_here and self._next_tick <= now and not self._flow.is_over:
            self._next_tick += FRAME_SECONDS
            step = self.leg.frame(self._flow.frame(now), now)
            if step.hang_up == "half_open":
                self.leg.vanish()
            elif step.hang_up:
                self._flow.hang_up(now)
            else:
                audio = None if step.lost else step.audio
                self._flow.hear(audio, step.digits, now)

    def _carry_out(self, order: Order, now: float) -> None:
        match order:
            case Answer():
                self._answer(now)
            case OpenStream(order=stream) if stream.bidirectional:
                told = TalkTold(self._talk_opened, self._talk_ended)
                self._keep(self.streams.talk_over(stream, told))
            case OpenStream(order=stream):
                self.start_stream(stream)
            case StopStream(bidirectional=True):
                self.streams.stop_talk()
            case StopStream(name=name):
                self.stop_stream(name)
            case StartRecording():
                self.start_recording()
            case StopRecording():
                self._finish_record_verb()
            case Noted():
                self._note(order)
            case Over():
                self._over = order
            case _:
                self._errands.take(order)

    def _answer(self, now: float) -> None:
        self._errands.is_up = True
        self._next_tick = now + FRAME_SECONDS
        if self._record:
            self.start_recording()
        self._observer.answered(now)

    # --- streams, recordings, the other leg --------------------------------------

    def _talk_opened(self) -> None:
        self._flow.stream_opened(self._clock())
        self._wake.set()

    def _talk_ended(self, end: TalkEnd) -> None:
        now = self._clock()
        self._next_tick = now + FRAME_SECONDS
        if end.by == "party":
            self._flow.hang_up(now)
        elif end.by == "agent":
            self._flow.stream_ended(end.code, end.text, now)
        self._wake.set()

    def _finish_record_verb(self) -> None:
        recording = self.stop_recording()
        if recording is not None:
            account = f"{self._api}/2010-04-01/Accounts/{self.call.account_sid}"
            url, now = f"{account}/Recordings/{recording.sid}", self._clock()
            self._flow.recorded(recording.sid, url, recording.seconds, now)

    async def _dial(self, order: DialOut) -> DialEnd:
        if self._dialler is None:
            return DialEnd("failed")
        try:
            return await self._dialler.dial(self, order)
        finally:
            self.join(None)

    def _stream_event(self, event: StreamEvent) -> None:
        self._observer.stream_event(event, self._clock())
        self._errands.call_back(event)

    def _note(self, noted: Noted) -> None:
        self._observer.noted(noted, self._clock())

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self._errands.go(self._audio, work)
