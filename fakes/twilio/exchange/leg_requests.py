"""What the REST interface asks of the legs that run: streams and recordings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from fakes.twilio.exchange.call_state import (
    Call,
    RecordingPlan,
    RecordingState,
    StreamState,
)
from fakes.twilio.exchange.callbacks import recording_fields
from fakes.twilio.exchange.exchange import Exchange
from fakes.twilio.exchange.recording_shelf import RecordingShelf
from fakes.twilio.flow.orders import StreamOrder
from fakes.twilio.leg.leg_call import LegCall

__all__ = ["LegRequests"]


class LegRequests:
    """The :class:`fakes.twilio.rest.visit.Lines` of a switch.

    Attributes:
        shelf: where the recordings are.

    Args:
        exchange: what calls there are.
        legs: those that run, by sid.
        now: the exchange's clock.
    """

    def __init__(
        self,
        exchange: Exchange,
        legs: Mapping[str, LegCall],
        now: Callable[[], float],
    ) -> None:
        self.shelf = RecordingShelf()
        self._exchange = exchange
        self._legs = legs
        self._now = now

    def start_stream(self, call: Call, order: StreamOrder) -> StreamState:
        """Open a unidirectional stream; the sid is the leg's."""
        sid = self._legs[call.sid].start_stream(order)
        stream = StreamState(sid, order.name, self._now())
        return call.streams.setdefault(sid, stream)

    def stop_stream(self, call: Call, stream: StreamState) -> None:
        """Stop it."""
        if leg := self._legs.get(call.sid):
            leg.stop_stream(stream.name or stream.sid)

    def start_recording(self, call: Call, plan: RecordingPlan) -> RecordingState:
        """Record a leg that runs."""
        sid = self._legs[call.sid].start_recording()
        recording = RecordingState(sid, plan, self._now())
        call.recordings[sid] = recording
        self.tell_recording(call, recording)
        return recording

    def change_recording(
        self, call: Call, recording: RecordingState, status: str
    ) -> None:
        """Pause a recording, go on with it, or stop it."""
        now = self._now()
        leg = self._legs.get(call.sid)
        if leg is None:
            return
        recording.updated_at = now
        leg.streams.settle()  # what was not recorded is lived through first
        self.shelf.resume(leg.leg, recording.sid)
        if status == "stopped":
            recording.status, recording.duration = "stopped", now - recording.started_at
            leg.stop_recording()
            return
        recording.status = status
        if status == "paused":
            self.shelf.pause(leg.leg, recording.sid)

    def wav(self, sid: str) -> Iterator[bytes] | None:
        """Return the file of a recording."""
        recording = self.shelf.get(sid)
        return None if recording is None else recording.wav()

    def forget_recording(self, sid: str) -> None:
        """Delete it."""
        self.shelf.forget(sid)

    def tell_recording(self, call: Call, recording: RecordingState) -> None:
        """Send the callback of a recording's status, if it was asked for."""
        plan = recording.plan
        if recording.status in plan.events:
            epoch = self._exchange.epoch + recording.started_at
            base = self._exchange.base
            form = recording_fields(recording, call.leg, base=base, epoch=epoch)
            self._exchange.callback(call, plan.callback, plan.callback_method, form)
