"""A-law, the other byte of ITU-T G.711, from and to mu-law.

The two do not have the same levels: what is coded in the last bits of mu-law does not
survive the way to A-law and back.
"""

from __future__ import annotations

from functools import cache

from voiceutils import mulaw

__all__ = ["expand", "from_mulaw", "to_mulaw"]


def expand(byte: int) -> int:
    """Return one A-law byte as a linear sample; even bits are inverted on the line."""
    byte ^= 0x55
    exponent, mantissa = byte >> 4 & 7, byte & 15
    magnitude = (mantissa << 4) + 8
    if exponent:
        magnitude = (magnitude + 0x100) << (exponent - 1)
    return magnitude if byte & 0x80 else -magnitude


@cache
def to_mulaw() -> bytes:
    """Return the mu-law byte of every A-law byte, for ``bytes.translate``."""
    return mulaw.encode([expand(byte) for byte in range(256)])


@cache
def from_mulaw() -> bytes:
    """Return the nearest A-law byte of every mu-law byte."""
    levels = [(expand(byte), byte) for byte in range(256)]
    samples = mulaw.decode(bytes(range(256)))
    return bytes(
        min(levels, key=lambda level: (abs(level[0] - sample), -level[0]))[1]
        for sample in samples
    )
