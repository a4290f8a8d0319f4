"""What ``POST /Calls`` and its relatives order, or why they are refused.

https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from fakes.twilio.exchange.call_state import (
    CallbackPlan,
    CallPlan,
    Detection,
    RecordingPlan,
)
from fakes.twilio.exchange.lifecycle import EVENTS
from fakes.twilio.exchange.numbers import Numbers, is_number
from fakes.twilio.exchange.settings import TwilioSettings
from fakes.twilio.flow.orders import StreamOrder, Track, Voice
from fakes.twilio.rest.errors import RestError
from fakes.twilio.rest.form import Form

__all__ = [
    "LONGEST_TWIML",
    "call_plan",
    "callback_plan",
    "recording_plan",
    "stream_parameters",
    "voice_of",
]

LONGEST_TWIML = 4000
_DIGITS = re.compile(r"[0-9A-D#*wW]{0,32}")
# What the documented test numbers are refused with, and why:
# https://www.twilio.com/docs/iam/test-credentials
_CALLED = {
    "+15005550001": (21211, "The phone number you are attempting to call is not valid"),
    "+15005550002": (21214, "The phone number cannot be reached"),
    "+15005550003": (21215, "Account not authorized to call this number"),
    "+15005550004": (21216, "Account not allowed to call this number"),
}
_CALLING = {"+15005550001": (21212, "Invalid From Number (caller ID)")}


def call_plan(form: Form, numbers: Numbers, settings: TwilioSettings) -> CallPlan:
    """Return the call that a form orders.

    Raises:
        RestError: 400, with the number of what is wrong.
    """
    to_number = _called(form, settings, numbers)
    from_number = _calling(form, settings, numbers)
    voice = voice_of(form)
    if voice is None:
        raise RestError(400, 21205, "Url parameter is required.")
    digits = form.text("SendDigits")
    if not _DIGITS.fullmatch(digits):
        problem = "SendDigits is not valid: up to 32 of 0-9 A-D # * w W"
        raise RestError(400, 21206, problem)
    recorded = form.flag("Record")
    limit = form.whole("TimeLimit", 0, 1, 86_400, 21208)
    return CallPlan(
        from_number=from_number,
        to_number=to_number,
        voice=voice,
        callback=callback_plan(form),
        timeout=form.whole("Timeout", 60, 1, 600, 21208),
        time_limit=limit or None,
        send_digits=digits,
        detection=_detection(form),
        recording=recording_plan(form, source="OutboundAPI") if recorded else None,
    )


def voice_of(form: Form) -> Voice | None:
    """Return where a call gets its documents from; None when it is not said."""
    url, twiml = form.address("Url"), form.text("Twiml")
    if len(twiml) > LONGEST_TWIML:
        raise RestError(400, 21205, f"Twiml must be at most {LONGEST_TWIML} characters")
    if "ApplicationSid" in form:
        raise RestError(400, 21218, "ApplicationSid is not valid: there is none")
    fallback = form.address("FallbackUrl"), form.method("FallbackMethod")
    if not url and not twiml:
        return None
    return Voice(url, form.method("Method"), "" if url else twiml, *fallback)


def callback_plan(form: Form) -> CallbackPlan:
    """Return where the progress of a call is told.

    An event that does not exist is passed over: several in one text, with spaces, are
    such an event.
    """
    url = form.address("StatusCallback", 21609)
    if "_" in (urlsplit(url).hostname or ""):
        raise RestError(400, 21609, "StatusCallback: a host must not have underscores")
    asked = form.all("StatusCallbackEvent") or ["completed"]
    events = frozenset(event for event in EVENTS if event in asked)
    return CallbackPlan(url, form.method("StatusCallbackMethod"), events)


def recording_plan(form: Form, *, source: str) -> RecordingPlan:
    """Return the recording that a form orders."""
    dual = form.text("RecordingChannels", "mono") == "dual"
    events = form.all("RecordingStatusCallbackEvent") or ["completed"]
    if len(events) == 1:
        events = events[0].split()
    return RecordingPlan(
        callback=form.address("RecordingStatusCallback"),
        callback_method=form.method("RecordingStatusCallbackMethod"),
        events=frozenset(events),
        channels=2 if dual else 1,
        track=form.text("RecordingTrack", "both"),
        source=source,
    )


def stream_parameters(form: Form) -> StreamOrder:
    """Return the unidirectional stream that a form orders.

    Raises:
        RestError: 400.
    """
    url = form.text("Url")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    local = host in ("127.0.0.1", "localhost", "::1")
    if parts.scheme != "wss" and not (parts.scheme == "ws" and local):
        raise RestError(400, 21205, f"Url must be wss://: {url[:200]}")
    if not host:
        raise RestError(400, 21205, f"Url is not valid: {url[:200]}")
    return StreamOrder(
        url=parts._replace(query="", fragment="").geturl(),
        parameters=_custom(form),
        name=form.text("Name"),
        track=_track(form),
        status_callback=form.address("StatusCallback"),
        status_callback_method=form.method("StatusCallbackMethod"),
        bidirectional=False,
    )


def _custom(form: Form) -> dict[str, str]:
    custom = {}
    for number in range(1, 100):
        name = form.text(f"Parameter{number}.Name")
        if name:
            custom[name] = form.text(f"Parameter{number}.Value")
    return custom


def _track(form: Form) -> Track:
    match form.text("Track", "inbound_track"):
        case "inbound_track":
            return "inbound_track"
        case "outbound_track":
            return "outbound_track"
        case "both_tracks":
            return "both_tracks"
        case other:
            raise RestError(400, 20422, f"Track {other[:40]!r} does not exist")


def _called(form: Form, settings: TwilioSettings, numbers: Numbers) -> str:
    text = form.text("To")
    if not text:
        raise RestError(400, 21201, "No 'To' number is specified")
    number = _number(text)
    if number is None:
        problem = "The phone number you are attempting to call"
        raise RestError(400, 21211, f"{problem}, {text[:60]}, is not valid.")
    if number in _CALLED:
        code, message = _CALLED[number]
        raise RestError(400, code, f"{message}: {number}")
    if number in settings.blocked:
        raise RestError(400, 21216, f"Account not allowed to call {number}")
    if is_number(number) and not number.startswith(settings.permitted):
        text = f"Account not authorized to call {number}."
        raise RestError(400, 21215, f"{text} Perhaps you need to enable its country.")
    known = number in settings.verified or number in numbers.own
    if settings.trial and not known:
        text = f"The number {number} is unverified."
        text += " Trial accounts may only make calls to verified numbers."
        raise RestError(400, 21219, text)
    return number


def _calling(form: Form, settings: TwilioSettings, numbers: Numbers) -> str:
    text = form.text("From")
    if not text:
        raise RestError(400, 21213, "No 'From' number is specified")
    number = _number(text)
    if number is None:
        problem = f"The source phone number provided, {text[:60]}, is not valid"
        raise RestError(400, 21212, problem)
    if number in _CALLING:
        code, message = _CALLING[number]
        raise RestError(400, code, f"{message}: {number}")
    known = number in numbers.own or number in settings.verified
    if is_number(number) and not known and "CallToken" not in form:
        problem = f"The source phone number provided, {number}, is not yet verified"
        allowed = "You may only make calls from numbers that are yours or verified."
        raise RestError(400, 21210, f"{problem} for your account. {allowed}")
    return number


def _number(text: str) -> str | None:
    """Return a number in E.164, or a client or SIP address; None for neither."""
    if text.startswith(("client:", "sip:")):
        return text if len(text) > len("client:") and text.isprintable() else None
    bare = re.sub(r"[\s().-]", "", text)
    if re.fullmatch(r"[2-9][0-9]{9}", bare):
        bare = f"+1{bare}"
    return bare if is_number(bare) else None


def _detection(form: Form) -> Detection | None:
    asked = form.text("MachineDetection")
    if not asked:
        return None
    if asked not in ("Enable", "DetectMessageEnd"):
        raise RestError(400, 21234, f"Invalid MachineDetection value: {asked[:40]}")
    _check_thresholds(form)
    return Detection(
        message_end=asked == "DetectMessageEnd",
        asynchronous=form.flag("AsyncAmd"),
        timeout=form.whole("MachineDetectionTimeout", 30, 3, 59, 21263),
        callback=form.address("AsyncAmdStatusCallback"),
        callback_method=form.method("AsyncAmdStatusCallbackMethod"),
    )


def _check_thresholds(form: Form) -> None:
    for name, default, least, most in (
        ("MachineDetectionSpeechThreshold", 2400, 1000, 6000),
        ("MachineDetectionSpeechEndThreshold", 1200, 500, 5000),
        ("MachineDetectionSilenceTimeout", 5000, 2000, 10_000),
    ):
        form.whole(name, default, least, most, 21263)
