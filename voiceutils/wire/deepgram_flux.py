"""Deepgram Flux, live transcription with turns, ``/v2/listen``, both ways.

Audio is binary frames. Documented at https://developers.deepgram.com/docs/flux/state
and in the published AsyncAPI file. ``sequence_id`` counts every message of the server
from 0; times are seconds of audio received on this connection. The service is strict
with its client: a message that does not fit is answered with an Error and the close.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from voiceutils.wire._codec import Codec, Unknown

__all__ = [
    "CloseStream",
    "Configure",
    "ConfigureFailure",
    "ConfigureSuccess",
    "Connected",
    "FluxError",
    "FluxWarning",
    "FluxWord",
    "ForceEndTurn",
    "FromClient",
    "FromFlux",
    "Thresholds",
    "ThresholdsChange",
    "TurnInfo",
    "decode_from_client",
    "decode_from_flux",
]

_Optional: TypeAlias = msgspec.UnsetType


class _Message(msgspec.Struct, frozen=True, tag_field="type"):
    pass


# --- Deepgram to client ----------------------------------------------------------


class Connected(_Message, frozen=True, tag="Connected"):
    """Sent at once on open, with ``sequence_id`` 0."""

    request_id: str
    sequence_id: int


class FluxWord(msgspec.Struct, frozen=True):
    """A word as it is written in the transcript, cased and punctuated."""

    word: str
    confidence: float
    start: float | _Optional = msgspec.UNSET
    end: float | _Optional = msgspec.UNSET


class TurnInfo(_Message, frozen=True, kw_only=True, tag="TurnInfo"):
    """The state of a turn: all that was said in it so far.

    ``event`` is Update, StartOfTurn, EagerEndOfTurn, TurnResumed or EndOfTurn, and
    ``trigger`` (model, timeout or manual) is there on EndOfTurn only.
    """

    request_id: str
    sequence_id: int
    event: str
    turn_index: int
    audio_window_start: float
    audio_window_end: float
    transcript: str
    words: tuple[FluxWord, ...]
    end_of_turn_confidence: float
    trigger: str | _Optional = msgspec.UNSET
    languages: tuple[str, ...] | _Optional = msgspec.UNSET
    languages_hinted: tuple[str, ...] | _Optional = msgspec.UNSET


class Thresholds(msgspec.Struct, frozen=True):
    """What ends a turn; without ``eager_eot_threshold`` there are no eager events."""

    eager_eot_threshold: float | _Optional = msgspec.UNSET
    eot_threshold: float = 0.7
    eot_timeout_ms: int = 5000


class ConfigureSuccess(_Message, frozen=True, kw_only=True, tag="ConfigureSuccess"):
    """The full configuration that is active now."""

    request_id: str
    thresholds: Thresholds
    keyterms: tuple[str, ...]
    language_hints: tuple[str, ...] | _Optional = msgspec.UNSET
    numerals: bool | _Optional = msgspec.UNSET
    sequence_id: int


class ConfigureFailure(_Message, frozen=True, kw_only=True, tag="ConfigureFailure"):
    """Nothing of the Configure was applied; the stream goes on."""

    request_id: str
    sequence_id: int
    code: str | _Optional = msgspec.UNSET
    description: str | _Optional = msgspec.UNSET


class FluxWarning(_Message, frozen=True, tag="Warning"):
    """The stream goes on."""

    code: str
    description: str
    request_id: str
    sequence_id: int


class FluxError(_Message, frozen=True, tag="Error"):
    """Fatal: the close follows, without a status code."""

    sequence_id: int
    code: str
    description: str


# --- client to Deepgram ----------------------------------------------------------


class _Strict(
    msgspec.Struct, frozen=True, tag_field="type", forbid_unknown_fields=True
):
    pass


class CloseStream(_Strict, frozen=True, tag="CloseStream"):
    """Asks for what is left as Update, and the close; the turn is not ended."""


class ForceEndTurn(_Strict, frozen=True, tag="ForceEndTurn"):
    """Asks to end the turn here."""


class ThresholdsChange(
    msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What is None keeps its value."""

    eager_eot_threshold: float | None = None
    eot_threshold: float | None = None
    eot_timeout_ms: int | None = None


class Configure(_Strict, frozen=True, omit_defaults=True, tag="Configure"):
    """Changes all that is given, or nothing; what is None keeps its value."""

    thresholds: ThresholdsChange | None = None
    keyterms: str | tuple[str, ...] | None = None
    language_hints: tuple[str, ...] | None = None
    numerals: bool | None = None


FromFlux: TypeAlias = (
    Connected | TurnInfo | ConfigureSuccess | ConfigureFailure | FluxWarning | FluxError
)
FromClient: TypeAlias = CloseStream | ForceEndTurn | Configure

_from_flux: Codec[FromFlux] = Codec(FromFlux, "type")
_from_client: Codec[FromClient] = Codec(FromClient, "type")


def decode_from_flux(text: str | bytes) -> FromFlux | Unknown:
    """Return what Deepgram said; raises WireError for a malformed message."""
    return _from_flux.decode(text)


def decode_from_client(text: str | bytes) -> FromClient | Unknown:
    """Return what the client said; raises WireError for a malformed message."""
    return _from_client.decode(text)
