"""What a stream's ``statusCallback`` is told.

Field order and the nanoseconds of the time are those of a captured request; fields:
https://www.twilio.com/docs/voice/twiml/stream#attributes-statusCallback.
"""

from __future__ import annotations

from datetime import UTC, datetime

from fakes.twilio.flow.orders import Fields
from fakes.twilio.leg.observer import StreamEvent
from fakes.twilio.web.webhook import CallLeg

__all__ = ["stream_callback"]

# How Twilio names what went wrong, by its error number.
_ERRORS = {
    "31901": "Connection Timeout",
    "31902": "Connection Refused",
    "31903": "Connection Broken Pipe",
    "31904": "Host Unreachable",
    "31910": "SSL Protocol Error",
    "31920": "Handshake Error",
    "31921": "Close Error",
    "31922": "URL Schema Not Supported",
    "31923": "Malformed URL",
    "31924": "Protocol Error",
}


def stream_callback(event: StreamEvent, leg: CallLeg, at: int) -> Fields:
    """Return the form of the callback; ``at`` is nanoseconds since the epoch."""
    seconds, nanoseconds = divmod(at, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fields = (
        ("StreamName", event.name),
        ("StreamEvent", f"stream-{event.kind}"),
        ("CallSid", leg.call_sid),
        ("Timestamp", f"{moment}.{nanoseconds:09d}Z"),
        ("AccountSid", leg.account_sid),
        ("StreamSid", event.stream_sid),
    )
    if event.kind != "error":
        return fields
    name = _ERRORS.get(event.code, event.text)
    return (*fields, ("StreamError", f"Stream - WebSocket - {name}"))
