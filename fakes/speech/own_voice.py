"""A small voice of our own, for words that no clip holds.

Pulses at a falling pitch, shaped by two resonances and one swell; one syllable for each
vowel, the same in every word. Nobody would mistake it for a person; voice-activity
detectors hear speech.
"""

from __future__ import annotations

import math
import random
import re
from functools import cache, lru_cache

from voiceutils import mulaw

__all__ = ["pronounce", "warm_up"]

_LEVEL = 2500  # mean amplitude of a syllable, as of the clips
_SYLLABLE_FRAMES = 9  # 180 ms
_LONGEST = 100  # frames, however many syllables a word has
_PITCH = (120.0, 114.0)  # Hz, falling over a syllable
# The first two resonances of each vowel in Hz.
_FORMANTS = {
    "a": (700, 1200),
    "e": (500, 1800),
    "i": (320, 2200),
    "o": (500, 900),
    "u": (330, 850),
    "y": (320, 2100),
}
_NEUTRAL = (500, 1500)
_HUM = "m"
_HUMMED = (260, 1100)  # with closed lips
_BANDWIDTHS = (90, 140)  # Hz


@lru_cache(maxsize=2048)
def pronounce(word: str, least_frames: int = 3) -> tuple[bytes, ...]:
    """Return a word as mu-law frames, always the same for the same word.

    A word without letter or digit is a short silence.
    """
    sounds = re.findall(r"[aeiouy]+|\d|[^aeiouy\W\d]", word.lower())
    if not sounds:
        return (mulaw.SILENCE_FRAME,) * least_frames
    vowels = [sound[0] for sound in sounds if sound[0] in _FORMANTS or sound.isdigit()]
    # Without vowels it is hummed, or spelled: one syllable a letter.
    hummed = [_HUM for _ in re.findall("m+", word)] if _is_hummed(word) else []
    syllables = vowels or hummed or [sound[0] for sound in sounds]
    share = min(_SYLLABLE_FRAMES, _LONGEST / len(syllables))
    frames: list[bytes] = []
    for number, vowel in enumerate(syllables, 1):
        frames += _syllable(vowel)[: int(number * share) - len(frames)]
    return tuple(frames)


def _is_hummed(word: str) -> bool:
    return re.fullmatch("(h*mm+h*)+", word) is not None


def warm_up() -> None:
    """Sing every syllable now: the first unknown word would take 5 ms for each."""
    for vowel in (*_FORMANTS, _HUM, ""):
        _syllable(vowel)


def _syllable(vowel: str) -> tuple[bytes, ...]:
    return _sung(vowel if vowel in _FORMANTS or vowel == _HUM else "")


@cache
def _sung(vowel: str) -> tuple[bytes, ...]:
    # Sung once and not once a word, whose 20 ms would be missing to everybody else
    # whom the same event loop serves.
    count = _SYLLABLE_FRAMES * mulaw.FRAME_BYTES
    samples = _sing(vowel, count, random.Random(vowel))
    loudness = sum(map(abs, samples)) / count
    audio = mulaw.encode([round(x * _LEVEL / loudness) for x in samples])
    size = mulaw.FRAME_BYTES
    return tuple(audio[at : at + size] for at in range(0, count, size))


def _sing(vowel: str, count: int, noise: random.Random) -> list[float]:
    """Return ``count`` samples: pulses, breath, two resonances and a swell."""
    samples = []
    phase = 1.0
    first = second = (0.0, 0.0)
    (rise, fall), (next_rise, next_fall) = (_resonance(vowel, n) for n in (0, 1))
    high, low = _PITCH
    for at in range(count):
        part = at / count
        phase += (high + (low - high) * part) / mulaw.SAMPLE_RATE
        sound = noise.uniform(-0.02, 0.02)
        if phase >= 1:
            phase -= 1
            sound += 1
        sound += rise * first[0] - fall * first[1]
        first = (sound, first[0])
        sound += next_rise * second[0] - next_fall * second[1]
        second = (sound, second[0])
        # Never quieter than a third, so that no frame of a word is a pause.
        samples.append(sound * (0.35 + 0.65 * math.sin(math.pi * part)))
    return samples


def _resonance(vowel: str, formant: int) -> tuple[float, float]:
    """Return the two coefficients of a digital resonator."""
    pair = _HUMMED if vowel == _HUM else _FORMANTS.get(vowel, _NEUTRAL)
    frequency = pair[formant]
    radius = math.exp(-math.pi * _BANDWIDTHS[formant] / mulaw.SAMPLE_RATE)
    turn = 2 * math.pi * frequency / mulaw.SAMPLE_RATE
    return 2 * radius * math.cos(turn), radius * radius
