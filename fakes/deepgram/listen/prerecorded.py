"""A recording becomes a transcript, as ``POST /v1/listen`` returns it.

Keys stand in the order of recorded answers
(https://developers.deepgram.com/docs/pre-recorded-audio).
"""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

import msgspec

from fakes.deepgram.ear.audio_form import AudioForm
from fakes.deepgram.ear.compressed import uncompressed
from fakes.deepgram.ear.hearing import Hearing, SpokenWord
from fakes.deepgram.errors import Refusal
from fakes.deepgram.listen import insights
from fakes.deepgram.listen.answers import (
    DIARIZER,
    Speakers,
    alternative_of,
    entities_of,
    extra_of,
    identity_of,
    search_of,
    warnings_of,
)
from fakes.deepgram.listen.formatting import printed_words
from fakes.deepgram.listen.insights import Content
from fakes.deepgram.listen.query import ListenQuery, RecordedQuery
from fakes.speech import FrameCode, SpeechMode
from voiceutils.wire.deepgram_listen import f32

__all__ = ["CORRUPT", "Transcription", "transcribe"]

CORRUPT = Refusal(
    400,
    "Bad Request",
    "Bad Request: failed to process audio: corrupt or unsupported data",
)
# The models behind summary, topics, intents and sentiments.
_READER = "67875a7f-c9c4-48a0-aa55-5bdb8a91c34a"
_SPEAKER_CONFIDENCE = 0.85


class Transcription(NamedTuple):
    """The answer, and what was heard for the ledger."""

    body: bytes
    seconds: float
    codes: list[FrameCode]
    words: tuple[SpokenWord, ...]


class _Heard(NamedTuple):
    words: tuple[SpokenWord, ...]
    seconds: float
    codes: list[FrameCode]


def transcribe(
    audio: bytes,
    query: RecordedQuery,
    *,
    request_id: str,
    created: str,
    mode: SpeechMode = "exact",
) -> Transcription | Refusal:
    """Return the transcript of a recording, or the refusal of what is no audio.

    Args:
        audio: raw when the query has an encoding, else a file.
        query: what is wanted.
        request_id: a UUID.
        created: wall time, ISO 8601 with milliseconds and Z.
        mode: how the code in the audio is read.
    """
    heard = _hear(audio, query.listen, mode)
    if not heard or not heard[0].seconds:
        return CORRUPT
    speakers = Speakers()
    channels = [_channel(one, query, speakers) for one in heard]
    words = [word for channel in channels for word in _words_of(channel)]
    metadata = _metadata(audio, heard, query, len(words))
    content = {
        "metadata": {
            "transaction_key": "deprecated",
            "request_id": request_id,
            "sha256": hashlib.sha256(audio).hexdigest(),
            "created": created,
            **metadata,
        },
        "results": {
            "channels": channels,
            **_insights(channels, words, query, request_id),
        },
    }
    return Transcription(
        json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode(),
        heard[0].seconds,
        [code for one in heard for code in one.codes],
        tuple(word for one in heard for word in one.words),
    )


def _hear(audio: bytes, query: ListenQuery, mode: SpeechMode) -> list[_Heard]:
    if query.encoding is None:
        audio = uncompressed(audio)
    form = AudioForm(
        query.encoding, query.sample_rate, query.channels, split=query.multichannel
    )
    converted = form.convert(audio)[: form.heard_channels]
    heard = []
    for phone_audio in converted if form.decodable else []:
        ear = Hearing(mode)
        moments = [*ear.hear(phone_audio), *ear.finish()]
        words = tuple(moment.word for moment in moments if moment.word)
        heard.append(_Heard(words, ear.seconds, ear.take_codes()))
    return heard


def _channel(heard: _Heard, query: RecordedQuery, speakers: Speakers) -> Content:
    listen = query.listen
    printed = printed_words(heard.words, listen)
    best = alternative_of(printed, listen, speakers)
    content: Content = msgspec.to_builtins(best)
    words = [_ordered(word) for word in msgspec.to_builtins(best.words)]
    content["words"] = words
    if query.paragraphs or listen.smart_format:
        content["paragraphs"] = insights.paragraphs(words)
    if listen.detect_entities:
        content["entities"] = msgspec.to_builtins(entities_of(printed))
    channel: Content = {}
    if listen.search:
        found = search_of(best.words, listen.search)
        channel["search"] = msgspec.to_builtins(found)
    channel["alternatives"] = [content]
    if query.detect_language:
        channel |= {"detected_language": "en", "language_confidence": f32(0.99)}
    return channel


def _ordered(word: dict[str, object]) -> dict[str, object]:
    """Put the speaker before the punctuated word, as recordings have it."""
    punctuated = word.pop("punctuated_word", None)
    if "speaker" in word:
        word["speaker_confidence"] = f32(_SPEAKER_CONFIDENCE)
    if punctuated is not None:
        word["punctuated_word"] = punctuated
    return word


def _words_of(channel: Content) -> list[dict[str, object]]:
    alternatives = channel["alternatives"]
    assert isinstance(alternatives, list)
    words: list[dict[str, object]] = alternatives[0]["words"]
    return words


def _metadata(
    audio: bytes, heard: list[_Heard], query: RecordedQuery, words: int
) -> Content:
    listen = query.listen
    identity = identity_of(listen.model)
    content: Content = {
        "duration": f32(heard[0].seconds),
        "channels": len(heard),
        "models": [identity.uuid],
        "model_info": {identity.uuid: msgspec.to_builtins(identity.info)},
    }
    if listen.diarize:
        content["diarize_info"] = msgspec.to_builtins(DIARIZER)
    read = {"model_uuid": _READER, "input_tokens": words, "output_tokens": words // 2}
    for name, wanted in (
        ("summary_info", query.summarize),
        ("sentiment_info", query.sentiment),
        ("topics_info", query.topics),
        ("intents_info", query.intents),
    ):
        if wanted:
            content[name] = dict(read)
    if listen.extra:
        content["extra"] = extra_of(listen)
    if listen.tag:
        content["tags"] = list(listen.tag)
    warnings = warnings_of(listen)
    if warnings:
        content["warnings"] = msgspec.to_builtins(warnings)
    return content


def _insights(
    channels: list[Content],
    words: list[dict[str, object]],
    query: RecordedQuery,
    request_id: str,
) -> Content:
    content: Content = {}
    if query.utterances:
        content["utterances"] = [
            utterance
            for number, channel in enumerate(channels)
            for utterance in insights.utterances(
                _words_of(channel), number, query.utterance_split, request_id
            )
        ]
    if query.summarize:
        content["summary"] = insights.summary(words)
    if query.topics:
        content["topics"] = insights.topics(
            words, query.custom_topics, only=query.only_custom_topics
        )
    if query.intents:
        content["intents"] = insights.intents(
            words, query.custom_intents, only=query.only_custom_intents
        )
    if query.sentiment:
        content["sentiments"] = insights.sentiments(words)
    return content
