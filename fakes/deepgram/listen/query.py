"""The query of ``/v1/listen``, live and pre-recorded, as strict as the service is.

Documented at https://developers.deepgram.com/reference/speech-to-text/listen-streaming
and https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fakes.deepgram.ear.audio_form import HIGHEST_RATE, MOST_CHANNELS
from fakes.deepgram.errors import Refusal
from fakes.deepgram.listen.combinations import (
    check_callback,
    check_model,
    check_stream_only,
    check_terms,
    diarizer,
)
from fakes.deepgram.parameters import (
    INVALID_QUERY,
    Pairs,
    Parameters,
    Refused,
    boolean,
    refuse,
)
from fakes.deepgram.settings import DeepgramSettings

__all__ = [
    "ListenQuery",
    "Pairs",
    "RecordedQuery",
    "boolean",
    "parse_listen",
    "parse_recorded",
]

DEFAULT_ENDPOINTING = 10  # ms
ENCODINGS = (
    "linear16", "linear32", "flac", "alaw", "mulaw", "amr-nb", "amr-wb", "opus",
    "ogg-opus", "speex", "g729",
)  # fmt: skip
_RAW = ("linear16", "linear32", "alaw", "mulaw")
_DEPRECATED = ("tier", "log_data", "vad_turnoff", "diarize_version")
_KNOWN = frozenset(
    ("model", "version", "language", "language_hint", "encoding", "sample_rate",
     "channels", "multichannel", "interim_results", "endpointing", "utterance_end_ms",
     "vad_events", "smart_format", "no_delay", "punctuate", "numerals", "dictation",
     "profanity_filter", "filler_words", "diarize", "diarize_model", "redact",
     "detect_entities", "keywords", "keyterm", "search", "replace", "extra", "tag",
     "mip_opt_out", "callback", "callback_method", "debug", "sentiment", "topics",
     "intents", "summarize", "detect_language", *_DEPRECATED)
)  # fmt: skip
_RECORDED = frozenset(
    ("utterances", "utt_split", "paragraphs", "custom_topic", "custom_topic_mode",
     "custom_intent", "custom_intent_mode", "measurements", "alternatives")
)  # fmt: skip


class ListenQuery(NamedTuple):
    """What a client asked for; ``endpointing`` in ms, None when switched off.

    Attributes:
        diarize: version of the model that tells speakers apart, or "".
        deprecated: names of parameters that the epilogue warns of.
    """

    model: str = "base-general"
    encoding: str | None = None
    sample_rate: int | None = None
    channels: int = 1
    multichannel: bool = False
    interim_results: bool = False
    endpointing: int | None = DEFAULT_ENDPOINTING
    utterance_end_ms: int | None = None
    vad_events: bool = False
    punctuate: bool = False
    smart_format: bool = False
    no_delay: bool = False
    numerals: bool = False
    dictation: bool = False
    profanity_filter: bool = False
    filler_words: bool = False
    diarize: str = ""
    redact: frozenset[str] = frozenset()
    detect_entities: bool = False
    language: str = "en"
    language_hints: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    replace: tuple[tuple[str, str], ...] = ()
    debug: bool = False
    tag: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    deprecated: tuple[str, ...] = ()


class RecordedQuery(NamedTuple):
    """What a client asked for of a recording.

    Attributes:
        utterance_split: seconds of silence between utterances.
        callback: where the answer goes, or "" for the response itself.
    """

    listen: ListenQuery = ListenQuery()
    utterances: bool = False
    utterance_split: float = 0.8
    paragraphs: bool = False
    summarize: bool = False
    topics: bool = False
    intents: bool = False
    sentiment: bool = False
    detect_language: bool = False
    custom_topics: tuple[str, ...] = ()
    custom_intents: tuple[str, ...] = ()
    only_custom_topics: bool = False
    only_custom_intents: bool = False
    callback: str = ""
    callback_method: str = "POST"


def parse_listen(
    pairs: Pairs,
    settings: DeepgramSettings,
    note: Callable[[str], None] | None = None,
) -> ListenQuery | Refusal:
    """Return the query of a stream, or the refusal that the service answers with.

    Args:
        pairs: the query, in order, decoded.
        settings: how the service behaves.
        note: takes what is odd but no reason to refuse.
    """
    given = Parameters(pairs, strict_booleans=settings.strict_booleans, note=note)
    try:
        check_model(given, settings, streaming=True)
        check_stream_only(given)
        if check_callback(given, settings, ("POST", "GET", "PUT", "DELETE"))[0]:
            given.note("query: results go to the socket, not to the callback")
        query = _parse(given)._replace(
            endpointing=_endpointing(given),
            utterance_end_ms=_utterance_end(given),
            diarize=diarizer(given, ("latest", "v1")),
        )
    except Refused as refused:
        return refused.refusal
    given.note_unknown(_KNOWN)
    if query.utterance_end_ms and not query.interim_results:
        given.note("query: utterance_end_ms needs interim_results=true")
    return query


def parse_recorded(
    pairs: Pairs,
    settings: DeepgramSettings,
    note: Callable[[str], None] | None = None,
) -> RecordedQuery | Refusal:
    """Return the query of a recording, or the refusal; see :func:`parse_listen`."""
    given = Parameters(pairs, strict_booleans=settings.strict_booleans, note=note)
    try:
        check_model(given, settings, streaming=False)
        callback, method = check_callback(given, settings, ("POST", "PUT"))
        query = RecordedQuery(
            _parse(given)._replace(diarize=diarizer(given, ("latest", "v1", "v2"))),
            utterances=given.flag("utterances"),
            utterance_split=_utterance_split(given),
            paragraphs=given.flag("paragraphs"),
            summarize=_summarize(given),
            topics=given.flag("topics"),
            intents=given.flag("intents"),
            sentiment=given.flag("sentiment"),
            detect_language=given.text("detect_language", "false") != "false",
            custom_topics=given.texts("custom_topic"),
            custom_intents=given.texts("custom_intent"),
            only_custom_topics=_strict(given, "custom_topic_mode"),
            only_custom_intents=_strict(given, "custom_intent_mode"),
            callback=callback,
            callback_method=method,
        )
    except Refused as refused:
        return refused.refusal
    given.note_unknown(_KNOWN | _RECORDED)
    return query


def _parse(given: Parameters) -> ListenQuery:
    """Return what streams and recordings have in common."""
    model = given.text("model", "base-general")
    check_terms(model, given)
    smart = given.flag("smart_format")
    encoding = given.one_of("encoding", ENCODINGS) or None
    sample_rate = given.whole("sample_rate", 1, HIGHEST_RATE)
    if encoding in _RAW and sample_rate is None:
        raise Refused(INVALID_QUERY)
    given.flag("mip_opt_out")
    return ListenQuery(
        model=model,
        encoding=encoding,
        sample_rate=sample_rate,
        channels=given.whole("channels", 1, MOST_CHANNELS) or 1,
        multichannel=given.flag("multichannel"),
        interim_results=given.flag("interim_results"),
        vad_events=given.flag("vad_events"),
        punctuate=given.flag("punctuate") or smart,
        smart_format=smart,
        no_delay=given.flag("no_delay"),
        numerals=given.flag("numerals"),
        dictation=given.flag("dictation"),
        profanity_filter=given.flag("profanity_filter"),
        filler_words=given.flag("filler_words"),
        redact=_redacted(given),
        detect_entities=given.flag("detect_entities"),
        language=given.text("language", "en"),
        language_hints=given.texts("language_hint"),
        search=given.texts("search"),
        replace=tuple(_replacement(text) for text in given.texts("replace")),
        debug=given.flag("debug"),
        tag=given.texts("tag"),
        extra=given.texts("extra"),
        deprecated=tuple(name for name in _DEPRECATED if name in given),
    )


def _redacted(given: Parameters) -> frozenset[str]:
    kinds = {kind for text in given.texts("redact") for kind in text.split(",")}
    return frozenset("numbers" if kind == "true" else kind for kind in kinds) - {
        "false"
    }


def _replacement(text: str) -> tuple[str, str]:
    find, _, put = text.partition(":")
    return find.strip().lower(), put


def _endpointing(given: Parameters) -> int | None:
    text = given.text("endpointing", "true").lower()
    if text == "false":
        return None
    if text == "true":
        return DEFAULT_ENDPOINTING
    return given.whole("endpointing", 0, 60_000)


def _utterance_end(given: Parameters) -> int | None:
    text = given.text("utterance_end_ms")
    if "utterance_end_ms" not in given:
        return None
    if not text.isdecimal() or not 1000 <= int(text) <= 60_000:
        message = f"Invalid 'utterance_end_ms' value of '{text}'."
        refuse(400, "INVALID_QUERY_PARAMETER", message)
    return int(text)


def _utterance_split(given: Parameters) -> float:
    try:
        seconds = float(given.text("utt_split", "0.8"))
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < 3600:
        raise Refused(INVALID_QUERY)
    return seconds


def _summarize(given: Parameters) -> bool:
    text = given.one_of("summarize", ("v1", "v2", "true", "false"), "false")
    return text != "false"


def _strict(given: Parameters, name: str) -> bool:
    return given.one_of(name, ("extended", "strict")) == "strict"
