"""What phone audio is: G.711 mu-law, 8000 one-byte samples a second, 20 ms frames.

Twilio sends and plays it raw, without header (Media Streams documentation,
https://www.twilio.com/docs/voice/media-streams/websocket-messages).
"""

from __future__ import annotations

import struct
from functools import cache
from typing import Final

__all__ = [
    "FRAMES_PER_SECOND",
    "FRAME_BYTES",
    "FRAME_SECONDS",
    "SAMPLE_RATE",
    "SILENCE",
    "SILENCE_FRAME",
    "codes",
    "decode",
    "encode",
    "is_voiced",
    "level",
    "seconds_of",
    "whole_frame",
]

SAMPLE_RATE: Final = 8000  # samples a second, one byte each
FRAMES_PER_SECOND: Final = 50
FRAME_SECONDS: Final = 1 / FRAMES_PER_SECOND  # 0.02
FRAME_BYTES: Final = SAMPLE_RATE // FRAMES_PER_SECOND  # 160
SILENCE: Final = 0xFF  # positive zero
SILENCE_FRAME: Final = bytes([SILENCE]) * FRAME_BYTES

_BIAS: Final = 0x84
_CLIP: Final = 32635
# Speech rendered at a telephone level lies above 1000; line noise (0x7E..0xFF
# mixed) stays below 10. A wide gap, so the exact threshold does not matter.
VOICED_LEVEL: Final = 200


def _expand(byte: int) -> int:
    byte = ~byte & 0xFF
    magnitude = (((byte & 0x0F) << 3) + _BIAS << ((byte >> 4) & 0x07)) - _BIAS
    return -magnitude if byte & 0x80 else magnitude


def _compress(sample: int) -> int:
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _CLIP) + _BIAS
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | (magnitude >> exponent + 3) & 0x0F) & 0xFF


_LINEAR: Final = tuple(_expand(byte) for byte in range(256))
_MAGNITUDE: Final = tuple(abs(sample) for sample in _LINEAR)


def decode(audio: bytes) -> list[int]:
    """Return the 16-bit linear samples of mu-law bytes."""
    linear = _LINEAR
    return [linear[byte] for byte in audio]


def encode(samples: list[int]) -> bytes:
    """Return mu-law bytes for 16-bit linear samples; louder ones are clipped."""
    return bytes(_compress(sample) for sample in samples)


@cache
def codes() -> bytes:
    """Return the mu-law byte of each 16-bit sample, from -32768 on.

    For whoever encodes without end: looking up costs a tenth of :func:`encode`, and the
    table is made on first use, in 40 ms.
    """
    return encode(list(range(-32768, 32768)))


def to_linear16(audio: bytes) -> bytes:
    """Return little-endian 16-bit samples, as ``encoding=linear16`` means them."""
    return struct.pack(f"<{len(audio)}h", *decode(audio))


def level(audio: bytes) -> float:
    """Return the mean absolute amplitude on the 16-bit scale; 0.0 for no audio."""
    magnitude = _MAGNITUDE
    return sum([magnitude[byte] for byte in audio]) / len(audio) if audio else 0.0


# Adding up magnitudes one by one costs more than all else that is done to a frame; in
# steps of 16, cut at 255, they fit into bytes, which are added up at once.
_STEP: Final = 16
_LOUD: Final = 4  # times the level: a quarter of the samples, so loud, are enough
_NOT_LOUD: Final = bytes(
    byte for byte in range(256) if _MAGNITUDE[byte] < _LOUD * VOICED_LEVEL
)
_QUIET: Final = bytes(byte for byte in range(256) if _MAGNITUDE[byte] < VOICED_LEVEL)
_STEPS: Final = bytes(min(255, magnitude // _STEP) for magnitude in _MAGNITUDE)


def is_voiced(audio: bytes) -> bool:
    """Tell whether the audio is louder than line noise."""
    # Most speech is so loud, most else so quiet, that counting samples tells.
    if _LOUD * len(audio.translate(None, _NOT_LOUD)) >= len(audio) > 0:
        return True
    if not audio.translate(None, _QUIET):
        return False
    enough = len(audio) * VOICED_LEVEL
    steps = audio.translate(_STEPS)
    # Rounded down, so what is enough here is enough; most speech shows it at once.
    if _STEP * sum(steps[::4]) >= enough or _STEP * sum(steps) >= enough:
        return True
    return level(audio) >= VOICED_LEVEL


def seconds_of(audio: bytes) -> float:
    """Return how long the audio plays."""
    return len(audio) / SAMPLE_RATE


def whole_frame(audio: bytes) -> bytes:
    """Return up to a frame of audio with silence after it, so that it is 20 ms."""
    return audio + SILENCE_FRAME[len(audio) :]
