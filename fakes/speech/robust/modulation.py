"""Bits as sound that survives resampling: nineteen tones from 1750 to 2875 Hz.

A block is eight frames. The first is a known chord, by which its place in the stream is
found; each of the others carries 36 bits, two in the step of phase from every tone to
the next. What a frame says is read from that frame alone: gain, delay and the slope of
a resampler's filter cancel out. A frame repeats its last 32 samples in front (a cyclic
prefix), so that what is smeared from the frame before does no harm.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from fakes.speech.robust import golay
from fakes.speech.robust.block_code import BLOCK_BITS, BLOCK_FRAMES
from voiceutils.mulaw import FRAME_BYTES

__all__ = ["BLOCK_SAMPLES", "chords", "demodulate", "modulate"]

Floats = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

BLOCK_SAMPLES = BLOCK_FRAMES * FRAME_BYTES
_PREFIX = 32
_WINDOW = FRAME_BYTES - _PREFIX  # 128 samples: tones 62.5 Hz apart
_FIRST_TONE, _TONES = 28, 19
_STEPS = _TONES - 1
_EARLY = 8  # samples
_DATA_FRAMES = BLOCK_FRAMES - 1
_ROOM = _DATA_FRAMES * _STEPS * 2  # 252 bits, of which 240 are used


def modulate(value: int) -> Floats:
    """Return the sound of 120 bits, of mean square 1 but for the rise and fall."""
    bits = np.array([value >> at & 1 for at in range(BLOCK_BITS)][::-1], np.int8)
    coded = np.zeros(_ROOM, np.int8)
    coded[_places()] = golay.encode(bits)
    signs = 1 - 2 * (coded ^ _scrambling()).reshape(_DATA_FRAMES, _STEPS, 2)
    steps = (signs[..., 0] + 1j * signs[..., 1]) / np.sqrt(2)
    start = np.ones((_DATA_FRAMES, 1))
    tones = np.cumprod(np.hstack([start, steps]), axis=1)
    return _sound(np.vstack([_chord_tones(), tones])).reshape(-1)


def demodulate(samples: Floats) -> tuple[int, float]:
    """Return the likeliest 120 bits of a block, and how sure that is, from 0 to 1.

    Args:
        samples: of the whole block, its band alone.
    """
    frames = samples.reshape(BLOCK_FRAMES, FRAME_BYTES)
    # The window ends early: what follows may begin a few samples too soon.
    begin = _PREFIX - _EARLY
    windows = frames[:, begin : begin + _WINDOW]
    tones = windows @ _analysis()
    steps = tones[:, 1:] * np.conj(tones[:, :-1])
    steps = steps[1:]  # the chord says nothing new
    soft = np.stack([steps.real, steps.imag], axis=-1).reshape(-1)
    soft *= 1 - 2 * _scrambling()
    bits, sure = golay.decode(soft[_places()])
    value = int("".join(map(str, bits.tolist())), 2)
    return value, sure


@cache
def chords() -> tuple[Floats, Floats]:
    """Return the frame that begins each block, and the same a quarter of a turn on.

    Both have length 1 as vectors.
    """
    waves = (_sound(_chord_tones() * turn).reshape(-1) for turn in (1, 1j))
    sine, cosine = (wave / np.sqrt(np.sum(wave * wave)) for wave in waves)
    return sine, cosine


def _chord_tones() -> Complex:
    # Newman's phases: nineteen tones at once without a peak.
    at = np.arange(_TONES)
    tones: Complex = np.exp(1j * np.pi * at * at / _TONES)[None, :]
    return tones


def _sound(tones: Complex) -> Floats:
    """Return a frame of 160 samples for each row of tones."""
    spectrum = np.zeros((len(tones), _WINDOW // 2 + 1), np.complex128)
    spectrum[:, _FIRST_TONE : _FIRST_TONE + _TONES] = tones
    window = np.fft.irfft(spectrum, _WINDOW, axis=1)
    window *= _WINDOW / np.sqrt(2 * _TONES)
    return np.hstack([window[:, -_PREFIX:], window])


@cache
def _analysis() -> Complex:
    """What the samples of a window are multiplied with to be its tones."""
    at = np.arange(_WINDOW)[:, None]
    tone = _FIRST_TONE + np.arange(_TONES)[None, :]
    # As if the window began behind the prefix.
    samples: Complex = np.exp(-2j * np.pi * tone * (at - _EARLY) / _WINDOW)
    return samples


@cache
def _places() -> npt.NDArray[Any]:
    """Where each coded bit goes: neighbours far apart in time and in pitch."""
    return np.random.RandomState(11).permutation(_ROOM)[: 2 * BLOCK_BITS]


@cache
def _scrambling() -> npt.NDArray[Any]:
    """Flips half of the bits, so that a code full of zeros is no click."""
    return np.random.RandomState(13).randint(0, 2, _ROOM).astype(np.int8)
