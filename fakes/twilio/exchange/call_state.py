"""One call as the exchange and the REST interface know it."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

from fakes.twilio.exchange.lifecycle import ENDS, EVENTS, Event, Status
from fakes.twilio.exchange.numbers import Number, Person
from fakes.twilio.flow.orders import DialOut, Method, Voice
from fakes.twilio.web.webhook import CallLeg

__all__ = [
    "Call",
    "CallPlan",
    "CallbackPlan",
    "Detection",
    "Notification",
    "RecordingPlan",
    "RecordingState",
    "Steered",
    "StreamState",
    "dialled_plan",
    "incoming_plan",
]


class CallbackPlan(NamedTuple):
    """Where the progress of a call is told."""

    url: str = ""
    method: Method = "POST"
    events: frozenset[Event] = frozenset({"completed"})


class Detection(NamedTuple):
    """How a machine is told from a person.

    Attributes:
        message_end: wait for the end of a machine's greeting.
        asynchronous: run the document meanwhile, and tell the callback.
    """

    message_end: bool = False
    asynchronous: bool = False
    timeout: float = 30.0
    callback: str = ""
    callback_method: Method = "POST"

    def finding(self, delay: float, greeting: float | None) -> tuple[float, str]:
        """Return after how many seconds it is known who answered, and what.

        Args:
            delay: until a person is told from a machine.
            greeting: seconds that the machine speaks; None: it is a person.
        """
        seconds, found = delay, "human"
        if greeting is not None:
            seconds, found = delay, "machine_start"
            if self.message_end:
                seconds, found = max(delay, greeting), "machine_end_beep"
        if seconds > self.timeout:
            return self.timeout, "unknown"
        return seconds, found


class RecordingPlan(NamedTuple):
    """A recording as REST or TwiML orders it."""

    callback: str = ""
    callback_method: Method = "POST"
    events: frozenset[str] = frozenset({"completed"})
    channels: int = 1
    track: str = "both"
    source: str = "OutboundAPI"


class CallPlan(NamedTuple):
    """A call as the REST interface orders it; times are seconds.

    Attributes:
        from_number: whom the called person sees.
    """

    from_number: str
    to_number: str
    voice: Voice
    callback: CallbackPlan = CallbackPlan()
    timeout: float = 60.0
    time_limit: float | None = None
    send_digits: str = ""
    detection: Detection | None = None
    recording: RecordingPlan | None = None


class Notification(NamedTuple):
    """A line of the debugger that belongs to a call; ``at`` is monotonic seconds."""

    sid: str
    code: str
    text: str
    level: Literal["error", "warning"]
    at: float
    url: str = ""
    method: str = ""


class StreamState:
    """A media stream as REST shows it."""

    def __init__(self, sid: str, name: str, now: float) -> None:
        self.sid = sid
        self.name = name
        self.status = "in-progress"
        self.updated_at = now


class RecordingState:
    """A recording as REST shows it; times are monotonic seconds."""

    def __init__(self, sid: str, plan: RecordingPlan, now: float) -> None:
        self.sid = sid
        self.plan = plan
        self.status = "in-progress"
        self.started_at = now
        self.updated_at = now
        self.duration: float | None = None


class Steered(Protocol):
    """A leg that runs, as far as REST steers any: here, or at a phone elsewhere."""

    def hang_up(self, cause: str = "") -> None:
        """End the call."""

    def redirect(self, voice: Voice) -> None:
        """Abandon its document for another one."""


class Call:
    """The state of one leg; times are monotonic seconds, None until they come.

    Attributes:
        leg: who calls whom.
        plan: what was ordered.
        person: who is on the line; None when that is another leg of the account.
        number: the caller's number that the person's speech carries.
        phone_number_sid: of the account's number that takes part.
        dialled_at: when it began to ring, or would have.
        answered_by: what machine detection found; empty without it.
        partner: sid of the leg at the other end, when both are the account's.
        children: sids of the legs that it dialled.
        sequence: how many status callbacks were sent.
        sip: response code of its end.
        cause: why it ended, in one line, if not by a good-bye.
        running: whether its document runs or its party is on the line.
        elsewhere: the leg that a phone in another process runs: no stream and no
            recording of it can be ordered, and its document has a time limit there.
    """

    def __init__(self, leg: CallLeg, plan: CallPlan, now: float) -> None:
        self.leg = leg
        self.plan = plan
        self.person: Person | None = None
        self.number = 0
        self.callback = plan.callback
        self.status: Status = "queued"
        self.phone_number_sid = ""
        self.created_at = now
        self.updated_at = now
        self.dialled_at: float | None = None
        self.answered_at: float | None = None
        self.ended_at: float | None = None
        self.queue_time = 0.0
        self.answered_by = ""
        self.partner = ""
        self.children: list[str] = []
        self.sequence = 0
        self.sip = ""
        self.cause = ""
        self.running = False
        self.elsewhere: Steered | None = None
        self.notifications: list[Notification] = []
        self.streams: dict[str, StreamState] = {}
        self.recordings: dict[str, RecordingState] = {}

    @property
    def sid(self) -> str:
        """The call's sid."""
        return self.leg.call_sid

    @property
    def over(self) -> bool:
        """Whether the call has ended."""
        return self.status in ENDS

    @property
    def seconds(self) -> int | None:
        """How long it was answered; None unless it was and is over."""
        if self.ended_at is None or self.answered_at is None:
            return None
        return round(self.ended_at - self.answered_at)

    def finish(self, now: float) -> None:
        """End what belongs to the call."""
        for recording in self.recordings.values():
            if recording.status in ("in-progress", "paused"):
                recording.status, recording.updated_at = "processing", now
                recording.duration = now - recording.started_at
        for stream in self.streams.values():
            if stream.status == "in-progress":
                stream.status, stream.updated_at = "stopped", now


def dialled_plan(order: DialOut, from_number: str) -> CallPlan:
    """Return the plan of a leg that another one dials."""
    asked = order.events or ("completed",)
    return CallPlan(
        from_number,
        order.number,
        Voice(order.url, order.method),
        CallbackPlan(
            order.status_callback,
            order.status_callback_method,
            frozenset(event for event in EVENTS if event in asked),
        ),
        timeout=order.timeout,
        time_limit=order.time_limit,
    )


def incoming_plan(number: Number, caller: str) -> CallPlan:
    """Return the plan of a call to one of the account's numbers."""
    fallback = number.voice_fallback_url, number.voice_fallback_method
    voice = Voice(number.voice_url, number.voice_method, "", *fallback)
    callback = CallbackPlan(number.status_callback, number.status_callback_method)
    return CallPlan(caller, number.phone_number, voice, callback)
