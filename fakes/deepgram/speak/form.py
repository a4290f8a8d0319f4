"""In which form speech is sent: encoding, container, sample rate, bit rate.

The table and the six sentences about a wrong combination are those of
https://developers.deepgram.com/docs/tts-media-output-settings and
https://developers.deepgram.com/docs/errors.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import NamedTuple

from fakes.deepgram.ear import alaw
from voiceutils import mulaw
from voiceutils.mulaw import SAMPLE_RATE

__all__ = ["RAW", "SpeechForm", "phone_to_pcm", "read_form"]

RAW = ("linear16", "mulaw", "alaw")


class _Rules(NamedTuple):
    """What goes with an encoding; the first of each is the default."""

    content_type: str
    rates: tuple[int, ...]
    containers: tuple[str, ...] = ()  # none: `container` is not applicable
    fixed_rate: bool = False
    bit_rates: tuple[int, ...] | range = ()


_TABLE = {
    "linear16": _Rules("l16", (24000, 8000, 16000, 32000, 48000), ("wav", "none")),
    "mulaw": _Rules("mulaw", (8000, 16000), ("wav", "none")),
    "alaw": _Rules("alaw", (8000, 16000), ("wav", "none")),
    "mp3": _Rules("mpeg", (22050,), (), True, (48000, 32000)),
    "opus": _Rules("ogg;codecs=opus", (48000,), ("ogg",), True, range(4_000, 650_001)),
    "flac": _Rules("flac", (48000, 8000, 16000, 22050, 32000)),
    "aac": _Rules("aac", (22050,), (), True, range(4_000, 192_001)),
}
_DEFAULT_BIT_RATES = {"mp3": 48_000, "opus": 12_000, "aac": 48_000}
_WAV_FORMATS = {"linear16": 1, "alaw": 6, "mulaw": 7}
_ONLY_FLUX = (44100,)  # linear16 on the WebSocket /v2/speak


class SpeechForm(NamedTuple):
    """The form of speech that a client asked for."""

    encoding: str = "mulaw"
    sample_rate: int = SAMPLE_RATE
    container: str = "none"
    bit_rate: int | None = None

    @property
    def content_type(self) -> str:
        """The media type of a response."""
        if self.container == "wav":
            return "audio/wav"
        name = _TABLE[self.encoding].content_type
        return f"audio/{name}" + (
            f";rate={self.sample_rate}" if self.encoding in RAW else ""
        )

    @property
    def width(self) -> int:
        """Bytes of one raw sample."""
        return 2 if self.encoding == "linear16" else 1

    @property
    def bytes_a_second(self) -> int:
        """How much raw audio plays in a second."""
        return self.sample_rate * self.width

    def convert(self, audio: bytes, speed: float = 1.0) -> bytes:
        """Return phone audio as raw audio of this form, said ``speed`` times faster.

        Samples are repeated or left out, nothing is filtered: the code in the audio
        survives at 8000 Hz and its whole multiples, unless it is A-law or the speed is
        changed.
        """
        audio = _resample(audio, self.sample_rate / SAMPLE_RATE / speed)
        if self.encoding == "alaw":
            return audio.translate(alaw.from_mulaw())
        return mulaw.to_linear16(audio) if self.encoding == "linear16" else audio

    @property
    def header(self) -> bytes:
        """What comes before the audio: that of an endless WAV stream, or nothing."""
        if self.container != "wav":
            return b""
        rate, width = self.sample_rate, self.width
        form = struct.pack(
            "<HHIIHH",
            _WAV_FORMATS[self.encoding],
            1,
            rate,
            rate * width,
            width,
            8 * width,
        )
        unknown = b"\xff\xff\xff\x7f"
        return (
            b"RIFF" + unknown + b"WAVEfmt " + struct.pack("<I", 16) + form
            + b"data" + unknown
        )  # fmt: skip


def phone_to_pcm(audio: bytes, sample_rate: int) -> bytes:
    """Return phone audio as 16-bit samples of any rate."""
    return SpeechForm("linear16", sample_rate).convert(audio)


def _resample(audio: bytes, ratio: float) -> bytes:
    """Return ``ratio`` times as many samples; a whole ratio repeats each of them."""
    times = round(ratio)
    if ratio != times:
        count = int(len(audio) * ratio)
        return bytes(audio[int(at / ratio)] for at in range(count))
    if times == 1:
        return audio
    wider = bytearray(len(audio) * times)
    for place in range(times):
        wider[place::times] = audio
    return bytes(wider)


def read_form(
    given: Mapping[str, str], *, default: str, streaming: bool, flux: bool = False
) -> SpeechForm | str:
    """Return the form of a query, or the sentence about what is wrong with it.

    Args:
        given: the query.
        default: the encoding of a query that names none.
        streaming: for a WebSocket: raw encodings only, never a container.
        flux: for ``/v2/speak``, which has one sample rate more.
    """
    encoding = given.get("encoding", default)
    rules = _TABLE.get(encoding)
    if rules is None or (streaming and encoding not in RAW):
        known = ", ".join(f"`{name}`" for name in (RAW if streaming else _TABLE))
        problem = f"encoding: unknown variant `{encoding}`, expected one of {known}"
        return f"Failed to deserialize query parameters: {problem}"
    if streaming:
        more = _ONLY_FLUX if flux and encoding == "linear16" else ()
        rules = rules._replace(containers=("none",), rates=rules.rates + more)
    problem = (
        _problem_of_container(given, encoding, rules)
        or _problem_of_rate(given, encoding, rules)
        or _problem_of_bit_rate(given, encoding, rules)
    )
    if problem:
        return f"Unsupported audio format: {problem}"
    container = given.get("container", (*rules.containers, "")[0])
    bit_rate = given.get("bit_rate", _DEFAULT_BIT_RATES.get(encoding))
    return SpeechForm(
        encoding,
        int(given.get("sample_rate", rules.rates[0])),
        container,
        None if bit_rate is None else int(bit_rate),
    )


def _problem_of_container(
    given: Mapping[str, str], encoding: str, rules: _Rules
) -> str:
    container = given.get("container")
    if container is None or container in rules.containers:
        return ""
    if not rules.containers:
        return f"`container` is not applicable when `encoding={encoding}`"
    return f"`container={container}` is invalid when `encoding={encoding}`"


def _problem_of_rate(given: Mapping[str, str], encoding: str, rules: _Rules) -> str:
    rate = given.get("sample_rate")
    if rate is None:
        return ""
    if rules.fixed_rate:
        return f"`sample_rate` is not applicable when `encoding={encoding}`"
    if rate not in map(str, rules.rates):
        rates = sorted(rules.rates)
        return f"`sample_rate` must be {rates} when `encoding={encoding}`"
    return ""


def _problem_of_bit_rate(given: Mapping[str, str], encoding: str, rules: _Rules) -> str:
    bit_rate, allowed = given.get("bit_rate"), rules.bit_rates
    if bit_rate is None:
        return ""
    if not allowed:
        return f"`bit_rate` is not applicable when `encoding={encoding}`"
    if not re.fullmatch("[0-9]{1,7}", bit_rate) or int(bit_rate) not in allowed:
        if isinstance(allowed, range):
            names = f"[{allowed[0]}-{allowed[-1]}]"
        else:
            names = str(sorted(allowed))
        return f"`bit_rate` must be {names} when `encoding={encoding}`"
    return ""
