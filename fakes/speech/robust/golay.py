"""The extended Golay code: 12 bits in 24, decoded by likeness to all 4096 words.

Any 3 of 24 bits may be wrong, and more where their loudness says how sure each is
(Golay, "Notes on Digital Coding", 1949). The whole decoder is one product of matrices.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["CODED_BITS", "DATA_BITS", "decode", "encode"]

Bits = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]

DATA_BITS = 12
CODED_BITS = 24
_GENERATOR = 0xC75  # x^11 + x^10 + x^6 + x^5 + x^4 + x^2 + 1


def encode(bits: Bits) -> Bits:
    """Return 24 bits for each 12, as one row; the count must be a multiple of 12."""
    numbers = bits.reshape(-1, DATA_BITS) @ (1 << np.arange(DATA_BITS)[::-1])
    chosen: Bits = (_codewords().T[numbers] < 0).astype(np.int8)
    return chosen.reshape(-1)


def decode(soft: Floats) -> tuple[Bits, float]:
    """Return the likeliest data bits, and how like they are to what came.

    Args:
        soft: for each coded bit a number, positive for 0, larger when surer.

    Returns:
        The bits, and from 0 (nothing to do with it) to 1 (exactly this).
    """
    rows = soft.reshape(-1, CODED_BITS).astype(np.float32)
    likeness = rows @ _codewords()
    best = np.argmax(likeness, axis=1)
    agreed = likeness[np.arange(len(best)), best].sum()
    length = np.sqrt(float((rows * rows).sum()) * rows.size) or 1.0
    data = best[:, None] >> np.arange(DATA_BITS)[::-1] & 1
    return data.reshape(-1).astype(np.int8), float(agreed / length)


@cache
def _codewords() -> npt.NDArray[Any]:
    """All words, one a column, 1 for the bit 0 and -1 for 1; the data stand on top."""
    words = np.empty((1 << DATA_BITS, CODED_BITS), np.float32)
    for data in range(1 << DATA_BITS):
        rest = data << 11
        for shift in range(DATA_BITS - 1, -1, -1):
            if rest >> shift + 11 & 1:
                rest ^= _GENERATOR << shift
        word = data << 11 | rest
        word = word << 1 | word.bit_count() & 1
        words[data] = [1 - 2 * (word >> 23 - at & 1) for at in range(CODED_BITS)]
    return np.ascontiguousarray(words.T)
