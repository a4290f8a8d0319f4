"""What a call's flow orders from whoever carries the call.

:mod:`fakes.twilio.flow.flow` decides, in virtual time, what a TwiML document makes of a
call; it opens no socket and sends no request but gives out these orders. The answer to
each comes back by the method of the flow that the order names.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

__all__ = [
    "Answer",
    "CloseRelay",
    "DialOut",
    "FetchDocument",
    "FetchSound",
    "Fields",
    "HangUpDial",
    "Method",
    "Noted",
    "OpenRelay",
    "OpenStream",
    "Order",
    "Over",
    "Send",
    "SendRelay",
    "StartRecording",
    "StopRecording",
    "StopStream",
    "StreamOrder",
    "Track",
    "Voice",
]

Method: TypeAlias = Literal["GET", "POST"]
Track: TypeAlias = Literal["inbound_track", "outbound_track", "both_tracks"]
Fields: TypeAlias = tuple[tuple[str, str], ...]


class Voice(NamedTuple):
    """Where a call gets its documents from.

    Attributes:
        url: of the first document; empty when ``twiml`` is given.
        twiml: the document itself, as REST callers may give it.
        fallback_url: asked once when a document cannot be had or read.
    """

    url: str = ""
    method: Method = "POST"
    twiml: str = ""
    fallback_url: str = ""
    fallback_method: Method = "POST"


class StreamOrder(NamedTuple):
    """A media stream as a document or a REST request orders it.

    Attributes:
        url: the media socket, absolute, without query.
        parameters: custom parameters for the start message.
        name: unique in the call; empty means the stream's sid.
        bidirectional: ``<Connect><Stream>``; such a stream plays what the agent sends.
    """

    url: str
    parameters: dict[str, str]
    name: str = ""
    track: Track = "inbound_track"
    status_callback: str = ""
    status_callback_method: Method = "POST"
    bidirectional: bool = True


class FetchDocument(NamedTuple):
    """Request a document; answered by ``document`` or ``fetch_failed``.

    It supersedes any that is still under way: only the last one's answer may come.

    Attributes:
        fields: in addition to the fields that every request of a call has.
    """

    url: str
    method: Method
    fields: Fields = ()


class FetchSound(NamedTuple):
    """Request what ``<Play>`` names; answered by ``sound`` or ``fetch_failed``."""

    url: str


class Answer(NamedTuple):
    """The leg is answered now; given once, and only for a leg that still rings."""


class OpenStream(NamedTuple):
    """Open a media stream; a bidirectional one's end is told by ``stream_ended``."""

    order: StreamOrder


class StopStream(NamedTuple):
    """Stop a unidirectional stream, by its name.

    Attributes:
        bidirectional: stop that one instead, since a new document takes the call over;
            its end is not told.
    """

    name: str = ""
    bidirectional: bool = False


class OpenRelay(NamedTuple):
    """Open a ConversationRelay socket.

    Answered by ``relay_opened``, ``relay_received`` and ``relay_closed``.
    """

    url: str


class SendRelay(NamedTuple):
    """Send a text message on the relay socket."""

    text: str


class CloseRelay(NamedTuple):
    """Close the relay socket."""

    code: int
    reason: str = ""


class DialOut(NamedTuple):
    """Call somebody and join the two legs; answered by ``dial_ended``.

    Attributes:
        timeout: seconds to let it ring.
        events: which of initiated, ringing, answered, completed are called back.
    """

    number: str
    caller_id: str = ""
    timeout: int = 30
    time_limit: int | None = None
    status_callback: str = ""
    status_callback_method: Method = "POST"
    events: tuple[str, ...] = ()
    url: str = ""  # a document for the called leg, before the two are joined
    method: Method = "POST"
    send_digits: str = ""  # to the called leg, once it answers


class HangUpDial(NamedTuple):
    """Hang up the called leg; its end is told by ``dial_ended`` if awaited at all."""


class StartRecording(NamedTuple):
    """Record both sides from now on."""

    status_callback: str = ""
    status_callback_method: Method = "POST"


class StopRecording(NamedTuple):
    """Stop what the verb ``<Record>`` started; answered by ``recorded``."""


class Send(NamedTuple):
    """Make a request whose answer does not matter."""

    url: str
    method: Method
    fields: Fields = ()


class Noted(NamedTuple):
    """What Twilio's debugger would list.

    Attributes:
        code: Twilio's error number, or a word where it has none.
    """

    code: str
    text: str
    level: Literal["error", "warning"] = "error"
    evidence: str = ""


class Over(NamedTuple):
    """The leg is over; the last order of a flow.

    Attributes:
        status: the call's last status.
        cause: why, in one line, if it ended otherwise than by a good-bye.
        reject: ``busy`` or ``rejected`` when the leg was never answered by choice.
    """

    status: Literal["completed", "busy", "no-answer", "failed", "canceled"]
    cause: str = ""
    reject: str = ""


Order: TypeAlias = (
    FetchDocument
    | FetchSound
    | Answer
    | OpenStream
    | StopStream
    | OpenRelay
    | SendRelay
    | CloseRelay
    | DialOut
    | HangUpDial
    | StartRecording
    | StopRecording
    | Send
    | Noted
    | Over
)
