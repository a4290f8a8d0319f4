"""Speech on request: what ``/v1/speak`` is asked for and what it answers; no socket.

Every piece of text becomes an utterance with a number of its own, which its frames
carry (https://developers.deepgram.com/reference/text-to-speech/speak-request).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import NamedTuple

from fakes.deepgram.errors import Refusal
from fakes.deepgram.query import Pairs, boolean
from fakes.deepgram.settings import DeepgramSettings
from fakes.speech import Speaker, Speech, sentences, speak
from voiceutils import mulaw
from voiceutils.errors import SettingError
from voiceutils.mulaw import SAMPLE_RATE

__all__ = [
    "SpeakQuery",
    "model_headers",
    "parse_speak",
    "read_body",
    "say",
    "wav_header",
]

MODEL_VERSION = "2025-04-07.0"
_KNOWN_UUIDS = {"aura-2-thalia-en": "0bb159e1-5c0a-48fb-aa29-ed7c0401f116"}
_OTHER_UUID = "ecb76e9d-f2db-4127-8060-79b05590d22f"
_RATES = {
    "linear16": (8000, 16000, 24000, 32000, 48000),
    "mulaw": (8000, 16000),
    "alaw": (8000, 16000),
}
_DEFAULT_RATES = {"linear16": 24000, "mulaw": 8000, "alaw": 8000}
_UNMADE = ("mp3", "opus", "flac", "aac", "alaw")  # real encodings that we cannot make
_WAV_FORMATS = {"linear16": 1, "mulaw": 7}
_PARAMETERS = {
    "model", "encoding", "container", "sample_rate", "bit_rate", "speed", "callback",
    "callback_method", "tag", "mip_opt_out", "extra",
}  # fmt: skip


class SpeakQuery(NamedTuple):
    """What form of speech a client asked for."""

    model: str = "aura-asteria-en"
    encoding: str = "mulaw"
    sample_rate: int = SAMPLE_RATE
    wav: bool = False
    tag: str = ""

    @property
    def content_type(self) -> str:
        """The media type of the response."""
        if self.wav:
            return "audio/wav"
        name = "l16" if self.encoding == "linear16" else self.encoding
        return f"audio/{name};rate={self.sample_rate}"

    @property
    def bytes_a_second(self) -> int:
        """How much audio plays in a second."""
        return self.sample_rate * (2 if self.encoding == "linear16" else 1)

    def convert(self, audio: bytes) -> bytes:
        """Return phone audio in the form asked for; samples are repeated."""
        times = self.sample_rate // SAMPLE_RATE
        if times > 1:
            audio = bytes(byte for byte in audio for _ in range(times))
        return mulaw.to_linear16(audio) if self.encoding == "linear16" else audio


def _bad(message: str) -> Refusal:
    return Refusal(400, "Bad Request", message)


def parse_speak(pairs: Pairs, *, streaming: bool = False) -> SpeakQuery | Refusal:
    """Return the query, or the refusal that the service would answer with.

    ``streaming`` is the WebSocket: default linear16, never a container, and unknown
    parameters are refused. Encodings that the fake cannot make are refused, mp3 too,
    which is the default of requests.
    """
    given = dict(reversed(pairs))
    problem = _problem_before_form(given)
    if problem:
        return _bad(problem)
    model = given.get("model", "aura-asteria-en")
    encoding = given.get("encoding", "linear16" if streaming else "mp3")
    if encoding in _UNMADE:
        return _unsupported(
            f"this fake does not make `encoding={encoding}`; "
            "use `encoding=mulaw` or `encoding=linear16`"
        )
    rates = _RATES.get(encoding)
    if rates is None:
        text = f"encoding: unknown variant `{encoding}`"
        return _bad(f"Failed to deserialize query parameters: {text}")
    rate = given.get("sample_rate", str(_DEFAULT_RATES[encoding]))
    container = given.get("container", "none" if streaming else "wav")
    problem = ""
    if rate not in map(str, rates):
        problem = f"`sample_rate` must be {list(rates)} when `encoding={encoding}`"
    elif "bit_rate" in given:
        problem = f"`bit_rate` is not applicable when `encoding={encoding}`"
    elif container not in (("none",) if streaming else ("none", "wav")):
        problem = f"`container={container}` is invalid when `encoding={encoding}`"
    if problem:
        return _unsupported(problem)
    wav, tag = container == "wav", given.get("tag", "")
    return SpeakQuery(model, encoding, int(rate), wav, tag)


def _problem_before_form(given: dict[str, str]) -> str:
    unknown = sorted(set(given) - _PARAMETERS)
    if unknown:
        return f"Failed to deserialize query parameters: unknown field `{unknown[0]}`"
    if boolean(given.get("mip_opt_out")) is None:
        return "Failed to deserialize query parameters: mip_opt_out: not a boolean"
    if not given.get("model", "aura").startswith("aura"):
        return "Bad Request: No such model/version combination found."
    return ""


def _unsupported(problem: str) -> Refusal:
    return _bad(f"Unsupported audio format: {problem}")


def read_body(
    body: bytes, content_type: str, settings: DeepgramSettings
) -> str | Refusal:
    """Return the text to say, or the refusal."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in ("application/json", "text/plain"):
        text = (
            "`Content-Type` header is not supported. `Content-Type` must be either "
            "`text/plain` or `application/json`."
        )
        return Refusal(415, "UNSUPPORTED_MEDIA_TYPE", text)
    try:
        said = body.decode()
    except UnicodeDecodeError:
        return Refusal(400, "PAYLOAD_ERROR", "Failed to decode payload as UTF-8.")
    if kind == "application/json":
        text_or_refusal = _text_of_json(said)
        if isinstance(text_or_refusal, Refusal):
            return text_or_refusal
        said = text_or_refusal
    if not said.strip():
        return _bad("Input text contains no characters.")
    if len(said) > settings.text_limit:
        limit = f"Input text exceeds maximum character limit of {settings.text_limit}."
        return Refusal(settings.text_too_long_status, "Payload Too Large", limit)
    return said


def _text_of_json(body: str) -> str | Refusal:
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    if not isinstance(content, dict) or not isinstance(content.get("text"), str):
        text = (
            "Failed to deserialize JSON payload. Please specify exactly one of `text` "
            "or `url` in the JSON body."
        )
        return Refusal(400, "PAYLOAD_ERROR", text)
    said: str = content["text"]
    return said


def model_uuid(model: str) -> str:
    """Return the identity of a voice."""
    return _KNOWN_UUIDS.get(model, _OTHER_UUID)


def model_headers(query: SpeakQuery, text: str, request_id: str) -> dict[str, str]:
    """Return the headers of a successful response, without ``date``."""
    return {
        "content-type": query.content_type,
        "dg-model-name": query.model,
        "dg-model-uuid": model_uuid(query.model),
        "dg-char-count": str(len(text)),
        "dg-request-id": request_id,
    }


def wav_header(query: SpeakQuery) -> bytes:
    """Return the header of a WAV stream whose length is not known yet."""
    width = 2 if query.encoding == "linear16" else 1
    rate = query.sample_rate
    form = struct.pack(
        "<HHIIHH", _WAV_FORMATS[query.encoding], 1, rate, rate * width, width, 8 * width
    )
    unknown = b"\xff\xff\xff\x7f"
    return (
        b"RIFF" + unknown + b"WAVEfmt " + struct.pack("<I", 16) + form
        + b"data" + unknown
    )  # fmt: skip


def say(text: str, new_number: Callable[[], int]) -> list[tuple[int, Speech]]:
    """Return the text as speech with the number of each utterance.

    One utterance where it fits, else one for each sentence or half of one. Text
    without a word to say is silence: no utterance at all.
    """
    if not text.split():
        return []
    number = new_number()
    try:
        return [(number, speak(text, speaker=Speaker.AGENT, call=number))]
    except SettingError:
        parts = sentences(text)
        if len(parts) < 2:
            words = text.split()
            if len(words) < 2:
                return []
            half = len(words) // 2
            parts = [" ".join(words[:half]), " ".join(words[half:])]
        return [spoken for part in parts for spoken in say(part, new_number)]
