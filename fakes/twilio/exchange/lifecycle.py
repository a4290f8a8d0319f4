"""The life of a call: its states, which follows which, and what is told about it.

https://www.twilio.com/docs/voice/api/call-resource#call-status-values
"""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = [
    "ENDS",
    "EVENTS",
    "Event",
    "Status",
    "may_follow",
    "sip_code",
    "status_of_event",
]

Status: TypeAlias = Literal[
    "queued",
    "ringing",
    "in-progress",
    "completed",
    "busy",
    "failed",
    "no-answer",
    "canceled",
]
Event: TypeAlias = Literal["initiated", "ringing", "answered", "completed"]

EVENTS: tuple[Event, ...] = ("initiated", "ringing", "answered", "completed")
ENDS: frozenset[Status] = frozenset(
    {"completed", "busy", "failed", "no-answer", "canceled"}
)

# Ringing may be left out: some carriers go straight to the answer. A call that ended
# stays as it is.
_FOLLOWING: dict[Status, frozenset[Status]] = {
    "queued": frozenset({"ringing", "in-progress", *ENDS}),
    "ringing": frozenset({"in-progress", *ENDS}),
    "in-progress": frozenset({"completed", "failed"}),
    "completed": frozenset(),
    "busy": frozenset(),
    "failed": frozenset(),
    "no-answer": frozenset(),
    "canceled": frozenset(),
}
_SIP_CODES: dict[Status, str] = {
    "completed": "200",
    "busy": "486",
    "no-answer": "487",
    "canceled": "487",
    "failed": "404",
}


def may_follow(status: Status, following: Status) -> bool:
    """Tell whether a call may go from one status to the other."""
    return following in _FOLLOWING[status]


def status_of_event(event: Event, status: Status) -> str:
    """Return the CallStatus that a callback for an event has.

    Args:
        event: what is told; ``initiated`` is a status in callbacks only.
        status: of the call, now.
    """
    known = {"initiated": "initiated", "ringing": "ringing", "answered": "in-progress"}
    return known.get(event, status)


def sip_code(status: Status) -> str:
    """Return the SIP response code that a call ends with, unless it has its own."""
    return _SIP_CODES.get(status, "")
