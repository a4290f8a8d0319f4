"""The text of the recogniser's messages: keys in the order of the wire, f32 times."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import UNSET

from fakes.deepgram.listen.formatting import Printed, bare, printed_words
from fakes.deepgram.listen.query import ListenQuery
from fakes.deepgram.listen.segments import Result
from fakes.speech.texts import spoken_form
from voiceutils.wire import encode
from voiceutils.wire.deepgram_listen import (
    Alternative,
    Channel,
    DiarizeInfo,
    Entity,
    Metadata,
    ModelInfo,
    QueryWarning,
    Results,
    ResultsMetadata,
    SearchHit,
    SearchResult,
    Word,
    f32,
)

__all__ = [
    "DIARIZER",
    "Identity",
    "Speakers",
    "alternative_of",
    "confidence_of",
    "entities_of",
    "epilogue",
    "extra_of",
    "identity_of",
    "results",
    "search_of",
    "warnings_of",
    "words_of",
]

DIARIZER = DiarizeInfo("6e2d4d6f-3b1c-4f0e-9b57-2b7f0c9a1d11", "diarize")


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


class Speakers:
    """Numbers the callers of a connection in the order in which they spoke."""

    def __init__(self) -> None:
        self._numbers: dict[int | None, int] = {}

    def number(self, call: int | None) -> int:
        """Return the number of who spoke; audio without code is one speaker."""
        return self._numbers.setdefault(call, len(self._numbers))


def results(
    result: Result,
    identity: Identity,
    request_id: str,
    query: ListenQuery,
    *,
    speakers: Speakers | None = None,
    channel_index: tuple[int, int] = (0, 1),
    extra: Mapping[str, str] | None = None,
) -> str:
    """Return a Results message as text."""
    printed = printed_words(result.words, query)
    best = alternative_of(printed, query, speakers or Speakers())
    found = search_of(best.words, query.search) if query.search else UNSET
    message = Results(
        channel_index=channel_index,
        duration=f32(result.end - result.start),
        start=f32(result.start),
        is_final=result.is_final,
        speech_final=result.speech_final,
        channel=Channel((best,), found),
        metadata=ResultsMetadata(
            request_id,
            identity.info,
            identity.uuid,
            DIARIZER if query.diarize else UNSET,
            dict(extra) if extra else UNSET,
        ),
        from_finalize=result.from_finalize,
        entities=entities_of(printed)
        if query.detect_entities and result.is_final
        else UNSET,
    )
    return encode(message)


def alternative_of(
    printed: Sequence[Printed], query: ListenQuery, speakers: Speakers
) -> Alternative:
    """Return the one alternative that there is."""
    words = words_of(printed, query, speakers)
    line = " ".join(word.punctuated_word or word.word for word in words)
    # The upper median of the words, as in every recorded sample.
    ranked = sorted(word.confidence for word in words)
    multi = query.language == "multi"
    return Alternative(
        transcript=re.sub(r" ?(\n+) ?", r"\1", line),
        confidence=ranked[len(ranked) // 2] if ranked else 0.0,
        languages=(("en",) if words else ()) if multi else UNSET,
        languages_hinted=query.language_hints or UNSET,
        words=words,
    )


def words_of(
    printed: Sequence[Printed], query: ListenQuery, speakers: Speakers
) -> tuple[Word, ...]:
    """Return the words with times, and with those fields that the query asks for."""
    language = "en" if query.language == "multi" else None
    return tuple(
        Word(
            word=_plain(word),
            start=f32(word.said[0].start),
            end=f32(word.said[-1].end),
            confidence=confidence_of(word.said[-1].text),
            language=language,
            punctuated_word=word.text if query.punctuate else None,
            speaker=speakers.number(word.said[0].call) if query.diarize else None,
        )
        for word in printed
    )


def entities_of(printed: Sequence[Printed]) -> tuple[Entity, ...]:
    """Return what has a label, with the places of its words."""
    return tuple(
        Entity(
            label=word.label,
            value=bare(word.text),
            raw_value=word.raw,
            confidence=confidence_of(word.said[0].text),
            start_word=place,
            end_word=place + 1,
        )
        for place, word in enumerate(printed)
        if word.label
    )


def search_of(words: Sequence[Word], terms: Sequence[str]) -> tuple[SearchResult, ...]:
    """Return where each term was said, word for word; the service guesses, too."""
    plain = [spoken_form(word.word) for word in words]
    found = []
    for term in terms:
        wanted = [spoken_form(part) for part in term.split()]
        last = len(wanted) - 1
        hits = tuple(
            SearchHit(1.0, words[at].start, words[at + last].end, " ".join(wanted))
            for at in range(len(plain) - last)
            if wanted and plain[at : at + len(wanted)] == wanted
        )
        found.append(SearchResult(term, hits))
    return tuple(found)


def _plain(word: Printed) -> str:
    if not word.changed:
        return spoken_form(word.text) or word.text.lower()
    text = bare(word.text)
    return text if text.startswith("[") else text.lower()


def confidence_of(text: str) -> float:
    """Return a figure between 0.95 and 1, the same for the same word every time."""
    return f32(0.95 + zlib.crc32(text.encode()) % 49_000 / 1_000_000)


def extra_of(query: ListenQuery) -> dict[str, str]:
    """Return the client's own pairs, which come back as they are."""
    pairs = (pair.partition(":") for pair in query.extra)
    return {key: value for key, _, value in pairs}


def warnings_of(query: ListenQuery) -> tuple[QueryWarning, ...]:
    """Return what the epilogue warns of."""
    return tuple(
        QueryWarning(name, "DEPRECATED", f"The parameter {name} is deprecated.")
        for name in query.deprecated
    )


def epilogue(
    identity: Identity,
    request_id: str,
    *,
    sha256: str,
    created: str,
    duration: float,
    channels: int,
    extra: Mapping[str, str] | None = None,
    warnings: tuple[QueryWarning, ...] = (),
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
        warnings=warnings or UNSET,
    )
    return encode(message)
