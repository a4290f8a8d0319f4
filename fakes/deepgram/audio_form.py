"""What form the audio of a connection has, and how it becomes phone audio.

Mu-law, A-law and linear16 of any rate are understood, raw or in a WAV file; other
encodings are taken and counted but not decoded.
"""

from __future__ import annotations

import math
import struct
from array import array
from functools import cache

from voiceutils import mulaw
from voiceutils.mulaw import SAMPLE_RATE

__all__ = ["AudioForm"]

_DECODABLE = ("mulaw", "alaw", "linear16")
_WAV_FORMATS = {1: "linear16", 6: "alaw", 7: "mulaw"}
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
        self.decodable = encoding in _DECODABLE
        self._header_awaited = encoding is None
        self._encoding = encoding or ""
        self._held = b""
        self._measure(sample_rate or SAMPLE_RATE, channels)

    def _measure(self, sample_rate: int, channels: int) -> None:
        self._rate = sample_rate
        self._channels = channels
        width = 2 if self._encoding == "linear16" else 1
        # The shortest stretch that is a whole number of samples at both rates.
        stretch = sample_rate // math.gcd(sample_rate, SAMPLE_RATE)
        self._unit = width * channels * stretch

    def convert(self, audio: bytes) -> list[bytes]:
        """Return what can be converted up to here, for each channel heard."""
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
                map(_from_linear().__getitem__, samples[number :: self._channels])
            )
        elif self._channels > 1:
            audio = audio[number :: self._channels]
        if self._encoding == "alaw":
            audio = audio.translate(_from_alaw())
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
        if 0 <= form < data - 16:
            kind, channels, rate = struct.unpack_from("<HHI", audio, form + 8)
            self._encoding = _WAV_FORMATS.get(kind, "")
            self.decodable = bool(self._encoding and channels and rate)
            if self.decodable:
                self.heard_channels = min(self.heard_channels, channels)
                self._measure(rate, channels)
        return audio[data + 8 :]


def _resample(audio: bytes, sample_rate: int) -> bytes:
    count = len(audio) * SAMPLE_RATE // sample_rate
    return bytes(audio[at * sample_rate // SAMPLE_RATE] for at in range(count))


@cache
def _from_linear() -> bytes:
    """The mu-law byte of every 16-bit sample, read as an unsigned number."""
    return mulaw.encode([n if n < 0x8000 else n - 0x10000 for n in range(0x10000)])


@cache
def _from_alaw() -> bytes:
    return mulaw.encode([_expand_alaw(byte) for byte in range(256)])


def _expand_alaw(byte: int) -> int:
    """One A-law byte as a linear sample (ITU-T G.711, even bits inverted)."""
    byte ^= 0x55
    exponent, mantissa = byte >> 4 & 7, byte & 15
    magnitude = (mantissa << 4) + 8
    if exponent:
        magnitude = (magnitude + 0x100) << (exponent - 1)
    return magnitude if byte & 0x80 else -magnitude
