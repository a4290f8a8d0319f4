"""The code that every 20 ms of spoken audio carries in its lowest bits.

A frame is 160 mu-law bytes, so its lowest bits hold 160 bits, first byte first,
most significant bit first::

    sync 16 | speaker 1 | call 24 | turn 8 | frame 11 | frames 11 | word 7
    | segment 2 | last 1 | word frames 7 | letters 8 x 7 | CRC-16/CCITT-FALSE 16

The sound keeps about 30 dB of signal to noise. The bits survive any re-chunking
and mu-law -> linear16 -> mu-law: only 0x7F (negative zero) comes back as another
byte, 0xFF, which has the same lowest bit; it is never produced all the same.

A word longer than 8 letters goes out in up to 4 segments which take turns over the
frames of the word. Each frame says how many frames its word has, so that a reader
knows how much of a word was lost even when the neighbouring words are lost too.
"""

from __future__ import annotations

import enum
import struct
from binascii import crc_hqx
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from voiceutils.errors import SettingError
from voiceutils.mulaw import FRAME_BYTES

__all__ = [
    "BIT_OF",
    "CALL_LIMIT",
    "FRAME_LIMIT",
    "LONGEST_WORD",
    "LOW_BITS",
    "SEGMENT_LETTERS",
    "SYNC",
    "SYNC_BITS",
    "TURN_LIMIT",
    "WORD_FRAME_LIMIT",
    "WORD_LIMIT",
    "FrameCode",
    "Speaker",
    "address",
    "number_bits",
    "packed",
    "read",
    "readdressed",
    "stamp",
    "stamp_all",
    "unpack",
]

CALL_LIMIT: Final = 2**24 - 1
TURN_LIMIT: Final = 2**8 - 1
FRAME_LIMIT: Final = 2**11 - 1  # frames of an utterance: 40.94 s
WORD_LIMIT: Final = 2**7 - 1  # words of an utterance
WORD_FRAME_LIMIT: Final = 2**7 - 1  # frames of a word: 2.54 s
SEGMENT_LETTERS: Final = 8
LONGEST_WORD: Final = 4 * SEGMENT_LETTERS

# The CCSDS marker 0xEB90 inverted: as unlike its own shifts as 16 bits can be, and
# it begins with 0, so that silence (0xFF, all ones) never looks like its beginning. No
# second one can begin within it: none of its ends equals its beginning.
SYNC: Final = f"{0xEB90 ^ 0xFFFF:016b}".encode()
SYNC_BITS: Final = len(SYNC)
BIT_OF: Final = bytes(ord("1") if byte & 1 else ord("0") for byte in range(256))
LOW_BITS: Final = int.from_bytes(b"\x01" * FRAME_BYTES, "big")
_UPPER_BITS: Final = int.from_bytes(b"\xfe" * FRAME_BYTES, "big")
_LETTERS_MASK: Final = 2**56 - 1
# Speaker to segment are 64 bits, last to letters another 64.
_FRAME_AT: Final = 84  # bits of the payload behind the number of the frame
_HALVES: Final = struct.Struct(">QQ2x").unpack
_new: Final = tuple.__new__  # a third of the cost of a NamedTuple's own, once per frame


class Speaker(enum.IntEnum):
    """Who is speaking."""

    CALLER = 0
    AGENT = 1


_SPEAKERS: Final = tuple(Speaker)


class FrameCode(NamedTuple):
    """What one 20 ms frame says about itself.

    Attributes:
        speaker: whose voice it is.
        call: number of the call; for agent audio, the utterance number given by
            the fake that spoke it. At most ``CALL_LIMIT``.
        turn: turn of the call, at most ``TURN_LIMIT``.
        frame: number of this frame in its utterance, from 0.
        frames: how many frames the utterance has, at most ``FRAME_LIMIT``.
        word: number of the word that sounds, from 1; 0 in a pause.
        segment: which part of the word ``letters`` is, from 0.
        letters: at most ``SEGMENT_LETTERS`` ASCII characters.
        last: whether no further segment follows.
        word_frames: how many frames the word has.
    """

    speaker: Speaker
    call: int
    turn: int
    frame: int
    frames: int
    word: int = 0
    segment: int = 0
    letters: str = ""
    last: bool = True
    word_frames: int = 1


def stamp(audio: bytes, code: FrameCode) -> bytes:
    """Return 160 mu-law bytes that sound like ``audio`` and carry ``code``.

    Raises:
        SettingError: the audio is not one frame, or a value of the code does not
            fit its field.
    """
    return (_upper_bits(audio) | _stamped_bits(code)).to_bytes(FRAME_BYTES, "big")


def stamp_all(audio: Sequence[bytes], firsts: Sequence[FrameCode]) -> list[int]:
    """Return the frames of an utterance, stamped and numbered, as big-endian integers.

    Args:
        audio: the frames.
        firsts: the code of each, numbered 0 as if it were the first. Those that are
            alike, as all of a word are, are packed once, since the checksum is linear;
            that makes a new text 10 times cheaper.

    Raises:
        SettingError: as :func:`stamp` does.
    """
    packed: dict[FrameCode, int] = {}
    frames = []
    for number, (frame, first) in enumerate(zip(audio, firsts, strict=True)):
        low = packed.get(first)
        if low is None:
            low = packed[first] = _stamped_bits(first)
        frames.append(_upper_bits(frame) | low ^ number_bits(number))
    return frames


def _upper_bits(frame: bytes) -> int:
    if len(frame) != FRAME_BYTES:
        raise SettingError(
            f"a frame has {FRAME_BYTES} bytes, not {len(frame)}; cut or pad it first"
        )
    # 0x7E and 0x7F are the two bytes that could leave here as 0x7F.
    sound = frame.replace(b"\x7e", b"\xfe").replace(b"\x7f", b"\xff")
    return int.from_bytes(sound, "big") & _UPPER_BITS


def _stamped_bits(code: FrameCode) -> int:
    payload = _pack(code)
    sync = int(SYNC, 2) << 144
    return _low_bits(sync | payload << 16 | _checksum(payload, 0xFFFF))


@lru_cache(maxsize=FRAME_LIMIT + 1)
def number_bits(frame: int) -> int:
    """Return how the low bits of this frame differ from those of frame 0."""
    there = frame << _FRAME_AT
    return _low_bits(there << 16 | _checksum(there, 0))


def address(speaker: Speaker, call: int, turn: int) -> int:
    """Return what readdresses a frame stamped for caller 0, call 0 and turn 0.

    The frame and this number are combined by exclusive or, the frame taken as a
    big-endian integer. It works because the checksum is linear, and it makes a known
    text 30 times cheaper to speak than stamping its frames anew.

    Raises:
        SettingError: a value does not fit its field.
    """
    there = _pack(FrameCode(speaker, call, turn, 0, 1))
    change = there ^ _pack(FrameCode(Speaker.CALLER, 0, 0, 0, 1))
    return _low_bits(change << 16 | _checksum(change, 0))


def readdressed(frames: Iterable[int], change: int) -> Iterator[bytes]:
    """Return stamped frames with another address, each made when it is asked for.

    Args:
        frames: as :func:`stamp_all` returns them.
        change: what :func:`address` returned.
    """
    for frame in frames:
        yield (frame ^ change).to_bytes(FRAME_BYTES, "big")


def _checksum(payload: int, start: int) -> int:
    return crc_hqx(payload.to_bytes(16, "big"), start)


def _low_bits(value: int) -> int:
    """Return 160 bits spread over the lowest bits of 160 bytes."""
    digits = f"{value:0160b}".encode()  # "0" is 0x30, "1" is 0x31
    return int.from_bytes(digits, "big") & LOW_BITS


def read(frame: bytes) -> FrameCode | None:
    """Return the code of 160 bytes that begin with a coded frame, else None."""
    bits = frame[:FRAME_BYTES].translate(BIT_OF)
    if len(bits) < FRAME_BYTES or not bits.startswith(SYNC):
        return None
    return unpack(bits)


def _pack(code: FrameCode) -> int:
    letters = code.letters.encode("ascii", "replace").ljust(SEGMENT_LETTERS, b"\0")
    if len(letters) > SEGMENT_LETTERS or not code.letters.isascii():
        raise SettingError(
            f"letters {code.letters!r} do not fit: at most {SEGMENT_LETTERS} ASCII "
            "characters travel in one frame; send the rest as further segments"
        )
    if code.frame >= code.frames:
        raise SettingError(f"frame {code.frame} of {code.frames}: count frames from 0")
    return packed(
        ("speaker", code.speaker, 1),
        ("call", code.call, CALL_LIMIT),
        ("turn", code.turn, TURN_LIMIT),
        ("frame", code.frame, FRAME_LIMIT),
        ("frames", code.frames, FRAME_LIMIT),
        ("word", code.word, WORD_LIMIT),
        ("segment", code.segment, 3),
        ("last", code.last, 1),
        ("word_frames", code.word_frames, WORD_FRAME_LIMIT),
        *(("letter", letter, 127) for letter in letters),
    )


def packed(*fields: tuple[str, int, int]) -> int:
    """Return fields as one number, the first one in its highest bits.

    Args:
        fields: the name, the value and the largest value of each, a power of 2 less 1.

    Raises:
        SettingError: a value does not fit its field.
    """
    whole = 0
    for name, value, limit in fields:
        if not 0 <= value <= limit:
            raise SettingError(f"{name} {value} does not fit: use 0 to {limit}")
        whole = whole << limit.bit_length() | value
    return whole


def unpack(bits: bytes) -> FrameCode | None:
    """Read 160 bits that begin with the sync pattern; None if they were damaged."""
    payload = int(bits[SYNC_BITS:], 2).to_bytes(18, "big")
    # The remainder over payload and checksum together is 0.
    if crc_hqx(payload, 0xFFFF):
        return None
    head, tail = _HALVES(payload)
    frame, frames = head >> 20 & 0x7FF, head >> 9 & 0x7FF
    if frame >= frames:
        return None
    return _new(
        FrameCode,
        (
            _SPEAKERS[head >> 63],
            head >> 39 & 0xFFFFFF,
            head >> 31 & 0xFF,
            frame,
            frames,
            head >> 2 & 0x7F,
            head & 3,
            _letters(tail & _LETTERS_MASK),
            tail >> 63 == 1,
            tail >> 56 & 0x7F,
        ),
    )


@lru_cache(maxsize=4096)
def _letters(value: int) -> str:
    codes = [value >> shift & 0x7F for shift in range(49, -7, -7)]
    return bytes(codes).rstrip(b"\0").decode("ascii")
