"""Twilio Media Streams, both ways, in the key order seen on the real wire.

Documented at https://www.twilio.com/docs/voice/media-streams/websocket-messages.
Counters and timestamps are strings, sample rate and channels are numbers; a
``payload`` is base64 on the wire and bytes here.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from voiceutils.mulaw import SAMPLE_RATE
from voiceutils.wire._codec import Codec, Unknown

__all__ = [
    "AgentMark",
    "AgentMedia",
    "AgentPayload",
    "Clear",
    "Connected",
    "Dtmf",
    "DtmfBody",
    "FromAgent",
    "FromTwilio",
    "Mark",
    "MarkBody",
    "Media",
    "MediaBody",
    "MediaFormat",
    "Start",
    "StartBody",
    "Stop",
    "StopBody",
    "decode_from_agent",
    "decode_from_twilio",
]


class _Body(msgspec.Struct, frozen=True, rename="camel"):
    pass


class _Message(msgspec.Struct, frozen=True, rename="camel", tag_field="event"):
    pass


# --- Twilio to agent -------------------------------------------------------------


class Connected(_Message, frozen=True, tag="connected"):
    """First of all; the only message without a sequence number."""

    protocol: str = "Call"
    version: str = "1.0.0"


class MediaFormat(_Body, frozen=True):
    """Always mu-law 8000 mono today; read it rather than assume it."""

    encoding: str = "audio/x-mulaw"
    sample_rate: int = SAMPLE_RATE
    channels: int = 1


class StartBody(_Body, frozen=True):
    """Who is calling; ``custom_parameters`` is present even when empty."""

    account_sid: str
    stream_sid: str
    call_sid: str
    tracks: tuple[str, ...] = ("inbound",)
    media_format: MediaFormat = MediaFormat()
    custom_parameters: dict[str, str] = {}


class Start(_Message, frozen=True, tag="start"):
    """Once, second; carries sequence number 1."""

    sequence_number: str
    start: StartBody
    stream_sid: str


class MediaBody(_Body, frozen=True):
    """One frame; ``timestamp`` is milliseconds of the stream's media clock."""

    track: str
    chunk: str
    timestamp: str
    payload: bytes


class Media(_Message, frozen=True, tag="media"):
    """Caller audio, fifty a second, silence included."""

    sequence_number: str
    media: MediaBody
    stream_sid: str


class DtmfBody(_Body, frozen=True):
    """A key press, ``0-9 * #``; its track vocabulary differs from that of media."""

    track: str
    digit: str


class Dtmf(_Message, frozen=True, tag="dtmf"):
    """One message a key; bidirectional streams only."""

    stream_sid: str
    sequence_number: str
    dtmf: DtmfBody


class MarkBody(_Body, frozen=True):
    """The agent's own label; names may repeat."""

    name: str


class Mark(_Message, frozen=True, tag="mark"):
    """The audio before the agent's mark has played, or was cleared."""

    sequence_number: str
    stream_sid: str
    mark: MarkBody


class StopBody(_Body, frozen=True):
    """Whose stream ended."""

    account_sid: str
    call_sid: str


class Stop(_Message, frozen=True, tag="stop"):
    """Last message, when the call ends from Twilio's side; not guaranteed."""

    sequence_number: str
    stream_sid: str
    stop: StopBody


# --- agent to Twilio -------------------------------------------------------------


class AgentPayload(_Body, frozen=True):
    """Raw mu-law of any length; a file header would be played as noise."""

    payload: bytes


class AgentMedia(_Message, frozen=True, tag="media"):
    """Audio to play after all that was sent before."""

    stream_sid: str
    media: AgentPayload


class AgentMark(_Message, frozen=True, tag="mark"):
    """Asks to be told when the audio before it has played."""

    stream_sid: str
    mark: MarkBody


class Clear(_Message, frozen=True, tag="clear"):
    """Drops all unplayed audio; every outstanding mark comes back at once."""

    stream_sid: str


FromTwilio: TypeAlias = Connected | Start | Media | Dtmf | Mark | Stop
FromAgent: TypeAlias = AgentMedia | AgentMark | Clear

_from_twilio: Codec[FromTwilio] = Codec(FromTwilio, "event")
_from_agent: Codec[FromAgent] = Codec(FromAgent, "event")


def decode_from_twilio(text: str | bytes) -> FromTwilio | Unknown:
    """Return what Twilio said; raises WireError for a malformed message."""
    return _from_twilio.decode(text)


def decode_from_agent(text: str | bytes) -> FromAgent | Unknown:
    """Return what the agent said; raises WireError for a malformed message."""
    return _from_agent.decode(text)
