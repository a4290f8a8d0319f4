"""What may go wrong on purpose: the vocabulary.

A fault is a small frozen value with one idea. Who meets which is a matter of
:class:`fakes.fault_rules.Rule`; when one strikes, of :class:`fakes.moments.Fuse`.
:class:`Nothing` is a fault, too, so that "no fault" runs the same path.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

__all__ = [
    "RESPONSES",
    "SOCKETS",
    "SURFACES",
    "CallTool",
    "Cap",
    "Close",
    "Delay",
    "Drop",
    "Duplicate",
    "EmptyAudio",
    "Fault",
    "HalfOpen",
    "LateFinal",
    "Momentary",
    "Mute",
    "NoFinal",
    "Nothing",
    "Recite",
    "Refuse",
    "Reset",
    "Slice",
    "SlowReader",
    "Stage",
    "Stall",
    "Throttle",
    "Trickle",
]

SOCKETS = ("listen", "flux", "speak", "speak_flux", "agent")
RESPONSES = ("listen_rest", "speak_rest", "manage", "chat", "twilio_rest")
SURFACES = SOCKETS + RESPONSES

Stage: TypeAlias = Literal["knock", "handshake", "open"]


class _Fault(msgspec.Struct, frozen=True, tag_field="type", forbid_unknown_fields=True):
    pass


class Momentary(_Fault, frozen=True, kw_only=True):
    """A fault that strikes at a moment; each condition given must hold.

    Attributes:
        when: ``knock`` (the request is read, nothing answered), ``handshake`` (in the
            middle of the head of the answer) or ``open``.
        after_sent: messages sent to the client.
        after_received: messages that came from the client.
        after_heard: seconds of audio that came from the client.
        after_word: a word that is about to be sent to the client in a transcript; upper
            and lower case are the same.
    """

    when: Stage = "open"
    after_sent: int = 0
    after_received: int = 0
    after_heard: float = 0.0
    after_word: str = ""


class Nothing(_Fault, frozen=True, tag="Nothing"):
    """All goes well."""


class Refuse(_Fault, frozen=True, tag="Refuse"):
    """Answer with an error status instead of 101 or 200.

    ``retry_after`` is sent as the Retry-After header, in seconds.
    """

    status: int = 503
    retry_after: float | None = None


class Cap(_Fault, frozen=True, tag="Cap"):
    """Refuse with 429 while this many connections are open; running ones stay.

    Not dealt in turn: it holds for every attempt that its rule concerns, all groups
    together.

    Attributes:
        connections: how many may be open.
        linger: seconds for which a slot stays taken after its connection ended.
        retry_after: seconds in the Retry-After header.
    """

    connections: int
    linger: float = 0.0
    retry_after: float | None = None


class Delay(_Fault, frozen=True, tag="Delay"):
    """Wait this long before the handshake or the head of the response."""

    seconds: float


class Stall(Momentary, frozen=True, tag="Stall"):
    """Accept, and ``after`` seconds later never say anything again, no close either.

    Attributes:
        after: seconds after the opening.
        seconds: how long; then all that waited comes at once. None: for ever.
    """

    after: float = 0.0
    seconds: float | None = None


class Mute(Momentary, frozen=True, tag="Mute"):
    """Lose every message to the client; the socket pongs and may close as it would.

    Attributes:
        after: seconds after the opening.
        seconds: how long; later messages come again. None: for ever.
    """

    after: float = 0.0
    seconds: float | None = None


class HalfOpen(Momentary, frozen=True, tag="HalfOpen"):
    """Vanish: TCP stays up, but nothing is read, ponged, said or closed any more.

    ``after`` counts seconds from the opening.
    """

    after: float = 0.0


class Close(Momentary, frozen=True, tag="Close"):
    """Close ``after`` seconds after the opening.

    A WebSocket with ``code`` and ``reason`` (1005: a close frame without code, 1006: no
    close frame); a response ends in the middle of its body.
    """

    code: int = 1011
    after: float = 0.0
    reason: str = ""


class Reset(Momentary, frozen=True, tag="Reset"):
    """Reset the TCP connection ``after`` seconds after the opening."""

    after: float = 0.0


class SlowReader(Momentary, frozen=True, tag="SlowReader"):
    """Read slowly, so that the client's own sending blocks.

    Attributes:
        bytes_a_second: 0 reads nothing at all (zero window).
        after: seconds after the opening.
    """

    bytes_a_second: float = 0.0
    after: float = 0.0


class Throttle(Momentary, frozen=True, tag="Throttle"):
    """Write slowly to the client.

    Attributes:
        bytes_a_second: on the wire.
        after: seconds after the opening.
    """

    bytes_a_second: float
    after: float = 0.0


class Slice(Momentary, frozen=True, tag="Slice"):
    """Write to the client in small pieces: frames arrive in parts.

    Attributes:
        size: bytes a piece.
        gap: seconds between two pieces.
        after: seconds after the opening.
    """

    size: int = 1
    gap: float = 0.0
    after: float = 0.0


class Drop(_Fault, frozen=True, tag="Drop"):
    """Lose some messages to the client.

    Attributes:
        number: the first one lost, counted from 1.
        count: how many in a row.
        kind: count these only: a ``type`` such as ``Results``, or ``audio``; "" is all.
    """

    number: int = 1
    count: int = 1
    kind: str = ""


class Duplicate(_Fault, frozen=True, tag="Duplicate"):
    """Send some messages to the client twice; the attributes are those of Drop."""

    number: int = 1
    count: int = 1
    kind: str = ""


class NoFinal(_Fault, frozen=True, tag="NoFinal"):
    """Interims only: no final result ever comes (listen)."""


class LateFinal(_Fault, frozen=True, tag="LateFinal"):
    """Finals come this much later than they would (listen)."""

    seconds: float


class EmptyAudio(_Fault, frozen=True, tag="EmptyAudio"):
    """Success without a byte of audio (speak)."""


class Trickle(_Fault, frozen=True, tag="Trickle"):
    """Come slowly: seconds for each token, or for each second of audio."""

    seconds: float


class Recite(_Fault, frozen=True, tag="Recite"):
    """Answer with this text, whatever was asked; it may be empty (chat)."""

    text: str = ""


class CallTool(_Fault, frozen=True, tag="CallTool"):
    """Answer with a call of a tool that nobody offered, and no text (chat)."""

    name: str = "look_up"


Fault: TypeAlias = (
    Nothing
    | Refuse
    | Cap
    | Delay
    | Stall
    | Mute
    | HalfOpen
    | Close
    | Reset
    | SlowReader
    | Throttle
    | Slice
    | Drop
    | Duplicate
    | NoFinal
    | LateFinal
    | EmptyAudio
    | Trickle
    | Recite
    | CallTool
)
