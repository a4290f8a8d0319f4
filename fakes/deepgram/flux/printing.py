"""How Flux prints the words of a turn, with the options that it has."""

from __future__ import annotations

import re

from msgspec import UNSET

from fakes.deepgram.ear.hearing import SpokenWord
from fakes.deepgram.flux.query import FluxQuery
from fakes.deepgram.listen.answers import confidence_of
from fakes.deepgram.listen.formatting import printed_words
from fakes.deepgram.listen.query import ListenQuery
from voiceutils.wire.deepgram_flux import FluxWord
from voiceutils.wire.deepgram_listen import f32

__all__ = ["flux_words"]

# What hides a span on /v1/listen; on Flux it is a single star.
_TAG = re.compile(r"^\[[A-Z_]+_[0-9]+\]")


def flux_words(
    words: tuple[SpokenWord, ...], query: FluxQuery, *, times: bool
) -> tuple[FluxWord, ...]:
    """Return the words as they are written: cased, punctuated, redacted as ``*``."""
    wanted = ListenQuery(
        filler_words=True,
        numerals=query.numerals,
        profanity_filter=query.profanity_filter,
        redact=frozenset(query.redact) - {"true", "false"},
    )
    return tuple(
        FluxWord(
            _TAG.sub("*", word.text),
            confidence_of(word.said[-1].text),
            f32(word.said[0].start) if times else UNSET,
            f32(word.said[-1].end) if times else UNSET,
        )
        for word in printed_words(words, wanted)
    )
