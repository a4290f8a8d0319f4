"""What the exchange orders from the switch, which has the sockets and the clock."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from fakes.twilio.exchange.lifecycle import Status
from fakes.twilio.flow.orders import Voice
from fakes.twilio.web.webhook import WebhookRequest

__all__ = [
    "Connect",
    "Deliver",
    "DialEnded",
    "HangUp",
    "Redirect",
    "Ring",
    "SwitchOrder",
]


class Ring(NamedTuple):
    """A call has come in: run its document while it rings."""

    call_sid: str


class Connect(NamedTuple):
    """An outbound call is answered: put its party on the line, run its document."""

    call_sid: str


class HangUp(NamedTuple):
    """End a leg that runs; the exchange has it as ended already."""

    call_sid: str
    cause: str


class Redirect(NamedTuple):
    """Give a leg that runs another document."""

    call_sid: str
    voice: Voice


class DialEnded(NamedTuple):
    """Tell a leg that the leg which it dialled is over.

    Attributes:
        seconds: how long that was answered; None when it never was.
    """

    parent_sid: str
    call_sid: str
    status: Status
    seconds: int | None


class Deliver(NamedTuple):
    """Send a callback, after a while; failures are noted on the call."""

    call_sid: str
    request: WebhookRequest
    delay: float


SwitchOrder: TypeAlias = Ring | Connect | HangUp | Redirect | DialEnded | Deliver
