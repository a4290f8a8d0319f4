"""What callbacks say, and how badly they are delivered where that is asked for.

Fields and their order are those of captured requests. The sequence number counts the
events that were subscribed to, not those that happened; ``Duration`` is minutes as
billed, ``CallDuration`` seconds.
"""

from __future__ import annotations

import random

from fakes.twilio.exchange.call_state import Call, RecordingState
from fakes.twilio.exchange.dates import plain_date
from fakes.twilio.exchange.lifecycle import Event, sip_code, status_of_event
from fakes.twilio.exchange.settings import TwilioSettings
from fakes.twilio.exchange.switch_orders import Deliver
from fakes.twilio.flow.orders import Fields, Method
from fakes.twilio.web.credentials import Credentials
from fakes.twilio.web.webhook import CallLeg, plain_request, request_for

__all__ = [
    "Callbacks",
    "billed_minutes",
    "detection_fields",
    "recording_fields",
    "recording_url",
    "status_fields",
]


def billed_minutes(seconds: int) -> int:
    """Return the minutes that are paid for: begun ones count."""
    return -(-seconds // 60)


def status_fields(
    call: Call, event: Event, *, sequence: int, epoch: float, base: str = ""
) -> Fields:
    """Return what a status callback says in addition to the call's own fields.

    Args:
        call: in the state that is told.
        event: what happened.
        sequence: of this callback, from 0.
        epoch: seconds since 1970, now.
        base: of the REST interface, where a recording is to be had.
    """
    fields = {
        "Timestamp": plain_date(epoch),
        "CallbackSource": "call-progress-events",
        "SequenceNumber": str(sequence),
    }
    if event == "completed":
        seconds = call.seconds or 0
        fields["SipResponseCode"] = call.sip or sip_code(call.status)
        fields["Duration"] = str(billed_minutes(seconds))
        fields["CallDuration"] = str(seconds)
        fields |= _recorded(call, base)
        if call.answered_by:
            fields["AnsweredBy"] = call.answered_by
    return tuple(fields.items())


def _recorded(call: Call, base: str) -> dict[str, str]:
    for recording in call.recordings.values():
        if recording.plan.source == "OutboundAPI":
            return {
                "RecordingUrl": recording_url(base, call.leg, recording.sid),
                "RecordingSid": recording.sid,
                "RecordingDuration": str(round(recording.duration or 0)),
            }
    return {}


def recording_url(base: str, leg: CallLeg, sid: str) -> str:
    """Return where a recording is to be had; with ``.wav`` at its end, as that.

    Args:
        base: of the REST interface; empty for Twilio's own.
        leg: whose account it is.
        sid: of the recording.
    """
    base = base or "https://api.twilio.com"
    return f"{base}/2010-04-01/Accounts/{leg.account_sid}/Recordings/{sid}"


def recording_fields(
    recording: RecordingState, leg: CallLeg, *, base: str, epoch: float
) -> Fields:
    """Return the whole form of a recording's status callback.

    Args:
        recording: in the state that is told.
        leg: the call.
        base: of the REST interface, where the recording is to be had.
        epoch: seconds since 1970, when the recording began.
    """
    return (
        ("RecordingSource", recording.plan.source),
        ("RecordingTrack", recording.plan.track),
        ("RecordingSid", recording.sid),
        ("RecordingUrl", recording_url(base, leg, recording.sid)),
        ("RecordingStatus", recording.status),
        ("RecordingChannels", str(recording.plan.channels)),
        ("ErrorCode", "0"),
        ("CallSid", leg.call_sid),
        ("RecordingStartTime", plain_date(epoch)),
        ("AccountSid", leg.account_sid),
        ("RecordingDuration", str(round(recording.duration or 0))),
    )


def detection_fields(call: Call, seconds: float) -> Fields:
    """Return the whole form of the callback of asynchronous machine detection.

    Args:
        call: with the result.
        seconds: how long the detection took.
    """
    return (
        ("CallSid", call.sid),
        ("AccountSid", call.leg.account_sid),
        ("AnsweredBy", call.answered_by),
        ("MachineDetectionDuration", str(round(seconds * 1000))),
    )


class Callbacks:
    """Writes, signs and times the callbacks of one account.

    Args:
        settings: knobs; some make the delivery worse than it need be.
        credentials: whose token signs.
    """

    def __init__(self, settings: TwilioSettings, credentials: Credentials) -> None:
        self._settings = settings
        self._token = credentials.auth_token
        self._chance = random.Random(f"callbacks:{settings.callback_seed}")

    def status(
        self, call: Call, event: Event, epoch: float, base: str
    ) -> list[Deliver]:
        """Return what tells an event of a call; nothing if nobody asked for it."""
        plan, settings = call.callback, self._settings
        if not plan.url or event not in plan.events:
            return []
        sequence, call.sequence = call.sequence, call.sequence + 1
        request = request_for(
            call.leg,
            plan.url,
            plan.method,
            status_of_event(event, call.status),
            status_fields(call, event, sequence=sequence, epoch=epoch, base=base),
            self._token,
            sign_with_port=settings.sign_with_port,
            percent_spaces=settings.percent_spaces,
        )
        return [Deliver(call.sid, request, delay) for delay in self._delays()]

    def plain(
        self, call: Call, url: str, method: Method, form: Fields
    ) -> list[Deliver]:
        """Return a callback that has a form of its own; nothing without an address."""
        if not url:
            return []
        request = plain_request(
            url,
            method,
            form,
            self._token,
            sign_with_port=self._settings.sign_with_port,
            percent_spaces=self._settings.percent_spaces,
        )
        return [Deliver(call.sid, request, delay) for delay in self._delays()]

    def _delays(self) -> tuple[float, ...]:
        """Return the seconds to wait before each delivery of the next callback."""
        settings, chance = self._settings, self._chance
        late = chance.random() < settings.callback_late
        twice = chance.random() < settings.callback_duplicates
        first = chance.uniform(0.0, settings.lateness) if late else 0.0
        again = first + chance.uniform(0.0, settings.lateness)
        return (first, again) if twice else (first,)
