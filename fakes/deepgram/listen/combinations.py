"""Which models, features and callbacks the service refuses, and in which words."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from fakes.deepgram.errors import NO_ACCESS_TO_MODEL, NO_SUCH_MODEL
from fakes.deepgram.parameters import INVALID_QUERY, Parameters, Refused, refuse
from fakes.deepgram.settings import DeepgramSettings

__all__ = [
    "LONGEST_KEYTERMS",
    "check_callback",
    "check_model",
    "check_stream_only",
    "check_terms",
    "diarizer",
    "tokens_of",
]

_FAMILIES = re.compile(
    r"(nova-[23]|nova|enhanced|base)(-[a-z0-9]+)?"
    r"|2-general-nova|general|meeting|phonecall|finance|conversationalai|voicemail|video"
    r"|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
_WHISPER = re.compile(r"whisper(-(tiny|base|small|medium|large))?")
_LANGUAGE = re.compile(r"multi|[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
LONGEST_KEYTERMS = 500  # tokens, counted here as words
_MOST_KEYWORDS = 100


def check_model(
    given: Parameters, settings: DeepgramSettings, *, streaming: bool
) -> None:
    """Refuse models that are unknown, or unknown in that language."""
    model = given.text("model", "base-general")
    if model.startswith("flux"):
        text = (
            "Flux models are not supported on the `/v1/listen` endpoint. Please "
            "use `/v2/listen`."
        )
        refuse(400, "V2_MODEL_ON_V1_LISTEN_ENDPOINT", text)
    if _WHISPER.fullmatch(model):
        if streaming:
            refuse(405, "METHOD_NOT_ALLOWED", "Method not allowed.")
    elif not _FAMILIES.fullmatch(model):
        older = settings.unknown_model_status == 400
        raise Refused(NO_SUCH_MODEL if older else NO_ACCESS_TO_MODEL)
    language = given.text("language", "en")
    several = language == "multi" and not model.startswith(("nova-2", "nova-3"))
    if several or not _LANGUAGE.fullmatch(language):
        raise Refused(NO_SUCH_MODEL)


def tokens_of(terms: tuple[str, ...]) -> int:
    """Return how much of the key term limit these take."""
    return sum(len(term.split()) for term in terms)


def check_terms(model: str, given: Parameters) -> None:
    """Refuse key terms for a model that has none, and too many of them."""
    terms, words = given.texts("keyterm"), given.texts("keywords")
    if terms and not model.startswith("nova-3"):
        text = (
            "`keyterm` is only supported for Nova-3 and Flux. Please use `keywords` "
            "instead."
        )
        refuse(400, "INVALID_QUERY_PARAMETER", text)
    if tokens_of(terms) > LONGEST_KEYTERMS:
        text = "Keyterm limit exceeded. The maximum is 500 tokens."
        refuse(400, "KEYWORD_LIMIT_EXCEEDED", text)
    if len(words) > _MOST_KEYWORDS:
        text = "Keyword limit exceeded. The maximum is 100 keywords."
        refuse(400, "KEYWORD_LIMIT_EXCEEDED", text)
    if words and model.startswith("nova-3"):
        given.note("query: keywords has no effect on Nova-3, which has keyterm")


def check_stream_only(given: Parameters) -> None:
    """Refuse what there is for recordings only; sentiment is silently ignored."""
    if given.text("summarize", "false") != "false":
        refuse(400, "Bad Request", "Summarization is not available for streaming.")
    if given.flag("topics") or given.flag("intents"):
        text = "Project does not have access to the requested features."
        refuse(403, "UNAUTHORIZED_FEATURES_REQUESTED", text)
    if "sentiment" in given:
        given.note("query: sentiment is ignored on a stream")
    if "vad_turnoff" in given and given.text("endpointing").isdecimal():
        raise Refused(INVALID_QUERY)


def diarizer(given: Parameters, versions: tuple[str, ...]) -> str:
    """Return the version that tells speakers apart, or "" for none."""
    if "diarize_model" in given:
        if "diarize" in given or "diarize_version" in given:
            text = (
                "diarize_model cannot be used together with diarize or diarize_version."
            )
            refuse(400, "Bad Request", text)
        return given.one_of("diarize_model", versions)
    return "v1" if given.flag("diarize") else ""


def check_callback(
    given: Parameters, settings: DeepgramSettings, methods: tuple[str, ...]
) -> tuple[str, str]:
    """Return address and method of the callback, both "" without one."""
    method = given.one_of("callback_method", (*methods, *map(str.lower, methods)))
    if "callback" not in given:
        return "", ""
    address = given.text("callback")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    usual = {"http": 80, "https": 443, "ws": 80, "wss": 443}.get(parts.scheme)
    allowed = settings.callback_ports
    if (
        usual is None
        or not parts.hostname
        or (allowed and (port or usual) not in allowed)
    ):
        refuse(400, "Bad Request", "Invalid callback url.")
    return address, (method or "POST").upper()
