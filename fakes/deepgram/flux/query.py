"""The query of ``/v2/listen``; strict: what is not known here is refused.

Parameters and ranges: https://developers.deepgram.com/docs/flux/configuration and the
published AsyncAPI file. The service's own words for these refusals are not published;
only their status is known, so the texts here follow its other ones.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from fakes.deepgram.errors import NO_ACCESS_TO_MODEL, NO_SUCH_MODEL, Refusal
from fakes.deepgram.listen.query import Pairs, boolean
from fakes.deepgram.settings import DeepgramSettings
from voiceutils.wire.deepgram_flux import Configure, Thresholds, ThresholdsChange

__all__ = [
    "MULTILINGUAL",
    "FluxQuery",
    "configured",
    "parse_flux",
]

MULTILINGUAL = "flux-general-multi"
_MODELS = ("flux-general-en", MULTILINGUAL)
_ENCODINGS = ("linear16", "linear32", "mulaw", "alaw", "opus", "ogg-opus")
_RATES = ("8000", "16000", "24000", "44100", "48000")
_FLAGS = ("profanity_filter", "numerals", "mip_opt_out")
_KNOWN = (
    "model", "encoding", "sample_rate", "eot_threshold", "eager_eot_threshold",
    "eot_timeout_ms", "keyterm", "language_hint", "redact", "tag", *_FLAGS,
)  # fmt: skip
_REDACTIONS = ("numbers", "aggressive_numbers", "true", "false")
_EAGER_RANGE = (0.3, 0.9)
_LOWEST_THRESHOLD = 0.5
_LOWEST_TIMEOUT = 500  # ms
_MOST_KEYTERMS = 100
_LONGEST_KEYTERM = 100  # characters; a longer one is refused by the live service
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


class FluxQuery(NamedTuple):
    """What a client asked for."""

    model: str
    encoding: str | None = None
    sample_rate: int | None = None
    thresholds: Thresholds = Thresholds()
    keyterms: tuple[str, ...] = ()
    language_hints: tuple[str, ...] = ()
    numerals: bool = False
    profanity_filter: bool = False
    redact: tuple[str, ...] = ()


def parse_flux(pairs: Pairs, settings: DeepgramSettings) -> FluxQuery | Refusal:
    """Return the query, or the refusal that the service would answer with."""
    given = dict(reversed(pairs))  # the first of a repeated key
    if "model" not in given:
        return _bad("Failed to deserialize query parameters: missing field `model`")
    if given["model"] not in _MODELS:
        return _no_model(settings)
    problem = _unknown(given) or _problem_of_form(given) or _problem_of_values(given)
    if problem:
        return _bad(problem)
    thresholds = _thresholds(given, settings)
    if isinstance(thresholds, str):
        return _bad(thresholds)
    keyterms = tuple(value for key, value in pairs if key == "keyterm")
    hints = tuple(value for key, value in pairs if key == "language_hint")
    redact = tuple(value for key, value in pairs if key == "redact")
    problem = _problem_of_keyterms(keyterms) or _problem_of_hints(hints, given["model"])
    if not problem and set(redact) - set(_REDACTIONS):
        problem = _invalid("redact", ",".join(redact))
    if problem:
        return _bad(problem)
    return FluxQuery(
        given["model"],
        given.get("encoding"),
        int(given["sample_rate"]) if "sample_rate" in given else None,
        thresholds,
        keyterms,
        hints,
        numerals=bool(boolean(given.get("numerals"))),
        profanity_filter=bool(boolean(given.get("profanity_filter"))),
        redact=redact,
    )


def configured(
    query: FluxQuery, change: Configure, settings: DeepgramSettings
) -> FluxQuery | tuple[str, str]:
    """Return the query after a Configure, or the code and the sentence against it.

    Of the codes only INVALID_THRESHOLD is published.
    """
    given = change.thresholds or ThresholdsChange()
    named = ("eager_eot_threshold", "eot_threshold", "eot_timeout_ms")
    values = {name: getattr(given, name) for name in named}
    thresholds = replace(
        query.thresholds,
        **{name: value for name, value in values.items() if value is not None},
    )
    terms, hints = change.keyterms, change.language_hints
    if isinstance(terms, str):
        terms = (terms,)
    for code, problem in (
        ("INVALID_THRESHOLD", _problem_of_thresholds(thresholds, settings)),
        ("INVALID_KEYTERMS", _problem_of_keyterms(terms or ())),
        ("INVALID_LANGUAGE_HINTS", _problem_of_hints(hints or (), query.model)),
    ):
        if problem:
            return code, problem
    return query._replace(
        thresholds=thresholds,
        keyterms=query.keyterms if terms is None else terms,
        language_hints=query.language_hints if hints is None else hints,
        numerals=query.numerals if change.numerals is None else change.numerals,
    )


def _problem_of_keyterms(terms: tuple[str, ...]) -> str:
    """Return what is wrong with the key terms; the empty string when nothing is."""
    if len(terms) > _MOST_KEYTERMS:
        return f"Keyterm limit exceeded. The maximum is {_MOST_KEYTERMS} keyterms."
    for term in terms:
        if not term.strip():
            return "keyterm must not be empty"
        if len(term) > _LONGEST_KEYTERM:
            return f"keyterm must not be longer than {_LONGEST_KEYTERM} characters"
    return ""


def _problem_of_hints(hints: tuple[str, ...], model: str) -> str:
    """Return what is wrong with the language hints; "" when nothing is."""
    if hints and model != MULTILINGUAL:
        return f"language_hint is only supported for {MULTILINGUAL}"
    wrong = [hint for hint in hints if not _LANGUAGE.fullmatch(hint)]
    return _invalid("language_hint", wrong[0]) if wrong else ""


def _unknown(given: dict[str, str]) -> str:
    unknown = sorted(set(given) - set(_KNOWN))
    if not unknown:
        return ""
    known = ", ".join(f"`{name}`" for name in _KNOWN)
    problem = f"unknown field `{unknown[0]}`, expected one of {known}"
    return f"Failed to deserialize query parameters: {problem}"


def _problem_of_form(given: dict[str, str]) -> str:
    encoding, rate = given.get("encoding"), given.get("sample_rate")
    if encoding is not None and encoding not in _ENCODINGS:
        return _invalid("encoding", encoding)
    if rate is not None and rate not in _RATES:
        return _invalid("sample_rate", rate)
    if encoding is not None and rate is None:
        return "sample_rate is required when encoding is given"
    return ""


def _problem_of_values(given: dict[str, str]) -> str:
    for name in _FLAGS:
        if boolean(given.get(name)) is None:
            return _invalid(name, given[name])
    for name in ("eot_threshold", "eager_eot_threshold", "eot_timeout_ms"):
        text = given.get(name)
        whole = name == "eot_timeout_ms"
        if text is not None and not (
            text.isdecimal() if whole else _NUMBER.fullmatch(text)
        ):
            return _invalid(name, text)
    return ""


def _thresholds(given: dict[str, str], settings: DeepgramSettings) -> Thresholds | str:
    eager = given.get("eager_eot_threshold")
    asked = Thresholds(
        UNSET if eager is None else float(eager),
        float(given.get("eot_threshold", 0.7)),
        int(given.get("eot_timeout_ms", "5000")[:9]),
    )
    return _problem_of_thresholds(asked, settings) or asked


def _problem_of_thresholds(asked: Thresholds, settings: DeepgramSettings) -> str:
    highest, longest = settings.flux_highest_threshold, settings.flux_longest_timeout
    eager = asked.eager_eot_threshold
    if not _LOWEST_THRESHOLD <= asked.eot_threshold <= highest:
        return f"eot_threshold must be between {_LOWEST_THRESHOLD} and {highest}"
    if not _LOWEST_TIMEOUT <= asked.eot_timeout_ms <= longest:
        return f"eot_timeout_ms must be between {_LOWEST_TIMEOUT} and {longest}"
    if isinstance(eager, UnsetType):
        return ""
    if not _EAGER_RANGE[0] <= eager <= _EAGER_RANGE[1]:
        return "eager_eot_threshold must be between {} and {}".format(*_EAGER_RANGE)
    if eager > asked.eot_threshold:
        return "eager_eot_threshold must be less than or equal to eot_threshold"
    return ""


def _invalid(name: str, value: str) -> str:
    return f"Invalid '{name}' value of '{value}'."


def _bad(message: str) -> Refusal:
    return Refusal(400, "INVALID_QUERY_PARAMETER", message)


def _no_model(settings: DeepgramSettings) -> Refusal:
    older = settings.unknown_model_status == 400
    return NO_SUCH_MODEL if older else NO_ACCESS_TO_MODEL
