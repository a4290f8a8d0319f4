"""Finding coded frames in a stream of audio, however it was cut."""

from __future__ import annotations

from typing import Final, NamedTuple

from fakes.speech.code import (
    BIT_OF,
    FRAME_LIMIT,
    LOW_BITS,
    SYNC,
    SYNC_BITS,
    FrameCode,
    number_bits,
    read,
    unpack,
)
from voiceutils.mulaw import FRAME_BYTES

__all__ = ["CodedFrame", "FrameReader", "PlainAudio"]

_new: Final = tuple.__new__  # a third of the cost of a NamedTuple's own, once per frame
_from_bytes: Final = int.from_bytes


class CodedFrame(NamedTuple):
    """A whole coded frame that begins at byte ``offset`` of the stream."""

    offset: int
    code: FrameCode


class PlainAudio(NamedTuple):
    """Audio without code that begins at byte ``offset`` of the stream."""

    offset: int
    audio: bytes


class FrameReader:
    """Finds coded frames in a stream, however it was cut and wherever it begins.

    Holds back less than one frame, and only bytes that may still become one.
    """

    __slots__ = ("_awaited", "_code", "_frame", "_held", "_offset", "continued")

    def __init__(self) -> None:
        self._held = b""
        self._offset = 0  # of the first held byte in the stream
        # Of the frame before, if it was coded; but its number is another when it
        # continued one.
        self._code: FrameCode | None = None
        self._frame = 0
        self._awaited = -1  # the low bits of its successor within the same word
        self.continued = False

    def next_frame(self, audio: bytes) -> CodedFrame | None:
        """Read a coded frame that came alone and begins where the one before ended.

        Half the cost of :meth:`feed`: frame 8 of a word differs from frame 7 in its
        number and the checksum only, and the checksum is linear, so that one comparison
        of all 160 bits tells as much as reading them.

        Returns:
            The frame, and ``continued`` says whether it is the successor of the one
            before and has the same word and letters. None when it is something else:
            nothing was read then.
        """
        if self._held or len(audio) != FRAME_BYTES:
            return None
        low = _from_bytes(audio, "big") & LOW_BITS
        self.continued = low == self._awaited
        code = self._code
        if self.continued and code is not None:
            # Slices would be shorter here and take half as long again.
            a, b, c, _, e, f, g, h, i, j = code
            code = _new(FrameCode, (a, b, c, self._frame + 1, e, f, g, h, i, j))
        else:
            code = read(audio)
            if code is None:
                return None
        offset = self._offset
        self._note_read(code, code[3], low)
        return _new(CodedFrame, (offset, code))

    def go_on(self, audio: bytes) -> bool:
        """Read a frame if it continues the one before, and tell whether it did.

        It is what :meth:`next_frame` tells by ``continued``, without saying more.
        """
        code = self._code
        if self._held or code is None or len(audio) != FRAME_BYTES:
            return False
        low = _from_bytes(audio, "big") & LOW_BITS
        if low != self._awaited:
            return False
        self._note_read(code, self._frame + 1, low)
        return True

    def go_elsewhere(self, audio: bytes) -> FrameCode | None:
        """Read a frame of the speech of which the one before was, in another place.

        Returns:
            Its code; None when it is something else: nothing was read then.
        """
        before = self._code
        if self._held or before is None or len(audio) != FRAME_BYTES:
            return None
        code = read(audio)
        if code is None or code[:3] != before[:3] or code[4] != before[4]:
            return None
        self._note_read(code, code[3], _from_bytes(audio, "big") & LOW_BITS)
        return code

    def _note_read(self, code: FrameCode, frame: int, low: int) -> None:
        """Note that a frame was read; see what would continue it."""
        self._code = code
        self._frame = frame
        # The checksum of the last frame has no successor.
        follows = frame + 1 < code[4]
        self._awaited = low ^ _STEPS[frame ^ frame + 1] if follows else -1
        self._offset += FRAME_BYTES

    def skip_silence(self) -> int | None:
        """Pass over one frame of pure silence; returns its offset.

        None when the bytes before it are still held back: nothing was read then.
        """
        if self._held:
            return None
        self._awaited = -1
        offset = self._offset
        self._offset = offset + FRAME_BYTES
        return offset

    def feed(self, audio: bytes) -> list[CodedFrame | PlainAudio]:
        """Return what the stream holds up to here, in order and without gaps."""
        offset = self._offset
        self._awaited = -1
        if self._held:
            audio = self._held + audio
        bits = audio.translate(BIT_OF)
        size = len(bits)
        found: list[CodedFrame | PlainAudio] = []
        done = seek = 0
        begin = size
        while seek < size:
            begin = bits.find(SYNC, seek)
            if begin < 0:
                begin = _possible_begin(bits, seek)
                break
            end = begin + FRAME_BYTES
            if end > size:
                break
            code = unpack(bits[begin:end])
            if code is None:
                seek = begin + SYNC_BITS
                continue
            if begin > done:
                found.append(PlainAudio(offset + done, audio[done:begin]))
            found.append(_new(CodedFrame, (offset + begin, code)))
            done = seek = begin = end
        if begin > done:
            found.append(PlainAudio(offset + done, audio[done:begin]))
        self._held = audio[begin:]
        self._offset = offset + begin
        return found

    @property
    def holds_back(self) -> bool:
        """Whether bytes wait that may still become a frame."""
        return bool(self._held)

    def flush(self) -> list[CodedFrame | PlainAudio]:
        """Return what is held back: the stream has ended, or pauses here."""
        held, self._held = self._held, b""
        offset, self._offset = self._offset, self._offset + len(held)
        return [PlainAudio(offset, held)] if held else []


# How the low bits of a frame differ from those of its successor in the same word, by
# the bits of the number that change.
_STEPS: Final = {
    change: number_bits(change)
    for change in (2**bits - 1 for bits in range(1, FRAME_LIMIT.bit_length() + 1))
}


def _possible_begin(bits: bytes, seek: int) -> int:
    """Return where the end of ``bits`` may be the first part of a sync pattern."""
    tail = max(seek, len(bits) - SYNC_BITS + 1)
    begin = bits.find(SYNC[:1], tail)
    while begin >= 0 and not SYNC.startswith(bits[begin:]):
        begin = bits.find(SYNC[:1], begin + 1)
    return begin if begin >= 0 else len(bits)
