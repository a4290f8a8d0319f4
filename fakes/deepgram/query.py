"""The query of ``/v1/listen`` and ``/v1/speak``, read as strictly as the service does.

Unknown parameters of listen are ignored, wrong values of known ones are refused
(https://developers.deepgram.com/reference/speech-to-text/listen-streaming).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from fakes.deepgram.errors import Refusal
from fakes.deepgram.settings import DeepgramSettings

__all__ = ["ListenQuery", "Pairs", "boolean", "parse_listen"]

Pairs = Sequence[tuple[str, str]]

DEFAULT_ENDPOINTING = 10  # ms
ENCODINGS = (
    "linear16", "linear32", "flac", "alaw", "mulaw", "amr-nb", "amr-wb", "opus",
    "ogg-opus", "speex", "g729",
)  # fmt: skip
_BOOLEANS = (
    "interim_results", "vad_events", "smart_format", "no_delay", "punctuate",
    "numerals", "dictation", "profanity_filter", "filler_words", "diarize",
    "detect_entities", "multichannel", "mip_opt_out", "debug",
)  # fmt: skip
_FAMILIES = re.compile(
    r"(nova-[23]|nova|enhanced|base)(-[a-z0-9]+)?"
    r"|2-general-nova|general|meeting|phonecall|finance|conversationalai|voicemail|video"
    r"|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
_LANGUAGE = re.compile(r"multi|[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_LONGEST_KEYTERMS = 500  # tokens, counted here as words

_BAD_QUERY = Refusal(400, "Bad Request", "Invalid query string.")
_NO_MODEL = Refusal(
    400, "Bad Request", "Bad Request: No such model/language/tier combination found."
)
_NO_ACCESS = Refusal(
    403,
    "INSUFFICIENT_PERMISSIONS",
    "Project does not have access to the requested model.",
)


class ListenQuery(NamedTuple):
    """What a client asked for; ``endpointing`` in ms, None when switched off."""

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
    debug: bool = False
    tag: str = ""
    extra: tuple[str, ...] = ()


class _Refused(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.message)


def parse_listen(pairs: Pairs, settings: DeepgramSettings) -> ListenQuery | Refusal:
    """Return the query, or the refusal that the service would answer with."""
    try:
        return _parse_listen(pairs, settings)
    except _Refused as refused:
        return refused.refusal


def _parse_listen(pairs: Pairs, settings: DeepgramSettings) -> ListenQuery:
    given = dict(reversed(pairs))  # the first of a repeated key
    flags = {name: boolean(given.get(name)) for name in _BOOLEANS}
    if None in flags.values():
        raise _Refused(_BAD_QUERY)
    model = given.get("model", "base-general")
    _check_model(model, given, settings)
    _check_features(model, given, pairs)
    encoding, sample_rate, channels = _audio_form(given)
    return ListenQuery(
        model=model,
        encoding=encoding,
        sample_rate=sample_rate,
        channels=channels,
        multichannel=bool(flags["multichannel"]),
        interim_results=bool(flags["interim_results"]),
        endpointing=_endpointing(given),
        utterance_end_ms=_utterance_end(given),
        vad_events=bool(flags["vad_events"]),
        punctuate=bool(flags["punctuate"] or flags["smart_format"]),
        debug=bool(flags["debug"]),
        tag=given.get("tag", ""),
        extra=tuple(value for key, value in pairs if key == "extra"),
    )


def boolean(text: str | None) -> bool | None:
    """Return a flag, False when it is not given; None when it is neither.

    Only ``true`` and ``false`` count: Python's ``False`` is refused, which has bitten
    clients (https://github.com/livekit/agents/pull/2237).
    """
    return {None: False, "true": True, "false": False}.get(text)


def _whole(text: str, low: int, high: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise _Refused(_BAD_QUERY)
    return int(text)


def _check_model(model: str, given: dict[str, str], settings: DeepgramSettings) -> None:
    if model.startswith("flux"):
        raise _Refused(
            Refusal(
                400,
                "V2_MODEL_ON_V1_LISTEN_ENDPOINT",
                "Flux models are not supported on the `/v1/listen` endpoint. Please "
                "use `/v2/listen`.",
            )
        )
    if model.startswith("whisper"):
        raise _Refused(Refusal(405, "METHOD_NOT_ALLOWED", "Method not allowed."))
    if not _FAMILIES.fullmatch(model):
        older = settings.unknown_model_status == 400
        raise _Refused(_NO_MODEL if older else _NO_ACCESS)
    language = given.get("language", "en")
    several = language == "multi" and not model.startswith(("nova-2", "nova-3"))
    if several or not _LANGUAGE.fullmatch(language):
        raise _Refused(_NO_MODEL)


def _check_features(model: str, given: dict[str, str], pairs: Pairs) -> None:
    terms = [value for key, value in pairs if key == "keyterm"]
    if terms and not model.startswith("nova-3"):
        text = (
            "`keyterm` is only supported for Nova-3 and Flux. Please use `keywords` "
            "instead."
        )
        raise _Refused(Refusal(400, "INVALID_QUERY_PARAMETER", text))
    if sum(len(term.split()) for term in terms) > _LONGEST_KEYTERMS:
        text = "Keyterm limit exceeded. The maximum is 500 tokens."
        raise _Refused(Refusal(400, "KEYWORD_LIMIT_EXCEEDED", text))
    if "diarize_model" in given and ("diarize" in given or "diarize_version" in given):
        text = "diarize_model cannot be used together with diarize or diarize_version."
        raise _Refused(Refusal(400, "Bad Request", text))
    if given.get("summarize", "false") != "false":
        text = "Summarization is not available for streaming."
        raise _Refused(Refusal(400, "Bad Request", text))
    if "true" in (given.get("topics"), given.get("intents")):
        text = "Project does not have access to the requested features."
        raise _Refused(Refusal(403, "UNAUTHORIZED_FEATURES_REQUESTED", text))
    if "vad_turnoff" in given and given.get("endpointing", "").isdecimal():
        raise _Refused(_BAD_QUERY)


def _audio_form(given: dict[str, str]) -> tuple[str | None, int | None, int]:
    encoding = given.get("encoding")
    if encoding is not None and encoding not in ENCODINGS:
        raise _Refused(_BAD_QUERY)
    rate = given.get("sample_rate")
    sample_rate = _whole(rate, 1, 384_000) if rate is not None else None
    if encoding in ("linear16", "linear32", "alaw", "mulaw") and sample_rate is None:
        raise _Refused(_BAD_QUERY)
    return encoding, sample_rate, _whole(given.get("channels", "1"), 1, 20)


def _endpointing(given: dict[str, str]) -> int | None:
    text = given.get("endpointing", "true")
    if text == "false":
        return None
    return DEFAULT_ENDPOINTING if text == "true" else _whole(text, 0, 60_000)


def _utterance_end(given: dict[str, str]) -> int | None:
    text = given.get("utterance_end_ms")
    if text is None:
        return None
    if not text.isdecimal() or not 1000 <= int(text) <= 60_000:
        message = f"Invalid 'utterance_end_ms' value of '{text}'."
        raise _Refused(Refusal(400, "INVALID_QUERY_PARAMETER", message))
    return int(text)
