"""Mu-law bytes as arrays of samples, and back."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from voiceutils import mulaw

__all__ = ["to_linear", "to_mulaw"]

Floats = npt.NDArray[np.float64]


def to_linear(audio: bytes) -> Floats:
    """Return the samples of mu-law bytes, on the 16-bit scale."""
    samples: Floats = _linear()[np.frombuffer(audio, np.uint8)]
    return samples


def to_mulaw(samples: Floats) -> bytes:
    """Return the mu-law bytes of samples on the 16-bit scale; louder ones clip."""
    whole = np.clip(np.rint(samples), -32768, 32767).astype(np.int64)
    return _mulaw()[whole + 32768].tobytes()


@cache
def _linear() -> Floats:
    return np.array(mulaw.decode(bytes(range(256))), np.float64)


@cache
def _mulaw() -> npt.NDArray[np.uint8]:
    return np.frombuffer(mulaw.codes(), np.uint8)
