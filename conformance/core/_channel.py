"""What an agent that resamples, and a bad line, do to audio; for tests of speech."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from fakes.speech.robust.samples import to_linear, to_mulaw

__all__ = ["DOWN", "UP", "active_level", "noisy", "through"]

Floats = npt.NDArray[np.float64]
Resampler = Callable[[Floats, int], Floats]

_SIDELOBES = 16  # of the windowed sinc; what audio libraries take at medium quality


def _sinc(factor: int) -> Floats:
    at = np.arange(-_SIDELOBES * factor, _SIDELOBES * factor + 1)
    taps: Floats = np.sinc(at / factor) * np.hamming(len(at))
    return taps


def _up_polyphase(sound: Floats, factor: int) -> Floats:
    wide = np.zeros(len(sound) * factor)
    wide[::factor] = sound
    return np.convolve(wide, _sinc(factor), "same")


def _down_polyphase(sound: Floats, factor: int) -> Floats:
    return np.convolve(sound, _sinc(factor) / factor, "same")[::factor]


def _up_linear(sound: Floats, factor: int) -> Floats:
    at = np.arange(len(sound) * factor) / factor
    wide: Floats = np.interp(at, np.arange(len(sound)), sound)
    return wide


def _down_linear(phase: float) -> Resampler:
    def down(sound: Floats, factor: int) -> Floats:
        at = (np.arange(len(sound) // factor) + phase) * factor
        narrow: Floats = np.interp(at, np.arange(len(sound)), sound)
        return narrow

    return down


UP: dict[str, Resampler] = {"polyphase": _up_polyphase, "linear": _up_linear}
# Linear interpolation is worst half a sample off: it halves the upper tones.
DOWN: dict[str, Resampler] = {
    "polyphase": _down_polyphase,
    "linear": _down_linear(0.0),
    "linear, a quarter off": _down_linear(0.25),
    "linear, half off": _down_linear(0.5),
}


def active_level(sound: Floats) -> float:
    """Return the root of the mean square where it sounds, 20 ms at a time."""
    frames = sound[: len(sound) // 160 * 160].reshape(-1, 160)
    power = (frames * frames).mean(axis=1)
    return float(np.sqrt(power[power > 100**2].mean()))


def noisy(sound: Floats, decibels: float, seed: int) -> Floats:
    """Return the sound in white noise so many decibels below its active level."""
    noise = np.random.default_rng(seed).normal(size=len(sound))
    return sound + noise * active_level(sound) * 10 ** (-decibels / 20)


def through(
    audio: bytes, factor: int, up: str, down: str, gain: float, seed: int
) -> bytes:
    """Return phone audio after an agent that resamples, gain in dB, noise at 20 dB."""
    sound = DOWN[down](UP[up](to_linear(audio), factor), factor)
    return to_mulaw(noisy(sound * 10 ** (gain / 20), 20.0, seed))
