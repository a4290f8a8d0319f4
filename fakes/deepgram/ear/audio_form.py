"""What form the audio of a connection has, and how it becomes phone audio.

Mu-law, A-law, linear16 and linear32 (floating point) of any rate are understood, raw or
in a WAV file; other encodings are taken and counted but not decoded.
"""

from __future__ import annotations

import math
import struct
from array import array
from functools import cache

from fakes.deepgram.ear import alaw
from voiceutils import mulaw
from voiceutils.mulaw import SAMPLE_RATE

__all__ = ["HIGHEST_RATE", "MOST_CHANNELS", "AudioForm"]

MOST_CHANNELS = 20
HIGHEST_RATE = 384_000

_WIDTHS = {"mulaw": 1, "alaw": 1, "linear16": 2, "linear32": 4}
# Format and bits a sample; 0xFFFE only says that the format stands elsewhere.
_WAV_FORMATS = {
    (1, 16): "linear16",
    (3, 32): "linear32",
    (6, 8): "alaw",
    (7, 8): "mulaw",
}
_EXTENSIBLE = 0xFFFE
_LONGEST_WAV_HEADER = 4096  # bytes; what has no data chunk by then is no audio


class AudioForm:
    """Turns what a client sends into mu-law at 8000 Hz, however it was cut.

    The code in the audio survives from mu-law and linear16 at 8000 Hz and at whole
    multiples of it that were made by repeating samples.

    Args:
        encoding: None when the audio is in a file format.
        sample_rate: of raw audio.
        channels: of raw audio.
        split: whether every channel is heard; else the first one is.
    """

    def __init__(
        self,
        encoding: str | None,
        sample_rate: int | None,
        channels: int,
        *,
        split: bool = False,
    ) -> None:
        self.heard_channels = channels if split else 1
        self._split = split
        self.decodable = encoding in _WIDTHS
        self._header_awaited = encoding is None
        self._encoding = encoding or ""
        self._held = b""
        self._measure(sample_rate or SAMPLE_RATE, channels)

    def _measure(self, sample_rate: int, channels: int) -> None:
        self._rate = sample_rate
        self.channels = channels
        width = _WIDTHS.get(self._encoding, 1)
        self.is_phone_audio = (
            self._encoding == "mulaw"
            and sample_rate == SAMPLE_RATE
            and channels == 1
            and self.heard_channels == 1
            and not self._header_awaited
            and not self._held
        )
        # The shortest stretch that is a whole number of samples at both rates.
        stretch = sample_rate // math.gcd(sample_rate, SAMPLE_RATE)
        self._unit = width * channels * stretch

    @property
    def is_noise(self) -> bool:
        """Whether it is clear by now that the audio cannot be decoded here."""
        return not self.decodable and not self._header_awaited

    def convert(self, audio: bytes) -> list[bytes]:
        """Return what can be converted up to here, for each channel heard."""
        if self.is_phone_audio:
            return [audio]
        audio = self._held + audio
        self._held = b""
        if self._header_awaited:
            audio = self._read_header(audio)
        if not self.decodable:
            return [b""] * self.heard_channels
        whole = len(audio) - len(audio) % self._unit
        self._held = audio[whole:]
        return [
            self._channel(audio[:whole], number)
            for number in range(self.heard_channels)
        ]

    def _channel(self, audio: bytes, number: int) -> bytes:
        if self._encoding == "linear16":
            samples = array("H", audio)
            audio = bytes(
                map(_from_linear().__getitem__, samples[number :: self.channels])
            )
        elif self._encoding == "linear32":
            audio = _from_floats(array("f", audio)[number :: self.channels])
        elif self.channels > 1:
            audio = audio[number :: self.channels]
        if self._encoding == "alaw":
            audio = audio.translate(alaw.to_mulaw())
        return audio if self._rate == SAMPLE_RATE else _resample(audio, self._rate)

    def _read_header(self, audio: bytes) -> bytes:
        """Return the audio after a WAV header; keeps it while the header is partial."""
        if not audio.startswith(b"RIFF"[: len(audio)]):
            self._header_awaited = False
            return b""
        data, form = audio.find(b"data"), audio.find(b"fmt ")
        if data < 0 or len(audio) < data + 8:
            self._header_awaited = len(audio) < _LONGEST_WAV_HEADER
            self._held = audio if self._header_awaited else b""
            return b""
        self._header_awaited = False
        if 0 <= form < data - 23:
            kind, channels, rate, _, _, bits = struct.unpack_from(
                "<HHIIHH", audio, form + 8
            )
            if kind == _EXTENSIBLE and len(audio) >= form + 34:
                (kind,) = struct.unpack_from("<H", audio, form + 32)
            self._encoding = _WAV_FORMATS.get((kind, bits), "")
            plausible = 0 < channels <= MOST_CHANNELS and 0 < rate <= HIGHEST_RATE
            self.decodable = bool(self._encoding and plausible)
            if self.decodable:
                self.heard_channels = channels if self._split else 1
                self._measure(rate, channels)
        return audio[data + 8 :]


def _resample(audio: bytes, sample_rate: int) -> bytes:
    count = len(audio) * SAMPLE_RATE // sample_rate
    return bytes(audio[at * sample_rate // SAMPLE_RATE] for at in range(count))


@cache
def _from_linear() -> bytes:
    """The mu-law byte of every 16-bit sample, read as an unsigned number."""
    return mulaw.encode([n if n < 0x8000 else n - 0x10000 for n in range(0x10000)])


def _from_floats(samples: array[float]) -> bytes:
    """The mu-law bytes of samples between -1 and 1; what is none is silence."""
    return mulaw.encode([round(32768 * x) if -2 < x < 2 else 0 for x in samples])
