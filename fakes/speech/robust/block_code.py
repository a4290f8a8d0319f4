"""What a block of eight frames says in the robust mode, as 120 bits.

Most significant bit first::

    speaker 1 | call 24 | turn 8 | block 8 | blocks 8 | word 7 | word blocks 4
    | segment 3 | last 1 | letters 5 x 7 | pause 2 | zero 3 | CRC-16/CCITT-FALSE 16

Silence between words carries no code, so the block before it says how many blocks it
lasts. The other fields mean what those of :class:`fakes.speech.code.FrameCode` do.
"""

from __future__ import annotations

from binascii import crc_hqx
from typing import NamedTuple

from fakes.speech.code import (
    CALL_LIMIT,
    TURN_LIMIT,
    WORD_LIMIT,
    FrameCode,
    Speaker,
    packed,
)

__all__ = [
    "BLOCK_BITS",
    "BLOCK_FRAMES",
    "BLOCK_LETTERS",
    "BLOCK_LIMIT",
    "PAUSE_LIMIT",
    "WORD_BLOCK_LIMIT",
    "BlockCode",
    "pack",
    "unpack",
]

BLOCK_BITS = 120
BLOCK_FRAMES = 8  # 160 ms
BLOCK_LETTERS = 5
BLOCK_LIMIT = 2**8 - 1  # blocks of an utterance: 40.8 s of speech
WORD_BLOCK_LIMIT = 2**4 - 1
PAUSE_LIMIT = 2**2 - 1
_ZEROS = 3


class BlockCode(NamedTuple):
    """What one block of 160 ms says about itself; see the module and FrameCode."""

    speaker: Speaker
    call: int
    turn: int
    block: int
    blocks: int
    word: int
    word_blocks: int
    segment: int
    last: bool
    letters: str
    pause: int = 0

    def silence(self, number: int) -> FrameCode:
        """Return the code that a frame of the pause behind it stands for, from 0."""
        return self.frame(BLOCK_FRAMES + number)._replace(
            word=0, segment=0, letters="", last=True, word_frames=0
        )

    def frame(self, number: int) -> FrameCode:
        """Return the code of one of the block's frames, from 0."""
        return FrameCode(
            speaker=self.speaker,
            call=self.call,
            turn=self.turn,
            frame=self.block * BLOCK_FRAMES + number,
            frames=self.blocks * BLOCK_FRAMES,
            word=self.word,
            segment=self.segment,
            letters=self.letters,
            last=self.last,
            word_frames=self.word_blocks * BLOCK_FRAMES,
        )


def pack(code: BlockCode) -> int:
    """Return the 120 bits of a block.

    Raises:
        SettingError: a value does not fit its field.
    """
    letters = code.letters.encode("ascii", "replace").ljust(BLOCK_LETTERS, b"\0")
    value = packed(
        ("speaker", code.speaker, 1),
        ("call", code.call, CALL_LIMIT),
        ("turn", code.turn, TURN_LIMIT),
        ("block", code.block, BLOCK_LIMIT),
        ("blocks", code.blocks, BLOCK_LIMIT),
        ("word", code.word, WORD_LIMIT),
        ("word_blocks", code.word_blocks, WORD_BLOCK_LIMIT),
        ("segment", code.segment, 7),
        ("last", code.last, 1),
        *(("letter", letter, 127) for letter in letters),
        ("pause", code.pause, PAUSE_LIMIT),
    )
    value <<= _ZEROS
    return value << 16 | crc_hqx(value.to_bytes(13, "big"), 0xFFFF)


def unpack(value: int) -> BlockCode | None:
    """Return what 120 bits say; None when they were damaged or never a code."""
    rest, checksum = value >> 16, value & 0xFFFF
    if crc_hqx(rest.to_bytes(13, "big"), 0xFFFF) != checksum:
        return None

    def take(bits: int) -> int:
        nonlocal rest
        taken, rest = rest & (1 << bits) - 1, rest >> bits
        return taken

    if take(_ZEROS):
        return None
    pause = take(2)
    letters = bytes([take(7) for _ in range(BLOCK_LETTERS)][::-1])
    last, segment, word_blocks, word = take(1), take(3), take(4), take(7)
    blocks, block, turn, call, speaker = take(8), take(8), take(8), take(24), take(1)
    if block >= blocks:
        return None
    return BlockCode(
        Speaker(speaker),
        call,
        turn,
        block,
        blocks,
        word,
        word_blocks,
        segment,
        last == 1,
        letters.rstrip(b"\0").decode("ascii"),
        pause,
    )
