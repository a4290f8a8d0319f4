"""Sounds that a document plays, as phone audio: mu-law, 8000 Hz, mono.

WAV (linear of 8 to 32 bits, mu-law, A-law left out) at any rate, and raw mu-law. MP3 is
not decoded: it becomes a soft tone of the same length, so that timing is right.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from voiceutils import mulaw
from voiceutils.errors import VoiceError
from voiceutils.mulaw import SAMPLE_RATE, SILENCE

__all__ = ["Sound", "SoundError", "beep", "read_sound", "tones"]

_WAV_TYPES = frozenset({"audio/wav", "audio/wave", "audio/x-wav", "audio/vnd.wave"})
_RAW_TYPES = frozenset({"audio/ulaw", "audio/x-mulaw", "audio/basic", "audio/x-ulaw"})
_MP3_TYPES = frozenset({"audio/mpeg", "audio/mp3", "audio/x-mpeg"})
_LINEAR, _MULAW, _EXTENSIBLE = 1, 7, 0xFFFE
_MOST_DIGITS = 64


class SoundError(VoiceError):
    """A sound that cannot be played."""


class Sound(NamedTuple):
    """Phone audio.

    Attributes:
        note: what is odd about it; empty when nothing is.
    """

    audio: bytes
    note: str = ""


# Many calls play the same few sounds, and a minute of CD quality takes half a second.
@lru_cache(maxsize=8)
def read_sound(body: bytes, content_type: str, longest: float = 600.0) -> Sound:
    """Return a sound as phone audio, cut to ``longest`` seconds.

    Raises:
        SoundError: not a sound, or of a kind that cannot be played.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind in _RAW_TYPES:
        return _cut(_without_header(body), longest)
    if kind in _WAV_TYPES:
        return _read_wav(body, longest)
    if kind in _MP3_TYPES:
        seconds = min(_mp3_seconds(body), longest)
        return Sound(_hum(seconds), f"{kind} is not decoded: a tone of {seconds:.1f} s")
    raise SoundError(f"content type {kind[:60] or 'missing'!s} cannot be played")


def _cut(audio: bytes, longest: float) -> Sound:
    most = round(longest * SAMPLE_RATE)
    note = f"a sound of more than {longest:g} s is cut" if len(audio) > most else ""
    return Sound(audio[:most], note)


def _without_header(body: bytes) -> bytes:
    if body[:4] == b".snd" and len(body) >= 8:
        (offset,) = struct.unpack_from(">I", body, 4)
        return body[offset:]
    return body


# --- WAV -------------------------------------------------------------------------


class _Format(NamedTuple):
    tag: int
    channels: int
    rate: int
    bits: int


def _read_wav(body: bytes, longest: float) -> Sound:
    form, data = _wav_chunks(body)
    most = round(longest * form.rate) * form.channels * (form.bits // 8)
    note = f"a sound of more than {longest:g} s is cut" if len(data) > most else ""
    data = data[:most]
    if form.tag == _MULAW and form.rate == SAMPLE_RATE and form.channels == 1:
        return Sound(bytes(data), note)
    samples = _samples(form, data)
    if form.channels > 1:
        mono = zip(*[iter(samples)] * form.channels, strict=False)
        samples = [sum(sample) // form.channels for sample in mono]
    return Sound(_encode(_resampled(samples, form.rate)), note)


def _wav_chunks(body: bytes) -> tuple[_Format, bytes]:
    if body[:4] != b"RIFF" or body[8:12] != b"WAVE":
        raise SoundError("not a WAV file, though it says so")
    form: _Format | None = None
    at = 12
    while at + 8 <= len(body):
        name, size = struct.unpack_from("<4sI", body, at)
        content = body[at + 8 : at + 8 + size]
        if name == b"fmt " and len(content) >= 16:
            form = _wav_format(content)
        elif name == b"data":
            if form is None:
                break
            return form, content
        at += 8 + size + size % 2
    raise SoundError("a WAV file without format or data")


def _wav_format(content: bytes) -> _Format:
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", content)
    if tag == _EXTENSIBLE and len(content) >= 26:
        (tag,) = struct.unpack_from("<H", content, 24)
    known = (tag == _LINEAR and bits in (8, 16, 24, 32)) or (tag == _MULAW, bits) == (
        True,
        8,
    )
    if not known or not 1 <= channels <= 8 or not 4000 <= rate <= 192_000:
        text = f"WAV of format {tag}, {channels} channels, {rate} Hz, {bits} bits"
        raise SoundError(f"{text} cannot be played")
    return _Format(tag, channels, rate, bits)


def _samples(form: _Format, data: bytes) -> Sequence[int]:
    """Return 16-bit samples."""
    width = form.bits // 8
    data = data[: len(data) - len(data) % width]
    if form.tag == _MULAW:
        return mulaw.decode(data)
    if width == 1:
        return [(byte - 128) << 8 for byte in data]
    # The two upper bytes of each sample are all that the ear at a phone gets.
    upper = bytearray(len(data) // width * 2)
    upper[0::2] = data[width - 2 :: width]
    upper[1::2] = data[width - 1 :: width]
    return struct.unpack(f"<{len(upper) // 2}h", upper)


def _resampled(samples: Sequence[int], rate: int) -> Sequence[int]:
    """Return the samples at 8000 Hz: averaged downwards, linear upwards."""
    if rate == SAMPLE_RATE or not samples:
        return samples
    count = len(samples) * SAMPLE_RATE // rate
    if rate % SAMPLE_RATE == 0:
        step = rate // SAMPLE_RATE
        return [sum(samples[n * step : (n + 1) * step]) // step for n in range(count)]
    last = len(samples) - 1
    resampled = []
    for number in range(count):
        whole, part = divmod(number * rate, SAMPLE_RATE)
        before, after = samples[whole], samples[min(whole + 1, last)]
        resampled.append(before + (after - before) * part // SAMPLE_RATE)
    return resampled


def _encode(samples: Sequence[int]) -> bytes:
    codes = mulaw.codes()
    return bytes([codes[sample + 32768] for sample in samples])


# --- MP3 -------------------------------------------------------------------------

# Kilobits a second by index, for layer III of MPEG 1 and of MPEG 2.
_RATES_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_RATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


def _mp3_seconds(body: bytes) -> float:
    """Return how long it plays, judged from its first frame."""
    for at in range(min(len(body) - 3, 100_000)):
        if body[at] != 0xFF or body[at + 1] & 0xE6 != 0xE2:
            continue
        index = body[at + 2] >> 4
        if 0 < index < 15:
            rates = _RATES_1 if body[at + 1] & 0x08 else _RATES_2
            return (len(body) - at) * 8 / (rates[index] * 1000)
    raise SoundError("not an MP3 file, though it says so")


def _hum(seconds: float) -> bytes:
    return (_tone((400,), 1.0) * math.ceil(seconds))[: round(seconds * SAMPLE_RATE)]


# --- keys ------------------------------------------------------------------------

_ROWS = (697, 770, 852, 941)
_COLUMNS = (1209, 1336, 1477, 1633)
_KEYS = {
    key: (_ROWS[number // 4], _COLUMNS[number % 4])
    for number, key in enumerate("123A456B789C*0#D")
}
_PAUSES = {"w": 0.5, "W": 1.0}
_TONE = 0.1  # seconds
_GAP = 0.1


def tones(digits: str) -> bytes | None:
    """Return the sound of keys, ``w`` being half a second; None if they are none."""
    if len(digits) > _MOST_DIGITS:
        return None
    parts = []
    for digit in digits:
        if digit in _PAUSES:
            parts.append(_silence(_PAUSES[digit]))
        elif digit in _KEYS:
            parts += [_tone(_KEYS[digit], _TONE), _silence(_GAP)]
        else:
            return None
    return b"".join(parts)


def beep() -> bytes:
    """Return the sound before a recording."""
    return _tone((1000,), 0.3)


def _silence(seconds: float) -> bytes:
    return bytes([SILENCE]) * round(seconds * SAMPLE_RATE)


@lru_cache(maxsize=32)
def _tone(hertz: tuple[int, ...], seconds: float) -> bytes:
    turns = [2 * math.pi * frequency / SAMPLE_RATE for frequency in hertz]
    return mulaw.encode(
        [
            round(sum(6000 * math.sin(turn * number) for turn in turns))
            for number in range(round(seconds * SAMPLE_RATE))
        ]
    )
