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
    "ConfigureFailure",
    "ConfigureSuccess",
    "DiarizeInfo",
    "Entity",
    "Finalize",
    "FromClient",
    "FromListen",
    "KeepAlive",
    "ListenError",
    "Metadata",
    "ModelInfo",
    "QueryWarning",
    "Results",
    "ResultsMetadata",
    "SearchHit",
    "SearchResult",
    "SpeechStarted",
    "Sync",
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
    """``punctuated_word`` only with punctuate or smart_format.

    ``language`` comes with ``language=multi``, ``speaker`` with diarization.
    """

    word: str
    start: float
    end: float
    confidence: float
    language: str | None = None
    punctuated_word: str | None = None
    speaker: int | None = None


class Alternative(msgspec.Struct, frozen=True):
    """The transcript is empty for silence."""

    transcript: str = ""
    confidence: float = 0.0
    languages: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    languages_hinted: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    words: tuple[Word, ...] = ()


class SearchHit(msgspec.Struct, frozen=True):
    """Where a term was said."""

    confidence: float
    start: float
    end: float
    snippet: str


class SearchResult(msgspec.Struct, frozen=True):
    """Where one term of the query was said."""

    query: str
    hits: tuple[SearchHit, ...]


class Channel(msgspec.Struct, frozen=True):
    """In practice one alternative; ``search`` for the terms that were asked for."""

    alternatives: tuple[Alternative, ...]
    search: tuple[SearchResult, ...] | msgspec.UnsetType = msgspec.UNSET


class ModelInfo(msgspec.Struct, frozen=True):
    """Which model answered."""

    name: str
    version: str
    arch: str


class DiarizeInfo(msgspec.Struct, frozen=True):
    """Which model told the speakers apart."""

    model_uuid: str
    arch: str


class Entity(msgspec.Struct, frozen=True):
    """A name, number or date; ``end_word`` is the number of the word after it."""

    label: str
    value: str
    raw_value: str
    confidence: float
    start_word: int
    end_word: int


class ResultsMetadata(msgspec.Struct, frozen=True):
    """Which request and model a result belongs to; ``extra`` is the query's, back."""

    request_id: str
    model_info: ModelInfo
    model_uuid: str
    diarize_info: DiarizeInfo | msgspec.UnsetType = msgspec.UNSET
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
    entities: tuple[Entity, ...] | msgspec.UnsetType = msgspec.UNSET

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


class QueryWarning(msgspec.Struct, frozen=True):
    """What of the query the service would rather not have."""

    parameter: str
    type: str
    message: str


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
    warnings: tuple[QueryWarning, ...] | msgspec.UnsetType = msgspec.UNSET


class ListenError(_Message, frozen=True, tag="Error"):
    """A problem; the stream goes on unless ``variant`` is Closing.

    ``code`` comes before a close, ``message`` is the text that was not understood.
    """

    variant: str = ""
    code: str | msgspec.UnsetType = msgspec.UNSET
    description: str = ""
    message: str | msgspec.UnsetType = msgspec.UNSET


class ConfigureSuccess(_Message, frozen=True, tag="ConfigureSuccess"):
    """The change holds from here on; ``keyterms`` when they were replaced."""

    request_id: str
    keyterms: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


class ConfigureFailure(_Message, frozen=True, tag="ConfigureFailure"):
    """The change was refused; everything is as it was."""

    request_id: str
    code: str
    description: str


# --- client to Deepgram ----------------------------------------------------------


class KeepAlive(_Message, frozen=True, tag="KeepAlive"):
    """Resets the ten-second inactivity timer; never answered. Text frames only."""


class Finalize(_Message, frozen=True, omit_defaults=True, tag="Finalize"):
    """Asks for a final of what was heard so far."""

    channel: int | None = None


class CloseStream(_Message, frozen=True, tag="CloseStream"):
    """Asks for the last finals, Metadata and the close."""


class Configure(_Message, frozen=True, omit_defaults=True, tag="Configure"):
    """Changes key terms and features in mid-stream; each key may be left out."""

    keyterms: tuple[str, ...] | None = None
    features: dict[str, bool] | None = None


class Sync(_Message, frozen=True, tag="Sync"):
    """Comes back as it is, in its place among the messages. Both ways."""

    id: int


FromListen: TypeAlias = (
    Results
    | SpeechStarted
    | UtteranceEnd
    | Metadata
    | ListenError
    | ConfigureSuccess
    | ConfigureFailure
    | Sync
)
FromClient: TypeAlias = KeepAlive | Finalize | CloseStream | Configure | Sync

_from_listen: Codec[FromListen] = Codec(FromListen, "type")
_from_client: Codec[FromClient] = Codec(FromClient, "type")


def decode_from_listen(text: str | bytes) -> FromListen | Unknown:
    """Return what Deepgram said; raises WireError for a malformed message."""
    return _from_listen.decode(text)


def decode_from_client(text: str | bytes) -> FromClient | Unknown:
    """Return what the client said; raises WireError for a malformed message."""
    return _from_client.decode(text)
