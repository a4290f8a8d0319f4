"""Several voices out of one: higher and faster, or lower and slower, as people differ.

Pitch, resonances and pace change together, as with a tape that runs at another speed;
each word by itself, so that it keeps whole frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal, TypeAlias, get_args

from voiceutils import mulaw
from voiceutils.mulaw import FRAME_BYTES

__all__ = ["VOICES", "VoiceName", "in_voice", "voice_of_model"]

VoiceName: TypeAlias = Literal["usual", "high", "low"]
VOICES: tuple[VoiceName, ...] = get_args(VoiceName)
_PACES: dict[VoiceName, float] = {"usual": 1.0, "high": 1.2, "low": 0.85}
# Those of Deepgram's examples, and of a request that names none.
_USUAL_MODELS = ("aura-asteria-en", "aura-2-thalia-en", "flux-alexis-en")


def voice_of_model(model: str) -> VoiceName:
    """Return the voice of a speech model; different models may share one."""
    if model in _USUAL_MODELS:
        return "usual"
    return VOICES[sum(model.encode()) % len(VOICES)]


def in_voice(
    voice: VoiceName, frames: Sequence[bytes], owners: Sequence[int], least: list[int]
) -> tuple[list[bytes], list[int]]:
    """Return the frames of an utterance and their words as another voice says them.

    Args:
        voice: which.
        frames: as the usual voice says it.
        owners: for each frame its word, from 1, or 0 in a pause, which stays as it is.
        least: for each word the frames that it must have.
    """
    pace = _PACES[voice]
    changed: list[bytes] = []
    owned: list[int] = []
    at = 0
    for owner, run in groupby(owners):
        count = len(list(run))
        sound = list(frames[at : at + count])
        at += count
        if owner:
            wanted = max(least[owner - 1], round(count / pace))
            sound = list(_at_pace(b"".join(sound), wanted))
        changed += sound
        owned += [owner] * len(sound)
    return changed, owned


def _at_pace(sound: bytes, frames: int) -> Iterator[bytes]:
    """Yield the sound in so many frames, on lines between its samples."""
    samples = mulaw.decode(sound)
    samples.append(samples[-1])
    step = len(sound) / (frames * FRAME_BYTES)
    codes = mulaw.codes()
    stretched = bytearray()
    for number in range(frames * FRAME_BYTES):
        place = number * step
        whole = int(place)
        before = samples[whole]
        between = before + (samples[whole + 1] - before) * (place - whole)
        stretched.append(codes[round(between) + 32768])
    for begin in range(0, len(stretched), FRAME_BYTES):
        yield bytes(stretched[begin : begin + FRAME_BYTES])
