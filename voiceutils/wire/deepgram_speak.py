"""Deepgram streaming speech, WebSocket ``/v1/speak``, both ways.

Audio comes as binary frames without header. Documented at
https://developers.deepgram.com/docs/tts-websocket; the Warning keys are those seen on
the live service (``warn_code``), not those of the published schema (``code``).
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from voiceutils.wire._codec import Codec, Unknown

__all__ = [
    "ClearAudio",
    "Cleared",
    "Close",
    "Flush",
    "Flushed",
    "FromClient",
    "FromSpeak",
    "Metadata",
    "Speak",
    "SpeakWarning",
    "SpeakWarningOfSchema",
    "decode_from_client",
    "decode_from_speak",
]


class _Message(msgspec.Struct, frozen=True, tag_field="type"):
    pass


class Metadata(_Message, frozen=True, tag="Metadata"):
    """Sent at once on open."""

    request_id: str
    model_name: str
    model_version: str
    model_uuid: str


class Flushed(_Message, frozen=True, tag="Flushed"):
    """After all audio of one Flush; ``sequence_id`` counts from 0."""

    sequence_id: int


class Cleared(_Message, frozen=True, tag="Cleared"):
    """Pending text and audio are dropped; frames in flight may still arrive."""

    sequence_id: int


class SpeakWarning(_Message, frozen=True, tag="Warning"):
    """A refusal that keeps the socket, such as EXCESSIVE_FLUSH: no Flushed follows."""

    warn_code: str
    warn_msg: str


class SpeakWarningOfSchema(_Message, frozen=True, tag="Warning"):
    """The same as the published schema writes it; the live service does not."""

    description: str
    code: str


class Speak(_Message, frozen=True, tag="Speak"):
    """Text to say; nothing is promised to sound before Flush."""

    text: str


class Flush(_Message, frozen=True, tag="Flush"):
    """Say all pending text; at most twenty a minute on a socket."""


class ClearAudio(_Message, frozen=True, tag="Clear"):
    """Drop pending text and audio."""


class Close(_Message, frozen=True, tag="Close"):
    """Close politely with 1000."""


FromSpeak: TypeAlias = Metadata | Flushed | Cleared | SpeakWarning
FromClient: TypeAlias = Speak | Flush | ClearAudio | Close

_from_speak: Codec[FromSpeak] = Codec(FromSpeak, "type")
_from_client: Codec[FromClient] = Codec(FromClient, "type")


def decode_from_speak(text: str | bytes) -> FromSpeak | Unknown:
    """Return what Deepgram said; raises WireError for a malformed message."""
    return _from_speak.decode(text)


def decode_from_client(text: str | bytes) -> FromClient | Unknown:
    """Return what the client said; raises WireError for a malformed message."""
    return _from_client.decode(text)
