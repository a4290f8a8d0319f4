"""A call's recording: stereo, the party on the left, what played to it on the right.

Held as mu-law, one byte a sample and channel, and made 16-bit PCM only when written, so
that ten minutes take under 10 MB.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from voiceutils.mulaw import SAMPLE_RATE, SILENCE_FRAME, to_linear16, whole_frame

__all__ = ["LONGEST", "Recorder", "Recording"]

LONGEST = 600.0  # seconds
_PIECE = 10 * SAMPLE_RATE
_PCM = 1
_CHANNELS = 2
_SAMPLE_BYTES = 2
# Sample by sample through tables: the two bytes of each mu-law code.
_ALL_CODES = to_linear16(bytes(range(256)))
_LOW, _HIGH = _ALL_CODES[0::2], _ALL_CODES[1::2]


class Recording(NamedTuple):
    """Both sides of a call, as mu-law of equal length.

    Attributes:
        sid: ``RE`` and 32 hex digits.
        left: what the party on the line said.
        right: what played to it.
        truncated: whether the call went on after the longest recording.
    """

    sid: str
    left: bytes
    right: bytes
    truncated: bool = False

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return len(self.left) / SAMPLE_RATE

    def wav(self) -> Iterator[bytes]:
        """Yield the pieces of a WAV file: 16-bit PCM, 8000 Hz, two channels."""
        block = _CHANNELS * _SAMPLE_BYTES
        size = len(self.left) * block
        yield struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            *(b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, _PCM, _CHANNELS),
            *(SAMPLE_RATE, SAMPLE_RATE * block, block, 8 * _SAMPLE_BYTES),
            *(b"data", size),
        )
        for start in range(0, len(self.left), _PIECE):
            left = self.left[start : start + _PIECE]
            right = self.right[start : start + _PIECE]
            piece = bytearray(len(left) * block)
            piece[0::4], piece[1::4] = left.translate(_LOW), left.translate(_HIGH)
            piece[2::4], piece[3::4] = right.translate(_LOW), right.translate(_HIGH)
            yield bytes(piece)


class Recorder:
    """Gathers a recording frame by frame.

    Args:
        sid: of the recording.
        longest: seconds after which nothing more is kept.
    """

    def __init__(self, sid: str, *, longest: float = LONGEST) -> None:
        self.sid = sid
        self._left = bytearray()
        self._right = bytearray()
        self._longest = round(longest * SAMPLE_RATE)
        self._truncated = False

    def frame(self, said: bytes | None, heard: bytes) -> None:
        """Take one frame of each side; nothing, or too little, is silence."""
        if len(self._left) >= self._longest:
            self._truncated = True
            return
        self._left += said or SILENCE_FRAME
        self._right += whole_frame(heard)

    def finish(self) -> Recording:
        """Return what was recorded and forget it."""
        left, right = bytes(self._left), bytes(self._right)
        self._left, self._right = bytearray(), bytearray()
        return Recording(self.sid, left, right, self._truncated)
