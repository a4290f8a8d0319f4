"""Tells the exchange how a leg fares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakes.twilio.exchange.call_state import (
    Call,
    RecordingPlan,
    RecordingState,
    StreamState,
)
from fakes.twilio.flow.orders import Noted, Over
from fakes.twilio.leg.observer import StreamEvent
from fakes.twilio.media.recording import Recording

if TYPE_CHECKING:
    from fakes.twilio.exchange.switch import Switch

__all__ = ["LegWatch"]


class LegWatch:
    """Observes one leg.

    Args:
        switch: whose leg it is.
        call: what is known of it.
    """

    def __init__(self, switch: Switch, call: Call) -> None:
        self._switch = switch
        self._call = call

    def answered(self, now: float) -> None:
        """The leg's document answered it."""
        self._switch.exchange.answered(self._call, self._switch.now())
        self._switch.pump()

    def noted(self, noted: Noted, now: float) -> None:
        """Enter a line of the debugger."""
        self._switch.exchange.note(self._call, noted, self._switch.now())

    def stream_event(self, event: StreamEvent, now: float) -> None:
        """Keep what REST shows of a stream."""
        streams, at = self._call.streams, self._switch.now()
        stream = streams.get(event.stream_sid)
        if stream is None:
            name = event.order.name
            stream = streams[event.stream_sid] = StreamState(event.stream_sid, name, at)
        if event.kind != "started":
            stream.status, stream.updated_at = "stopped", at
        if event.kind == "error":
            noted = Noted(event.code, event.text)
            self._switch.exchange.note(self._call, noted, at, event.order.url)

    def recorded(self, recording: Recording, now: float) -> None:
        """Keep a finished recording and tell its callback."""
        at = self._switch.now()
        known = self._call.recordings.get(recording.sid)
        if known is None:
            plan = RecordingPlan(channels=2, source="RecordVerb")
            known = RecordingState(recording.sid, plan, at - recording.seconds)
            self._call.recordings[recording.sid] = known
        known.status, known.updated_at = "completed", at
        known.duration = recording.seconds
        self._switch.requests.shelf.put(recording)
        self._switch.requests.tell_recording(self._call, known)
        self._switch.pump()

    def ended(self, over: Over, now: float) -> None:
        """The leg is over."""
        self._switch.exchange.leg_ended(self._call, over, self._switch.now())
        self._switch.pump()
