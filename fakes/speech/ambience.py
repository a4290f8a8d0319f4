"""Sound of the caller's that has no words: noise, a cough, music, a faint echo.

Its frames carry the code as words do, as turn 0 and an utterance of the greatest
length, which no speech has, and word 0. So a reader knows that this is no speech that
it fails to understand, and whose it is; the ledger does not count it as a turn.
"""

from __future__ import annotations

from functools import lru_cache

from fakes.speech.code import (
    FRAME_LIMIT,
    LOW_BITS,
    FrameCode,
    Speaker,
    number_bits,
    stamp,
)
from voiceutils.mulaw import FRAME_BYTES, SILENCE_FRAME

__all__ = ["AMBIENCE", "Ambience", "coded_as", "is_ambience"]

_UPPER_BITS = int.from_bytes(b"\xff" * FRAME_BYTES, "big") ^ LOW_BITS
_TURN = 0  # turns of a call count from 1
AMBIENCE = (_TURN, FRAME_LIMIT)  # turn and length in frames


def is_ambience(code: FrameCode) -> bool:
    """Tell whether a frame is sound without words."""
    return (code.turn, code.frames) == AMBIENCE


def coded_as(sound: bytes, coded: bytes) -> bytes:
    """Return a frame that sounds like the one and carries the code of the other."""
    return _with_bits(sound, int.from_bytes(coded, "big") & LOW_BITS)


class Ambience:
    """Puts the code of sound without words into the frames of one caller.

    Args:
        call: the caller's number.
    """

    def __init__(self, call: int) -> None:
        self._bits = _first_bits(call)
        self._frame = 0

    def stamp(self, sound: bytes) -> bytes:
        """Return the next frame of it."""
        bits = self._bits ^ number_bits(self._frame)
        self._frame = (self._frame + 1) % FRAME_LIMIT
        return _with_bits(sound, bits)


def _with_bits(sound: bytes, bits: int) -> bytes:
    # As fakes.speech.code.stamp does: 0x7F must not leave here.
    sound = sound.replace(b"\x7e", b"\xfe").replace(b"\x7f", b"\xff")
    upper = int.from_bytes(sound, "big") & _UPPER_BITS
    return (upper | bits).to_bytes(FRAME_BYTES, "big")


@lru_cache(maxsize=4096)
def _first_bits(call: int) -> int:
    code = FrameCode(Speaker.CALLER, call, _TURN, 0, FRAME_LIMIT, word_frames=0)
    return int.from_bytes(stamp(SILENCE_FRAME, code), "big") & LOW_BITS
