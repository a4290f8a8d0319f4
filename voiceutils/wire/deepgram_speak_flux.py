"""Deepgram Flux speech, WebSocket ``/v2/speak``, both ways.

Audio comes as binary frames without header, all of a turn between its SpeechStarted
and its SpeechMetadata. Documented at
https://developers.deepgram.com/docs/flux-tts/server-messages and
https://developers.deepgram.com/docs/flux-tts/client-messages.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from voiceutils.wire._codec import Codec, Unknown

__all__ = [
    "Applied",
    "Close",
    "Configure",
    "ConfigureFailure",
    "ConfigureSuccess",
    "Connected",
    "ControlsApplied",
    "Flush",
    "Flushed",
    "FromClient",
    "FromSpeakFlux",
    "Interrupt",
    "PlaybackOffset",
    "SessionMetadata",
    "Speak",
    "SpeakFluxError",
    "SpeakFluxWarning",
    "SpeechInterrupted",
    "SpeechMetadata",
    "SpeechStarted",
    "TurnReport",
    "decode_from_client",
    "decode_from_speak_flux",
]

_Optional: TypeAlias = msgspec.UnsetType


class _Message(msgspec.Struct, frozen=True, tag_field="type"):
    pass


# --- Deepgram to client ----------------------------------------------------------


class Connected(_Message, frozen=True, tag="Connected"):
    """Sent at once on open."""

    request_id: str
    model_name: str
    model_version: str
    model_uuids: tuple[str, ...]


class SpeechStarted(_Message, frozen=True, tag="SpeechStarted"):
    """A turn begins; ``speech_id`` is ``dg_sp_`` and twelve hexadecimal digits."""

    speech_id: str


class Flushed(_Message, frozen=True, tag="Flushed"):
    """All text of the turn went into synthesis; audio may still follow."""

    speech_id: str


class ControlsApplied(msgspec.Struct, frozen=True):
    """How many controls in the text were acted on."""

    pronunciations_applied: int = 0
    breaks_applied: int = 0
    pronunciation_warnings: int = 0


class TurnReport(msgspec.Struct, frozen=True):
    """Billing and timing of an interrupted turn."""

    speech_id: str
    audio_duration_ms: int
    input_character_count: int
    billable_character_count: int
    controls_applied: ControlsApplied = ControlsApplied()


class SpeechMetadata(_Message, frozen=True, tag="SpeechMetadata"):
    """A turn is over and all of its audio was sent; the fields of TurnReport."""

    speech_id: str
    audio_duration_ms: int
    input_character_count: int
    billable_character_count: int
    controls_applied: ControlsApplied = ControlsApplied()


class SpeechInterrupted(_Message, frozen=True, kw_only=True, tag="SpeechInterrupted"):
    """A turn was cancelled; there is no SpeechMetadata for it.

    ``audio_played_ms`` counts from the start of the session. The texts are there only
    when the client said how far it had played.
    """

    audio_played_ms: int
    text_spoken: str | _Optional = msgspec.UNSET
    text_remaining: str | _Optional = msgspec.UNSET
    metadata: TurnReport


class SessionMetadata(_Message, frozen=True, tag="SessionMetadata"):
    """The last message of a session that ends by Close."""

    total_audio_duration_ms: int
    total_input_character_count: int
    total_billable_character_count: int


class Applied(msgspec.Struct, frozen=True):
    """What has been set in this session."""

    speed: float | _Optional = msgspec.UNSET


class ConfigureSuccess(_Message, frozen=True, tag="ConfigureSuccess"):
    """Taken; it takes effect with the next stretch of text."""

    applied: Applied


class ConfigureFailure(_Message, frozen=True, kw_only=True, tag="ConfigureFailure"):
    """Not taken; all stays as it was."""

    code: str
    field: str | _Optional = msgspec.UNSET
    value: float | _Optional = msgspec.UNSET
    description: str


class SpeakFluxWarning(_Message, frozen=True, tag="Warning"):
    """The session goes on."""

    code: str
    description: str


class SpeakFluxError(_Message, frozen=True, tag="Error"):
    """Fatal: the close follows."""

    code: str
    description: str


# --- client to Deepgram ----------------------------------------------------------


class _Strict(
    msgspec.Struct, frozen=True, tag_field="type", forbid_unknown_fields=True
):
    pass


class Speak(_Strict, frozen=True, tag="Speak"):
    """Text of the turn; put together with what came before as it is."""

    text: str


class Flush(_Strict, frozen=True, tag="Flush"):
    """Ends the turn."""


class PlaybackOffset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Milliseconds of audio played since the session began."""

    value: int
    type: Literal["time_ms"] = "time_ms"


class Interrupt(_Strict, frozen=True, omit_defaults=True, tag="Interrupt"):
    """Cancels the active turn: the caller speaks."""

    playback_offset: PlaybackOffset | None = None


class Configure(_Strict, frozen=True, omit_defaults=True, tag="Configure"):
    """Changes the speed."""

    speed: float | None = None


class Close(_Strict, frozen=True, tag="Close"):
    """Asks for what is still to be said, SessionMetadata and the close."""


FromSpeakFlux: TypeAlias = (
    Connected
    | SpeechStarted
    | Flushed
    | SpeechMetadata
    | SpeechInterrupted
    | SessionMetadata
    | ConfigureSuccess
    | ConfigureFailure
    | SpeakFluxWarning
    | SpeakFluxError
)
FromClient: TypeAlias = Speak | Flush | Interrupt | Configure | Close

_from_speak_flux: Codec[FromSpeakFlux] = Codec(FromSpeakFlux, "type")
_from_client: Codec[FromClient] = Codec(FromClient, "type")


def decode_from_speak_flux(text: str | bytes) -> FromSpeakFlux | Unknown:
    """Return what Deepgram said; raises WireError for a malformed message."""
    return _from_speak_flux.decode(text)


def decode_from_client(text: str | bytes) -> FromClient | Unknown:
    """Return what the client said; raises WireError for a malformed message."""
    return _from_client.decode(text)
