"""The text of the recogniser's messages: keys in the order of the wire, f32 times."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import NamedTuple

from msgspec import UNSET

from fakes.deepgram.hearing import SpokenWord
from fakes.deepgram.segments import Result
from fakes.speech.texts import spoken_form
from voiceutils.wire import encode
from voiceutils.wire.deepgram_listen import (
    Alternative,
    Channel,
    Metadata,
    ModelInfo,
    Results,
    ResultsMetadata,
    Word,
    f32,
)

__all__ = ["Identity", "epilogue", "identity_of", "results", "transcript"]


class Identity(NamedTuple):
    """A model as its results name it."""

    uuid: str
    info: ModelInfo


_NOVA_3 = Identity(
    "40bd3654-e622-47c4-a111-63a61b23bd5f",
    ModelInfo("general-nova-3", "2025-04-17.21547", "nova-3"),
)
_NOVA_2 = Identity(
    "c0d1a568-ce81-4fea-97e7-bd45cb1fdf3c",
    ModelInfo("2-general-nova", "2024-01-18.26916", "nova-2"),
)
_BASE = Identity(
    "1ed36bac-f71c-4f3f-a31f-02fd6525c489",
    ModelInfo("general", "2024-01-26.8851", "base"),
)


def identity_of(model: str) -> Identity:
    """Return the identity behind a model name of the query."""
    if model.startswith("nova-3"):
        return _NOVA_3
    return _NOVA_2 if "nova" in model else _BASE


def transcript(words: tuple[SpokenWord, ...], *, punctuate: bool) -> str:
    """Return the words as one line."""
    return " ".join(word.text if punctuate else _plain(word.text) for word in words)


def results(
    result: Result,
    identity: Identity,
    request_id: str,
    *,
    punctuate: bool,
    channel_index: tuple[int, int] = (0, 1),
    extra: Mapping[str, str] | None = None,
) -> str:
    """Return a Results message as text."""
    message = Results(
        channel_index=channel_index,
        duration=f32(result.end - result.start),
        start=f32(result.start),
        is_final=result.is_final,
        speech_final=result.speech_final,
        channel=Channel((_alternative(result.words, punctuate=punctuate),)),
        metadata=ResultsMetadata(
            request_id, identity.info, identity.uuid, dict(extra) if extra else UNSET
        ),
        from_finalize=result.from_finalize,
    )
    return encode(message)


def _alternative(words: tuple[SpokenWord, ...], *, punctuate: bool) -> Alternative:
    heard = tuple(
        Word(
            word=_plain(word.text),
            start=f32(word.start),
            end=f32(word.end),
            confidence=_confidence(word.text),
            punctuated_word=word.text if punctuate else None,
        )
        for word in words
    )
    # The upper median of the words, as in every recorded sample.
    ranked = sorted(word.confidence for word in heard)
    confidence = ranked[len(ranked) // 2] if ranked else 0.0
    return Alternative(transcript(words, punctuate=punctuate), confidence, heard)


def _plain(text: str) -> str:
    return spoken_form(text) or text.lower()


def _confidence(text: str) -> float:
    """Return a figure between 0.95 and 1, the same for the same word every time."""
    return f32(0.95 + zlib.crc32(text.encode()) % 49_000 / 1_000_000)


def epilogue(
    identity: Identity,
    request_id: str,
    *,
    sha256: str,
    created: str,
    duration: float,
    channels: int,
    extra: Mapping[str, str] | None = None,
) -> str:
    """Return the Metadata message; no channels and models when nothing was decoded."""
    decoded = channels > 0
    message = Metadata(
        request_id=request_id,
        sha256=sha256,
        created=created,
        duration=f32(duration),
        channels=channels,
        models=(identity.uuid,) if decoded else UNSET,
        model_info={identity.uuid: identity.info} if decoded else UNSET,
        extra=dict(extra) if extra else UNSET,
    )
    return encode(message)
