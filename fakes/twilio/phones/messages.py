"""What a phone and the exchange tell each other; a text frame is a JSON array of them.

::

    [{"type": "placed", "call_sid": "CA...", "account_sid": "AC...",
      "from_number": "+14155554729", "to_number": "+15005550006"}]
    [{"type": "hang_up", "call_sid": "CA..."}]
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from fakes.twilio.flow.orders import Over, Voice
from fakes.twilio.web.webhook import CallLeg
from voiceutils.errors import WireError

__all__ = [
    "LARGEST_FRAME",
    "MOST_IN_FRAME",
    "PHONES_PATH",
    "CallAnswered",
    "CallEnded",
    "CallPlaced",
    "CallRefused",
    "HangUpCall",
    "Ordered",
    "RedirectCall",
    "Told",
    "decode_ordered",
    "decode_told",
    "encode_frame",
    "is_call_sid",
    "placed",
]

PHONES_PATH = "/__fakes/twilio/phones"  # of the control interface
MOST_IN_FRAME = 200
# One redirect: a REST request has 256 KiB at most, which JSON may write sixfold.
LARGEST_FRAME = 2 * 1024 * 1024
_CAUSE = 500  # characters of a cause that are passed on

_SID = r"\ACA[0-9a-fA-F]{32}\Z"
_is_sid = re.compile(_SID)
_Sid: TypeAlias = Annotated[str, Meta(pattern=_SID)]
_Account: TypeAlias = Annotated[str, Meta(pattern=r"\AAC[0-9a-fA-F]{32}\Z")]
_Name: TypeAlias = Annotated[str, Meta(max_length=100)]
_Line: TypeAlias = Annotated[str, Meta(max_length=_CAUSE)]
_Status: TypeAlias = Literal["completed", "busy", "no-answer", "failed", "canceled"]

T = TypeVar("T")


class _Message(msgspec.Struct, frozen=True, tag_field="type", omit_defaults=True):
    call_sid: _Sid


class CallPlaced(_Message, frozen=True, kw_only=True, tag="placed"):
    """A call to the account rings: the exchange may act on it from now on."""

    account_sid: _Account
    from_number: _Name
    to_number: _Name

    @property
    def leg(self) -> CallLeg:
        """Who calls whom."""
        return CallLeg(
            self.call_sid,
            self.account_sid,
            self.from_number,
            self.to_number,
        )


class CallAnswered(_Message, frozen=True, tag="answered"):
    """The call's document has answered it."""


class CallEnded(_Message, frozen=True, tag="ended"):
    """The call is over."""

    status: _Status = "completed"
    cause: _Line = ""

    @property
    def over(self) -> Over:
        """The same, as a leg tells it."""
        return Over(self.status, self.cause)

    @classmethod
    def of(cls, call_sid: str, over: Over) -> CallEnded:
        """Return the message for a leg that is over."""
        return cls(call_sid, over.status, over.cause[:_CAUSE])


class HangUpCall(_Message, frozen=True, tag="hang_up"):
    """End the call; without a cause, because the agent has asked for it."""

    cause: _Line = ""


class RedirectCall(_Message, frozen=True, tag="redirect"):
    """Abandon the call's document for another one; told of an answered call only."""

    voice: Voice


class CallRefused(_Message, frozen=True, tag="refused"):
    """The exchange does not know this call; the call itself goes on."""

    reason: _Line


Told: TypeAlias = CallPlaced | CallAnswered | CallEnded
Ordered: TypeAlias = HangUpCall | RedirectCall | CallRefused

_encoder = msgspec.json.Encoder()
_told = msgspec.json.Decoder(Annotated[list[Told], Meta(max_length=MOST_IN_FRAME)])
_ordered = msgspec.json.Decoder(
    Annotated[list[Ordered], Meta(max_length=MOST_IN_FRAME)]
)


def is_call_sid(text: str) -> bool:
    """Tell whether a text can be the sid of a call."""
    return _is_sid.search(text) is not None


def placed(leg: CallLeg) -> CallPlaced:
    """Return the message for a leg that rings."""
    return CallPlaced(
        call_sid=leg.call_sid,
        account_sid=leg.account_sid,
        from_number=leg.from_number,
        to_number=leg.to_number,
    )


def encode_frame(messages: Sequence[Told | Ordered]) -> str:
    """Return a text frame; at most :data:`MOST_IN_FRAME` messages fit."""
    return _encoder.encode(messages).decode()


def decode_told(frame: str) -> list[Told]:
    """Return what a phone tells; raises WireError."""
    found: list[Told] = _decoded(_told, frame)
    return found


def decode_ordered(frame: str) -> list[Ordered]:
    """Return what the exchange orders; raises WireError."""
    found: list[Ordered] = _decoded(_ordered, frame)
    return found


def _decoded(decoder: msgspec.json.Decoder[Any], frame: str) -> Any:
    try:
        return decoder.decode(frame)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise WireError(f"{frame[:60]!r} is none: {error}") from error
