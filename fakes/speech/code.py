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
from functools import lru_cache
from typing import NamedTuple

from voiceutils.errors import SettingError
from voiceutils.mulaw import FRAME_BYTES

__all__ = [
    "CALL_LIMIT",
    "FRAME_LIMIT",
    "LONGEST_WORD",
    "SEGMENT_LETTERS",
    "TURN_LIMIT",
    "WORD_FRAME_LIMIT",
    "WORD_LIMIT",
    "CodedFrame",
    "FrameCode",
    "FrameReader",
    "PlainAudio",
    "Speaker",
    "address",
    "read",
    "stamp",
]

CALL_LIMIT = 2**24 - 1
TURN_LIMIT = 2**8 - 1
FRAME_LIMIT = 2**11 - 1  # frames of an utterance: 40.94 s
WORD_LIMIT = 2**7 - 1  # words of an utterance
WORD_FRAME_LIMIT = 2**7 - 1  # frames of a word: 2.54 s
SEGMENT_LETTERS = 8
LONGEST_WORD = 4 * SEGMENT_LETTERS

# The CCSDS marker 0xEB90 inverted: as unlike its own shifts as 16 bits can be, and
# it begins with 0, so that silence (0xFF, all ones) never looks like its beginning. No
# second one can begin within it: none of its ends equals its beginning.
_SYNC = f"{0xEB90 ^ 0xFFFF:016b}".encode()
_SYNC_BITS = len(_SYNC)
_BIT_OF = bytes(ord("1") if byte & 1 else ord("0") for byte in range(256))
_LOW_BITS = int.from_bytes(b"\x01" * FRAME_BYTES, "big")
_UPPER_BITS = int.from_bytes(b"\xfe" * FRAME_BYTES, "big")
_LETTERS_MASK = 2**56 - 1
# Speaker to segment are 64 bits, last to letters another 64.
_HALVES = struct.Struct(">QQ2x").unpack
_new = tuple.__new__  # a third of the cost of a NamedTuple's own, once per frame


class Speaker(enum.IntEnum):
    """Who is speaking."""

    CALLER = 0
    AGENT = 1


_SPEAKERS = tuple(Speaker)


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


class CodedFrame(NamedTuple):
    """A whole coded frame that begins at byte ``offset`` of the stream."""

    offset: int
    code: FrameCode


class PlainAudio(NamedTuple):
    """Audio without code that begins at byte ``offset`` of the stream."""

    offset: int
    audio: bytes


def stamp(audio: bytes, code: FrameCode) -> bytes:
    """Return 160 mu-law bytes that sound like ``audio`` and carry ``code``.

    Raises:
        SettingError: the audio is not one frame, or a value of the code does not
            fit its field.
    """
    if len(audio) != FRAME_BYTES:
        raise SettingError(
            f"a frame has {FRAME_BYTES} bytes, not {len(audio)}; cut or pad it first"
        )
    # 0x7E and 0x7F are the two bytes that could leave here as 0x7F.
    audio = audio.replace(b"\x7e", b"\xfe").replace(b"\x7f", b"\xff")
    upper = int.from_bytes(audio, "big") & _UPPER_BITS
    payload = _pack(code)
    sync = int(_SYNC, 2) << 144
    low = _low_bits(sync | payload << 16 | _checksum(payload, 0xFFFF))
    return (upper | low).to_bytes(FRAME_BYTES, "big")


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


def _checksum(payload: int, start: int) -> int:
    return crc_hqx(payload.to_bytes(16, "big"), start)


def _low_bits(value: int) -> int:
    """Return 160 bits spread over the lowest bits of 160 bytes."""
    digits = f"{value:0160b}".encode()  # "0" is 0x30, "1" is 0x31
    return int.from_bytes(digits, "big") & _LOW_BITS


def read(frame: bytes) -> FrameCode | None:
    """Return the code of 160 bytes that begin with a coded frame, else None."""
    bits = frame[:FRAME_BYTES].translate(_BIT_OF)
    if len(bits) < FRAME_BYTES or not bits.startswith(_SYNC):
        return None
    return _unpack(bits)


class FrameReader:
    """Finds coded frames in a stream, however it was cut and wherever it begins.

    Holds back less than one frame, and only bytes that may still become one.
    """

    def __init__(self) -> None:
        self._held = b""
        self._offset = 0  # of the first held byte in the stream

    def feed(self, audio: bytes) -> list[CodedFrame | PlainAudio]:
        """Return what the stream holds up to here, in order and without gaps."""
        offset = self._offset
        if self._held:
            audio = self._held + audio
        bits = audio.translate(_BIT_OF)
        size = len(bits)
        if size == FRAME_BYTES and bits.startswith(_SYNC):
            # One whole frame: what a client sends that follows the phone's pace.
            code = _unpack(bits)
            if code is not None:
                self._held = b""
                self._offset = offset + FRAME_BYTES
                return [_new(CodedFrame, (offset, code))]
        found: list[CodedFrame | PlainAudio] = []
        done = seek = 0
        begin = size
        while seek < size:
            begin = bits.find(_SYNC, seek)
            if begin < 0:
                begin = _possible_begin(bits, seek)
                break
            end = begin + FRAME_BYTES
            if end > size:
                break
            code = _unpack(bits[begin:end])
            if code is None:
                seek = begin + _SYNC_BITS
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

    def flush(self) -> list[CodedFrame | PlainAudio]:
        """Return what is held back: the stream has ended, or pauses here."""
        held, self._held = self._held, b""
        offset, self._offset = self._offset, self._offset + len(held)
        return [PlainAudio(offset, held)] if held else []


def _possible_begin(bits: bytes, seek: int) -> int:
    """Return where the end of ``bits`` may be the first part of a sync pattern."""
    tail = max(seek, len(bits) - _SYNC_BITS + 1)
    begin = bits.find(_SYNC[:1], tail)
    while begin >= 0 and not _SYNC.startswith(bits[begin:]):
        begin = bits.find(_SYNC[:1], begin + 1)
    return begin if begin >= 0 else len(bits)


def _pack(code: FrameCode) -> int:
    letters = code.letters.encode("ascii", "replace").ljust(SEGMENT_LETTERS, b"\0")
    if len(letters) > SEGMENT_LETTERS or not code.letters.isascii():
        raise SettingError(
            f"letters {code.letters!r} do not fit: at most {SEGMENT_LETTERS} ASCII "
            "characters travel in one frame; send the rest as further segments"
        )
    if code.frame >= code.frames:
        raise SettingError(f"frame {code.frame} of {code.frames}: count frames from 0")
    value = 0
    for name, number, limit in (
        ("speaker", code.speaker, 1),
        ("call", code.call, CALL_LIMIT),
        ("turn", code.turn, TURN_LIMIT),
        ("frame", code.frame, FRAME_LIMIT),
        ("frames", code.frames, FRAME_LIMIT),
        ("word", code.word, WORD_LIMIT),
        ("segment", code.segment, 3),
        ("last", code.last, 1),
        ("word_frames", code.word_frames, WORD_FRAME_LIMIT),
    ):
        if not 0 <= number <= limit:
            raise SettingError(f"{name} {number} does not fit: use 0 to {limit}")
        value = value << limit.bit_length() | number
    for letter in letters:
        value = value << 7 | letter
    return value


def _unpack(bits: bytes) -> FrameCode | None:
    """Read 160 bits that begin with the sync pattern; None if they were damaged."""
    payload = int(bits[_SYNC_BITS:], 2).to_bytes(18, "big")
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
