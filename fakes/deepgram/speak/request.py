"""Speech on request: what ``/v1/speak`` and ``/v2/speak`` are asked for; no socket.

Every piece of text becomes an utterance with a number of its own, which its frames
carry (https://developers.deepgram.com/reference/text-to-speech/speak-request).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from fakes.deepgram.errors import Refusal
from fakes.deepgram.parameters import Pairs, boolean
from fakes.deepgram.settings import DeepgramSettings
from fakes.deepgram.speak.form import SpeechForm, read_form
from fakes.speech import Speaker, Speech, SpeechMode, sentences, speaking
from fakes.speech.voices import VoiceName
from voiceutils.errors import SettingError

__all__ = ["SpeakQuery", "model_uuid", "parse_speak", "problem_of_speed", "say"]

MODEL_VERSION = "2025-04-07.0"
_KNOWN_UUIDS = {"aura-2-thalia-en": "0bb159e1-5c0a-48fb-aa29-ed7c0401f116"}
_OTHER_UUID = "ecb76e9d-f2db-4127-8060-79b05590d22f"
_STREAMED = ("model", "encoding", "sample_rate", "speed", "tag", "mip_opt_out")
_PARAMETERS = {
    ("v1", True): {*_STREAMED, "container", "extra"},
    ("v2", True): {*_STREAMED, "expressivity"},
    ("v1", False): {
        *_STREAMED, "container", "bit_rate", "callback", "callback_method", "extra",
    },
    ("v2", False): {
        *_STREAMED, "container", "bit_rate", "callback", "callback_method", "priority",
        "expressivity",
    },
}  # fmt: skip
_VOICES = {
    "v1": re.compile(r"aura(-2)?-[a-z]+-[a-z]{2}(-[a-z]{2})?"),
    "v2": re.compile(r"flux-[a-z]+-[a-z]{2}(-[a-z]{2})?"),
}
_AURA_SPEEDS = (0.7, 1.5)
_FLUX_SPEEDS = (0.5, 1.5)
_FLUX_STEPS = 20  # to one
_NUMBER = re.compile(r"-?[0-9]{1,6}(\.[0-9]{1,9})?")


class SpeakQuery(NamedTuple):
    """What speech a client asked for."""

    model: str = "aura-asteria-en"
    form: SpeechForm = SpeechForm()
    speed: float = 1.0
    speed_given: bool = False
    tag: str = ""
    callback: str = ""
    callback_method: str = "POST"


def parse_speak(
    pairs: Pairs,
    settings: DeepgramSettings,
    *,
    streaming: bool = False,
    version: str = "v1",
) -> SpeakQuery | Refusal:
    """Return the query, or the refusal that the service would answer with.

    Args:
        pairs: the query, in order, decoded.
        settings: for the encoding of a request that names none.
        streaming: the WebSocket: default linear16, never a container.
        version: ``v1`` for Aura voices, ``v2`` for those of Flux.
    """
    given = dict(reversed(pairs))
    flux = version == "v2"
    problem = _problem_before_form(given, _PARAMETERS[version, streaming])
    if problem:
        return _bad(f"Failed to deserialize query parameters: {problem}")
    if flux and "model" not in given:
        return _bad("Failed to deserialize query parameters: missing field `model`")
    model = given.get("model", "aura-asteria-en")
    if not _VOICES[version].fullmatch(model):
        text = "Bad Request: No such model/version combination found."
        return Refusal(400, "Bad Request", text)
    refusal = _refusal_of_voice(given, flux=flux)
    if refusal is not None:
        return refusal
    default = "linear16" if streaming else settings.speak_default_encoding
    form = read_form(given, default=default, streaming=streaming, flux=flux)
    if isinstance(form, str):
        return _bad(form)
    callback = given.get("callback", "")
    if callback and not re.fullmatch(r"https?://[^/\s]+(/\S*)?", callback):
        return _bad("Invalid callback url.")
    return SpeakQuery(
        model,
        form,
        float(given.get("speed", 1)),
        "speed" in given,
        given.get("tag", ""),
        callback,
        given.get("callback_method", "POST"),
    )


def _problem_before_form(given: dict[str, str], known: set[str]) -> str:
    unknown = sorted(set(given) - known)
    if unknown:
        return f"unknown field `{unknown[0]}`"
    if boolean(given.get("mip_opt_out")) is None:
        return "mip_opt_out: not a boolean"
    if given.get("callback_method", "POST") not in ("POST", "PUT"):
        return "callback_method: expected `POST` or `PUT`"
    if given.get("priority", "low") != "low":
        return "priority: expected `low`"
    for name in ("speed", "expressivity"):
        if not _NUMBER.fullmatch(given.get(name, "1")):
            return f"{name}: not a number"
    return ""


def _refusal_of_voice(given: dict[str, str], *, flux: bool) -> Refusal | None:
    speed, expressivity = float(given.get("speed", 1)), given.get("expressivity", "0")
    code, problem = problem_of_speed(speed, flux=flux)
    if problem:
        return Refusal(400, code if flux else "INVALID_QUERY_PARAMETER", problem)
    if float(expressivity) % 1:
        text = "'expressivity' must be a whole number"
        return Refusal(400, "EXPRESSIVITY_INCREMENT_INVALID", text)
    if not -2 <= float(expressivity) <= 2:
        text = "'expressivity' must be between -2 and 2"
        return Refusal(400, "EXPRESSIVITY_OUT_OF_RANGE", text)
    return None


def problem_of_speed(speed: float, *, flux: bool) -> tuple[str, str]:
    """Return the code and the sentence about a speed, or two empty strings."""
    low, high = _FLUX_SPEEDS if flux else _AURA_SPEEDS
    if not low <= speed <= high:
        return "SPEED_OUT_OF_RANGE", f"'speed' must be between {low} and {high}"
    steps = speed * _FLUX_STEPS
    if flux and abs(steps - round(steps)) > 1e-6:
        text = "'speed' must be provided in increments of 0.05"
        return "SPEED_INCREMENT_INVALID", text
    return "", ""


def _bad(message: str) -> Refusal:
    return Refusal(400, "INVALID_QUERY_PARAMETER", message)


def model_uuid(model: str) -> str:
    """Return the identity of a voice."""
    return _KNOWN_UUIDS.get(model, _OTHER_UUID)


def say(
    text: str,
    new_number: Callable[[], int],
    mode: SpeechMode = "exact",
    voice: VoiceName = "usual",
) -> list[tuple[int, Speech]]:
    """Return the text as speech with the number of each utterance.

    One utterance where it fits, else one for each sentence or half of one. Text
    without a word to say is silence: no utterance at all.
    """
    if not text.split():
        return []
    number = new_number()
    try:
        speech = speaking(mode).speak(
            text, speaker=Speaker.AGENT, call=number, voice=voice
        )
        return [(number, speech)]
    except SettingError:
        parts = sentences(text)
        if len(parts) < 2:
            words = text.split()
            if len(words) < 2:
                return []
            half = len(words) // 2
            parts = [" ".join(words[:half]), " ".join(words[half:])]
        return [
            spoken for part in parts for spoken in say(part, new_number, mode, voice)
        ]
