"""What comes out of a caller's phone beside words; all of it made here, from seeds.

Samples are on the 16-bit scale. :data:`SPEECH_LEVEL` is what "dB below speech" counts
from: the root of the mean square of the rendered clips, where they sound.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import cache, lru_cache
from itertools import islice

from fakes.speech.clips import clips
from fakes.twilio.flow.sounds import tones
from voiceutils import mulaw
from voiceutils.mulaw import FRAME_BYTES, FRAMES_PER_SECOND, SAMPLE_RATE

__all__ = [
    "NOISES",
    "SOUNDS",
    "SPEECH_LEVEL",
    "noise",
    "prepare",
    "sound",
    "sound_of_keys",
]

SPEECH_LEVEL = 3600.0
_NOISE_FRAMES = 5 * FRAMES_PER_SECOND  # then it begins again
_VOICES = 6  # in babble: fewer are words, more are a murmur
_COUGH_LEVEL = 6000.0
_MUSIC_LEVEL = 2400.0
_THROAT = 900.0  # Hz, where a cough is loudest
# An old tune's first notes, in semitones above the A of 220 Hz, half a second each.
_TUNE = (3, 3, 10, 10, 12, 12, 10, None, 8, 8, 7, 7, 5, 5, 3, None)

Frame = tuple[int, ...]


def _hiss(chance: random.Random, count: int) -> list[float]:
    return [chance.gauss(0, 1) for _ in range(count)]


def _street(chance: random.Random, count: int) -> list[float]:
    """Rumble below 400 Hz that swells and ebbs, as traffic does."""
    samples, low = [], 0.0
    for at in range(count):
        low += 0.3 * (chance.gauss(0, 1) - low)
        swell = 1 + 0.6 * math.sin(2 * math.pi * 2 * at / count)
        samples.append(low * swell)
    return samples


def _babble(chance: random.Random, count: int) -> list[float]:
    """Other people talking: six voices at once, none of them to be understood."""
    samples = [0.0] * count
    for _ in range(_VOICES):
        talk: list[int] = []
        while len(talk) < count:
            talk += mulaw.decode(b"".join(chance.choice(clips()).frames))
        begin = chance.randrange(count)
        for at in range(count):
            samples[(begin + at) % count] += talk[at]
    return samples


def _cough(chance: random.Random, count: int) -> list[float]:
    """Two bursts of breath through a throat, each a hard beginning and a long end."""
    radius = math.exp(-math.pi * 600 / SAMPLE_RATE)
    turn = 2 * math.pi * _THROAT / SAMPLE_RATE
    rise, fall = 2 * radius * math.cos(turn), radius * radius
    samples, before, last = [], 0.0, 0.0
    for at in range(count):
        part = 2 * at / count % 1
        before, last = rise * before - fall * last + chance.gauss(0, 1), before
        samples.append(before * math.exp(-5 * part) * min(1.0, 40 * part))
    return samples


def _music(_: random.Random, count: int) -> list[float]:
    """Hold music: a tune on something like a music box, one voice and its octave."""
    note_length = SAMPLE_RATE // 2
    samples = []
    for at in range(count):
        note = _TUNE[at // note_length % len(_TUNE)]
        pitch = 0.0 if note is None else 220 * 2 ** (note / 12)
        angle = 2 * math.pi * pitch * at / SAMPLE_RATE
        fade = math.exp(-3 * (at % note_length) / note_length)
        samples.append(fade * (math.sin(angle) + 0.5 * math.sin(2 * angle)))
    return samples


_Make = Callable[[random.Random, int], list[float]]
_NOISES: dict[str, _Make] = {"hiss": _hiss, "street": _street, "babble": _babble}
NOISES = tuple(_NOISES)
# Each with the seconds that it lasts unless told otherwise, and its level.
_SOUNDS: dict[str, tuple[_Make, float, float]] = {
    "cough": (_cough, 0.6, _COUGH_LEVEL),
    "music": (_music, 6.0, _MUSIC_LEVEL),
}
SOUNDS = tuple(_SOUNDS)


def prepare() -> None:
    """Make every noise now; the first call in one would wait 0.1 s for it."""
    for kind in NOISES:
        _noise(kind)


@lru_cache(maxsize=32)
def noise(kind: str, level: float) -> tuple[Frame, ...]:
    """Return five seconds of a background noise that can be repeated.

    Args:
        kind: one of :data:`NOISES`.
        level: root of its mean square.
    """
    return _frames(_noise(kind), level)


@lru_cache(maxsize=32)
def sound(kind: str, seconds: float | None = None, seed: int = 0) -> tuple[bytes, ...]:
    """Return a sound as mu-law frames.

    Args:
        kind: one of :data:`SOUNDS`.
        seconds: how long; None: as such sounds last.
        seed: no two coughs are alike.
    """
    make, usual, level = _SOUNDS[kind]
    frames = max(1, round((seconds or usual) * FRAMES_PER_SECOND))
    made = make(random.Random(f"{kind}:{seed}"), frames * FRAME_BYTES)
    return tuple(mulaw.encode(list(frame)) for frame in _frames(made, level))


@lru_cache(maxsize=32)
def sound_of_keys(keys: str) -> tuple[bytes, ...]:
    """Return the tones of keys in mu-law frames, 100 ms each and 100 ms between."""
    audio = tones(keys) or b""
    return tuple(
        mulaw.whole_frame(audio[at : at + FRAME_BYTES])
        for at in range(0, len(audio), FRAME_BYTES)
    )


@cache
def _noise(kind: str) -> list[float]:
    return _NOISES[kind](random.Random(kind), _NOISE_FRAMES * FRAME_BYTES)


def _frames(samples: list[float], level: float) -> tuple[Frame, ...]:
    power = sum(sample * sample for sample in samples) / len(samples)
    factor = level / math.sqrt(power or 1.0)
    scaled = iter([round(max(-32768, min(32767, x * factor))) for x in samples])
    count = len(samples) // FRAME_BYTES
    return tuple(tuple(islice(scaled, FRAME_BYTES)) for _ in range(count))
