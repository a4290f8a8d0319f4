"""Speech as the robust mode needs it: whole blocks, and no sound where the code is."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from voiceutils.mulaw import FRAME_BYTES, SAMPLE_RATE

__all__ = ["below_the_code", "stretched"]

Floats = npt.NDArray[np.float64]

_HIGHEST = 1550.0  # Hz; the lowest tone of the code is at 1750
_TAPS = 129
_REACH = 100  # samples searched for a good join: a period of any voice above 80 Hz


def below_the_code(samples: Floats) -> Floats:
    """Return the sound without what lies in the band of the code."""
    lowered: Floats = np.convolve(samples, _low_pass(), "same")
    return lowered[: len(samples)]


def stretched(samples: Floats, frames: int) -> Floats:
    """Return the sound in so many frames, longer or shorter, at its own pitch.

    Overlapping pieces of two frames are laid out anew, each cut where it joins what
    is there best (waveform similarity overlap-add, Verhelst and Roelands, 1993).
    """
    hop, piece = FRAME_BYTES, 2 * FRAME_BYTES
    if len(samples) == frames * hop:
        return samples
    # Silence around it, so that no piece or search reaches over an end.
    margin = np.zeros(piece + hop + _REACH)
    source = np.concatenate([margin, samples, margin])
    window = np.hanning(piece + 1)[:-1]
    laid = np.zeros((frames + 2) * hop)
    pace = len(samples) / (frames * hop)
    taken = len(margin) - hop
    laid[:piece] += source[taken : taken + piece] * window
    for number in range(frames):
        wanted = len(margin) + round(number * hop * pace)
        follows = source[taken + hop : taken + hop + piece]
        near = source[wanted - _REACH : wanted + _REACH + piece]
        likeness = np.correlate(near, follows, "valid")
        taken = wanted + int(np.argmax(likeness)) - _REACH if likeness.any() else wanted
        begin = (number + 1) * hop
        laid[begin : begin + piece] += source[taken : taken + piece] * window
    return laid[hop:-hop]


@cache
def _low_pass() -> Floats:
    at = np.arange(_TAPS) - _TAPS // 2
    edge = 2 * _HIGHEST / SAMPLE_RATE
    taps: Floats = edge * np.sinc(edge * at) * np.hamming(_TAPS)
    return taps
