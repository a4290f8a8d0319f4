"""Deepgram live transcription, ``/v1/listen``, both ways; audio is binary frames.

Documented at https://developers.deepgram.com/docs/live-streaming-audio and in the
published AsyncAPI file. Times are seconds of audio received on this connection.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from voiceutils.wire._codec import Codec, Unknown, f32

__all__ = [
    "Alternative",
    "Channel",
    "CloseStream",
    "Configure",
    "Finalize",
    "FromClient",
    "FromListen",
    "KeepAlive",
    "ListenError",
    "Metadata",
    "ModelInfo",
    "Results",
    "ResultsMetadata",
    "SpeechStarted",
    "UtteranceEnd",
    "Word",
    "decode_from_client",
    "decode_from_listen",
    "f32",
]


class _Message(msgspec.Struct, frozen=True, tag_field="type"):
    pass


# --- Deepgram to client ----------------------------------------------------------


class Word(msgspec.Struct, frozen=True, omit_defaults=True):
    """``punctuated_word`` only with punctuate or smart_format."""

    word: str
    start: float
    end: float
    confidence: float
    punctuated_word: str | None = None


class Alternative(msgspec.Struct, frozen=True):
    """The transcript is empty for silence."""

    transcript: str = ""
    confidence: float = 0.0
    words: tuple[Word, ...] = ()


class Channel(msgspec.Struct, frozen=True):
    """In practice one alternative."""

    alternatives: tuple[Alternative, ...]


class ModelInfo(msgspec.Struct, frozen=True):
    """Which model answered."""

    name: str
    version: str
    arch: str


class ResultsMetadata(msgspec.Struct, frozen=True):
    """Which request and model a result belongs to; ``extra`` is the query's, back."""

    request_id: str
    model_info: ModelInfo
    model_uuid: str
    extra: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


class Results(_Message, frozen=True, kw_only=True, tag="Results"):
    """A transcript of ``start .. start + duration``; finals tile the audio.

    ``is_final`` closes a segment, ``speech_final`` marks the pause after speech.
    """

    channel_index: tuple[int, ...]
    duration: float
    start: float
    is_final: bool
    speech_final: bool = False
    channel: Channel
    metadata: ResultsMetadata | None = None
    from_finalize: bool = False

    @property
    def transcript(self) -> str:
        """The words of the best alternative, or the empty string."""
        alternatives = self.channel.alternatives
        return alternatives[0].transcript if alternatives else ""


class SpeechStarted(_Message, frozen=True, tag="SpeechStarted"):
    """Voice activity, once a burst; not the start of the first word."""

    channel: tuple[int, ...]
    timestamp: float


class UtteranceEnd(_Message, frozen=True, tag="UtteranceEnd"):
    """A word gap; independent of endpointing, may be late; -1 means ignore."""

    channel: tuple[int, ...]
    last_word_end: float


class Metadata(_Message, frozen=True, kw_only=True, tag="Metadata"):
    """The epilogue: once, after CloseStream, before the close frame.

    Without decoded audio ``channels`` is 0, and models are not there.
    """

    transaction_key: str = "deprecated"
    request_id: str
    sha256: str
    created: str
    duration: float
    channels: int
    models: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    model_info: dict[str, ModelInfo] | msgspec.UnsetType = msgspec.UNSET
    extra: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


class ListenError(_Message, frozen=True, tag="Error"):
    """A problem; the stream goes on unless ``variant`` is Closing."""

    variant: str = ""
    description: str = ""
    message: str = ""


# --- client to Deepgram ----------------------------------------------------------


class KeepAlive(_Message, frozen=True, tag="KeepAlive"):
    """Resets the ten-second inactivity timer; never answered. Text frames only."""


class Finalize(_Message, frozen=True, omit_defaults=True, tag="Finalize"):
    """Asks for a final of what was heard so far."""

    channel: int | None = None


class CloseStream(_Message, frozen=True, tag="CloseStream"):
    """Asks for the last finals, Metadata and the close."""


class Configure(_Message, frozen=True, omit_defaults=True, tag="Configure"):
    """Changes key terms in mid-stream."""

    keyterms: tuple[str, ...] | None = None
    features: dict[str, bool] | None = None


FromListen: TypeAlias = Results | SpeechStarted | UtteranceEnd | Metadata | ListenError
FromClient: TypeAlias = KeepAlive | Finalize | CloseStream | Configure

_from_listen: Codec[FromListen] = Codec(FromListen, "type")
_from_client: Codec[FromClient] = Codec(FromClient, "type")


def decode_from_listen(text: str | bytes) -> FromListen | Unknown:
    """Return what Deepgram said; raises WireError for a malformed message."""
    return _from_listen.decode(text)


def decode_from_client(text: str | bytes) -> FromClient | Unknown:
    """Return what the client said; raises WireError for a malformed message."""
    return _from_client.decode(text)
