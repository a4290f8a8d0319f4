"""The code in the lowest bits: every frame proves itself, however it travels."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conformance.core._speech import CODES, SPOKEN, codes
from fakes.speech import CodedFrame, FrameCode, FrameReader, PlainAudio, Speaker
from fakes.speech.code import (
    CALL_LIMIT,
    FRAME_LIMIT,
    SEGMENT_LETTERS,
    TURN_LIMIT,
    WORD_FRAME_LIMIT,
    WORD_LIMIT,
    address,
    read,
    stamp,
)
from voiceutils import mulaw
from voiceutils.errors import SettingError
from voiceutils.mulaw import FRAME_BYTES, SILENCE_FRAME

Found = CodedFrame | PlainAudio
FRAMES = st.binary(min_size=FRAME_BYTES, max_size=FRAME_BYTES)


def pieces(audio: bytes, sizes: Iterable[int]) -> list[bytes]:
    """Cut audio into chunks of these sizes; the rest is the last chunk."""
    cut = []
    at = 0
    for size in sizes:
        cut.append(audio[at : at + size])
        at += size
    return [*cut, audio[at:]]


def read_all(chunks: Sequence[bytes]) -> list[Found]:
    """What a reader finds in a whole stream."""
    reader = FrameReader()
    found = [item for chunk in chunks for item in reader.feed(chunk)]
    return found + reader.flush()


def coded(found: Sequence[Found]) -> list[FrameCode]:
    """The codes alone."""
    return [item.code for item in found if isinstance(item, CodedFrame)]


def bytes_covered(audio: bytes, found: Sequence[Found]) -> bytes:
    """The stream put together again from what was found, each at its offset."""
    again = b""
    for item in found:
        assert item.offset == len(again)
        if isinstance(item, CodedFrame):
            again += audio[item.offset : item.offset + FRAME_BYTES]
        else:
            again += item.audio
    return again


LARGEST = FrameCode(
    speaker=Speaker.AGENT,
    call=CALL_LIMIT,
    turn=TURN_LIMIT,
    frame=FRAME_LIMIT - 1,
    frames=FRAME_LIMIT,
    word=WORD_LIMIT,
    segment=3,
    letters="~" * SEGMENT_LETTERS,
    last=True,
    word_frames=WORD_FRAME_LIMIT,
)


@given(FRAMES, codes())
@example(SILENCE_FRAME, LARGEST)
def test_a_stamped_frame_reads_back(audio: bytes, code: FrameCode) -> None:
    """Whatever sounds, whatever the code says."""
    assert read(stamp(audio, code)) == code


@given(FRAMES, codes())
def test_the_sound_stays(audio: bytes, code: FrameCode) -> None:
    """The upper seven bits are untouched, but that the two zeros become one."""
    for before, after in zip(audio, stamp(audio, code), strict=True):
        assert before | 1 == after | 1 or (before | 1, after | 1) == (0x7F, 0xFF)


@given(FRAMES, codes())
def test_linear16_and_back_changes_no_byte(audio: bytes, code: FrameCode) -> None:
    """0x7F would come back as 0xFF, so it is never produced."""
    frame = stamp(audio, code)
    assert 0x7F not in frame
    assert mulaw.encode(mulaw.decode(frame)) == frame


@given(codes(), st.sampled_from(Speaker), FRAMES)
def test_readdressing_is_stamping_anew(
    code: FrameCode, speaker: Speaker, audio: bytes
) -> None:
    """The cheap way and the plain way give the same bytes."""
    nobody = stamp(audio, code._replace(speaker=Speaker.CALLER, call=0, turn=0))
    mark = address(speaker, code.call, code.turn)
    there = int.from_bytes(nobody, "big") ^ mark
    expected = stamp(audio, code._replace(speaker=speaker))
    assert there.to_bytes(FRAME_BYTES, "big") == expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("call", CALL_LIMIT + 1),
        ("call", -1),
        ("turn", TURN_LIMIT + 1),
        ("frame", 7),
        ("frames", FRAME_LIMIT + 1),
        ("word", WORD_LIMIT + 1),
        ("segment", 4),
        ("letters", "ninechars"),
        ("letters", "é"),
        ("word_frames", WORD_FRAME_LIMIT + 1),
    ],
)
def test_what_does_not_fit_is_refused(field: str, value: Any) -> None:
    """A value is never cut silently; the error says which one and what would fit."""
    code = FrameCode(Speaker.CALLER, 1, 1, 0, 7)._replace(**{field: value})
    with pytest.raises(SettingError, match=field):
        stamp(SILENCE_FRAME, code)


def test_half_a_frame_is_refused() -> None:
    """Only whole frames can be stamped."""
    with pytest.raises(SettingError, match="160"):
        stamp(b"\xff" * 80, FrameCode(Speaker.CALLER, 1, 1, 0, 1))


@given(FRAMES, codes(), st.integers(0, 159), st.integers(1, 16))
def test_a_damaged_frame_is_not_read(
    audio: bytes, code: FrameCode, first: int, length: int
) -> None:
    """Up to 16 damaged bits in a row are always noticed; the bytes are plain audio."""
    frame = bytearray(stamp(audio, code))
    for at in range(first, min(first + length, FRAME_BYTES)):
        frame[at] ^= 1
    assert read(bytes(frame)) is None
    assert coded(read_all([bytes(frame)])) == []


def test_every_single_and_double_bit_error_is_noticed() -> None:
    """All 12720 pairs of one frame."""
    frame = stamp(SILENCE_FRAME, FrameCode(Speaker.AGENT, 4729, 3, 17, 84, 2, 0, "Hi"))
    for one in range(FRAME_BYTES):
        for two in range(one, FRAME_BYTES):
            damaged = bytearray(frame)
            damaged[one] ^= 1
            if two != one:
                damaged[two] ^= 1
            assert read(bytes(damaged)) is None


def test_a_frame_beyond_its_utterance_is_not_read() -> None:
    """Not even when the checksum is right, as it is of three codes combined."""
    mixed = 0
    for frame, frames in [(1, 2), (0, 3), (0, 1)]:
        stamped = stamp(SILENCE_FRAME, FrameCode(Speaker.CALLER, 1, 1, frame, frames))
        mixed ^= int.from_bytes(stamped, "big")
    assert read(mixed.to_bytes(FRAME_BYTES, "big")) is None  # frame 1 of 0


@given(st.lists(st.integers(0, 1000), max_size=60), st.integers(0, 500))
def test_any_chunks_from_any_byte_on(sizes: list[int], skipped: int) -> None:
    """Frames that arrived whole are read once each, in order; no byte is lost."""
    audio = SPOKEN.audio[skipped:]
    found = read_all(pieces(audio, sizes))
    assert coded(found) == CODES[-(-skipped // FRAME_BYTES) :]
    assert bytes_covered(audio, found) == audio


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=400),
            st.sampled_from([SILENCE_FRAME, b"\xff", b"\x7f", b"\xfe\xff" * 90]),
        ),
        max_size=12,
    ),
    st.integers(1, 333),
)
def test_foreign_bytes_between_frames(between: list[bytes], size: int) -> None:
    """Other audio is reported as what it is, at its offset, around the frames."""
    audio = b""
    for frame, other in zip(SPOKEN.frames, between, strict=False):
        audio += other + frame
    found = read_all(pieces(audio, [size] * (len(audio) // size)))
    assert coded(found) == CODES[: len(between)]
    assert bytes_covered(audio, found) == audio


@pytest.mark.parametrize("size", [1, 7, 160, 1000])
def test_a_frame_cut_short_does_not_hide_the_next(size: int) -> None:
    """The sync pattern of half a frame waits for nothing that is not its own."""
    for cut in range(1, FRAME_BYTES):
        audio = SPOKEN.frames[0][:cut] + SPOKEN.frames[1] + SPOKEN.frames[2]
        found = read_all(pieces(audio, [size] * (len(audio) // size)))
        assert coded(found) == CODES[1:3]
        assert bytes_covered(audio, found) == audio


@given(st.lists(st.binary(max_size=700), max_size=20))
def test_less_than_a_frame_is_held_back(chunks: list[bytes]) -> None:
    """What cannot become a frame is reported at once."""
    reader = FrameReader()
    fed = reported = 0
    for chunk in [*chunks, SPOKEN.frames[0][:100], SPOKEN.audio[:1000]]:
        fed += len(chunk)
        for item in reader.feed(chunk):
            plain = isinstance(item, PlainAudio)
            reported += len(item.audio) if plain else FRAME_BYTES  # type: ignore[union-attr]
        assert 0 <= fed - reported < FRAME_BYTES


def test_silence_is_reported_to_the_last_byte() -> None:
    """Nothing in silence looks like the beginning of a frame."""
    reader = FrameReader()
    for number in range(5):
        expected = [PlainAudio(number * FRAME_BYTES, SILENCE_FRAME)]
        assert reader.feed(SILENCE_FRAME) == expected
    assert reader.flush() == []


def test_a_coded_frame_is_reported_with_its_last_byte() -> None:
    """Neither earlier nor later, even byte by byte."""
    reader = FrameReader()
    for byte in SPOKEN.frames[0][:-1]:
        assert reader.feed(bytes([byte])) == []
    last = SPOKEN.frames[0][-1:]
    assert reader.feed(last) == [CodedFrame(0, CODES[0])]


def test_a_pause_of_the_stream_gives_up_what_is_held() -> None:
    """What comes after a flush is counted on."""
    reader = FrameReader()
    begun = SPOKEN.frames[0][:100]
    assert reader.feed(begun) == []
    assert reader.flush() == [PlainAudio(0, begun)]
    assert reader.flush() == []
    assert reader.feed(SPOKEN.frames[1]) == [CodedFrame(100, CODES[1])]


def test_an_hour_of_noise_holds_no_frame() -> None:
    """Five million random bytes: sync and checksum let nothing through."""
    noise = random.Random(4729)
    reader = FrameReader()
    found: list[Found] = []
    for _ in range(50):
        found += reader.feed(noise.randbytes(100_000))
    assert coded(found) == []
