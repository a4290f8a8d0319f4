"""What callbacks say, field by field, and who else is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fakes.twilio.exchange.call_state import (
    Call,
    CallbackPlan,
    CallPlan,
    RecordingPlan,
    RecordingState,
)
from fakes.twilio.exchange.callbacks import (
    Callbacks,
    billed_minutes,
    recording_fields,
    recording_url,
)
from fakes.twilio.exchange.settings import TwilioSettings
from fakes.twilio.flow.orders import Voice
from fakes.twilio.web.credentials import Credentials, credentials_of
from fakes.twilio.web.webhook import CallLeg, call_fields, request_for, voice_webhook
from voiceutils.errors import SettingError

CAPTURES = json.loads(
    Path(__file__).with_name("twilio_captures.json").read_text(encoding="ascii")
)
LEG = CallLeg.of(4729)
URL = "http://127.0.0.1:8080/status"


def ended_call(seconds: float = 15.0) -> Call:
    """Return a call that was answered for so long, and wants callbacks."""
    plan = CallPlan(LEG.from_number, LEG.to_number, Voice(), CallbackPlan(URL))
    call = Call(LEG, plan, 0.0)
    call.status, call.answered_at, call.ended_at = "completed", 1.0, 1.0 + seconds
    return call


def sent(call: Call, settings: TwilioSettings | None = None) -> list[str]:
    """Return the names of the fields of the ``completed`` callback."""
    callbacks = Callbacks(settings or TwilioSettings(), Credentials())
    (delivery,) = callbacks.status(call, "completed", 1_641_971_790.0, "")
    return [name for name, _ in delivery.request.form]


def test_a_completed_callback_has_the_captured_fields_in_their_order() -> None:
    """Not one more, not one less."""
    assert sent(ended_call()) == CAPTURES["call_status_callback_form_order"]


def test_the_first_webhook_has_the_captured_fields_in_their_order() -> None:
    """CallToken and StirVerstat belong to it alone."""
    request = voice_webhook(URL, LEG, auth_token="t")
    names = [name for name, _ in request.form]
    assert names == CAPTURES["inbound_voice_webhook_form_order"]
    later = [name for name, _ in request_for(LEG, URL).form]
    assert later == [n for n in names if n not in ("CallToken", "StirVerstat")]


def test_webhook_headers_are_the_captured_ones() -> None:
    """Lower case apart, name by name, and the values that do not vary."""
    headers = {k.lower(): v for k, v in voice_webhook(URL, LEG, auth_token="t").headers}
    captured = CAPTURES["webhook_http_headers"]["headers"]
    assert headers.keys() == captured.keys()
    for name, value in captured.items():
        assert value.startswith("<") or headers[name] == value


def test_more_fields_follow_at_the_end_and_replace_where_they_are_known() -> None:
    """What an action adds has no place of its own."""
    fields = (("Digits", "12"), ("CallStatus", "completed"), ("FinishedOnKey", ""))
    form = call_fields(LEG, "in-progress", fields)
    assert form[-2:] == (("Digits", "12"), ("FinishedOnKey", ""))
    assert dict(form)["CallStatus"] == "completed"


def test_a_leg_may_have_a_parent_a_forwarder_and_a_name() -> None:
    """These fields are absent otherwise."""
    leg = LEG._replace(
        direction="outbound-dial",
        parent_call_sid="CA1",
        forwarded_from="+14155550111",
        caller_name="JANE",
    )
    form = dict(call_fields(leg, "in-progress"))
    assert form["Direction"] == "outbound-dial"
    assert form["ParentCallSid"] == "CA1"
    assert form["ForwardedFrom"] == form["CalledVia"] == "+14155550111"
    assert form["CallerName"] == "JANE"
    assert "ParentCallSid" not in dict(call_fields(LEG, "in-progress"))


@pytest.mark.parametrize(("percent", "space"), [(False, b"+"), (True, b"%20")])
def test_spaces_travel_in_either_way(percent: bool, space: bytes) -> None:
    """Both were seen; the signature covers neither."""
    request = request_for(LEG, URL, auth_token="t", percent_spaces=percent)
    assert b"CallerCity=SAN" + space + b"FRANCISCO" in request.body


@pytest.mark.parametrize(
    ("seconds", "minutes"), [(0, 0), (1, 1), (60, 1), (61, 2), (15, 1)]
)
def test_begun_minutes_are_billed(seconds: int, minutes: int) -> None:
    """``Duration`` is minutes, ``CallDuration`` seconds."""
    assert billed_minutes(seconds) == minutes


def test_a_recorded_call_tells_where_its_recording_is() -> None:
    """In the completed callback, when REST ordered it with the call."""
    call = ended_call()
    recording = RecordingState("RE1", RecordingPlan(source="OutboundAPI"), 1.0)
    call.recordings["RE1"] = recording
    assert sent(call)[-3:] == ["RecordingUrl", "RecordingSid", "RecordingDuration"]
    recording.plan = recording.plan._replace(source="StartCallRecordingAPI")
    assert "RecordingUrl" not in sent(call)


def test_a_recordings_callback_has_its_fields() -> None:
    """The address is that of the REST interface."""
    recording = RecordingState("RE1", RecordingPlan(channels=2), 1.0)
    recording.duration = 3.4
    form = dict(recording_fields(recording, LEG, base="http://x", epoch=0.0))
    assert form["RecordingUrl"] == recording_url("http://x", LEG, "RE1")
    assert (form["RecordingDuration"], form["RecordingChannels"]) == ("3", "2")
    assert form["RecordingStartTime"] == "Thu, 01 Jan 1970 00:00:00 +0000"
    assert form["ErrorCode"] == "0"


def test_credentials_come_from_options_then_the_environment_then_the_tests() -> None:
    """And never show their token."""
    sid = f"AC{'a' * 32}"
    theirs = {"TWILIO_ACCOUNT_SID": sid, "TWILIO_AUTH_TOKEN": "their-token"}
    assert credentials_of({}) == Credentials()
    assert theirs.items() <= credentials_of(theirs).environment().items()
    assert credentials_of(theirs, auth_token="mine").auth_token == "mine"
    keys = theirs | {"TWILIO_API_KEY": "SK1", "TWILIO_API_SECRET": "secret"}
    assert credentials_of(keys).keys == {"SK1": "secret"}
    assert "secret" not in repr(credentials_of(keys))
    assert "their-token" not in repr(credentials_of(theirs))
    with pytest.raises(SettingError, match="AC and 32 hex digits"):
        credentials_of({"TWILIO_ACCOUNT_SID": "me"})
