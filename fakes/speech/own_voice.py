"""A small voice of our own, for words that no clip holds.

Pulses at a falling pitch, shaped by two resonances per vowel and by one swell per
syllable. Nobody would mistake it for a person; voice-activity detectors hear speech.
"""

from __future__ import annotations

import math
import random
import re
from functools import lru_cache

from voiceutils import mulaw

__all__ = ["pronounce"]

_LEVEL = 2500  # mean amplitude of a word, as of the clips
_SYLLABLE_FRAMES = 9  # 180 ms
_LONGEST = 100  # frames, however many syllables a word has
_PITCH = (128.0, 104.0)  # Hz, falling over a word
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
    # Without vowels it is spelled: one syllable a letter.
    syllables = vowels or [sound[0] for sound in sounds]
    frames = min(_SYLLABLE_FRAMES * len(syllables), _LONGEST)
    count = max(frames, least_frames) * mulaw.FRAME_BYTES
    samples = _sing(syllables, count, random.Random(word))
    loudness = sum(map(abs, samples)) / count
    audio = mulaw.encode([round(x * _LEVEL / loudness) for x in samples])
    size = mulaw.FRAME_BYTES
    return tuple(audio[at : at + size] for at in range(0, count, size))


def _sing(syllables: list[str], count: int, noise: random.Random) -> list[float]:
    """Return ``count`` samples: pulses, breath, resonances, a swell per syllable."""
    samples = []
    phase = 1.0
    memory = [[0.0, 0.0], [0.0, 0.0]]
    high, low = _PITCH
    length = count / len(syllables)
    for at in range(count):
        part = at / length
        vowel = syllables[min(int(part), len(syllables) - 1)]
        phase += (high + (low - high) * at / count) / mulaw.SAMPLE_RATE
        sound = noise.uniform(-0.02, 0.02)
        if phase >= 1:
            phase -= 1
            sound += 1
        for formant, state in enumerate(memory):
            rise, fall = _resonance(vowel, formant)
            sound += rise * state[0] - fall * state[1]
            state[1], state[0] = state[0], sound
        # Never quieter than a third, so that no frame of a word is a pause.
        samples.append(sound * (0.35 + 0.65 * math.sin(math.pi * (part % 1))))
    return samples


@lru_cache(maxsize=128)
def _resonance(vowel: str, formant: int) -> tuple[float, float]:
    """Return the two coefficients of a digital resonator."""
    frequency = _FORMANTS.get(vowel, _NEUTRAL)[formant]
    radius = math.exp(-math.pi * _BANDWIDTHS[formant] / mulaw.SAMPLE_RATE)
    turn = 2 * math.pi * frequency / mulaw.SAMPLE_RATE
    return 2 * radius * math.cos(turn), radius * radius
