"""Mu-law against the text of G.711 and, where Python still has it, audioop."""

from __future__ import annotations

import struct
import sys
import warnings
from bisect import bisect_right
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceutils import mulaw

EVERY_BYTE = bytes(range(256))
EVERY_SAMPLE = list(range(-32768, 32768))


def decision_values() -> list[int]:
    """Return where G.711's 128 intervals of each sign begin, in its 14-bit units.

    Tables 2a and 2b: one interval of 1, fifteen of 2, then sixteen each of 4, 8, 16,
    32, 64, 128 and 256.
    """
    widths = [1] + [2] * 15 + [4 << segment for segment in range(7) for _ in range(16)]
    return [sum(widths[:n]) for n in range(129)]


DECISIONS = decision_values()


def test_every_code_means_what_g711_says() -> None:
    """A code stands for the middle of its interval, the first one for zero."""
    middles = [0] + [(low + high) // 2 for low, high in pairwise(DECISIONS[1:])]
    positive = [4 * middle for middle in middles]  # 16 bits
    assert mulaw.decode(bytes(range(0xFF, 0x7F, -1))) == positive
    assert mulaw.decode(bytes(range(0x7F, -1, -1))) == [-value for value in positive]


def test_every_sample_gets_the_code_of_its_interval() -> None:
    """All 65536 samples, against the decision values; louder ones are clipped."""
    starts = [4 * start for start in DECISIONS[:128]]

    def expected(sample: int) -> int:
        interval = bisect_right(starts, abs(sample)) - 1
        return (0x7F if sample < 0 else 0xFF) - interval

    assert mulaw.encode(EVERY_SAMPLE) == bytes(map(expected, EVERY_SAMPLE))


def test_clipping_keeps_the_sign() -> None:
    """Samples beyond the range become the loudest code of their sign."""
    assert mulaw.encode([32767, 40000, -32768, -40000]) == b"\x80\x80\x00\x00"


def test_coding_rises_with_the_sample() -> None:
    """A louder sample never gets a quieter code."""
    decoded = mulaw.decode(mulaw.encode(EVERY_SAMPLE))
    assert decoded == sorted(decoded)


def test_second_coding_changes_only_negative_zero() -> None:
    """Every code comes back from linear as itself; 0x7F as 0xFF, the other zero."""
    again = mulaw.encode(mulaw.decode(EVERY_BYTE))
    assert {
        byte: new for byte, new in zip(EVERY_BYTE, again, strict=True) if byte != new
    } == {0x7F: 0xFF}


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="audioop left Python in 3.13")
def test_audioop_agrees_on_every_byte_and_sample() -> None:
    """An independent implementation gives the same tables."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import audioop
    linear = struct.pack("<65536h", *EVERY_SAMPLE)
    assert mulaw.to_linear16(EVERY_BYTE) == audioop.ulaw2lin(EVERY_BYTE, 2)
    theirs = audioop.lin2ulaw(linear, 2)
    ours = mulaw.encode(EVERY_SAMPLE)
    # audioop first floors to 14 bits, which moves a negative sample between two
    # multiples of 4 away from zero; G.711's intervals are symmetrical.
    assert [
        sample
        for sample, one, other in zip(EVERY_SAMPLE, ours, theirs, strict=True)
        if one != other and (sample >= 0 or sample % 4 == 0)
    ] == []


@given(st.binary(max_size=400))
def test_linear16_is_two_little_endian_bytes_a_sample(audio: bytes) -> None:
    """What encoding=linear16 means on the wire."""
    samples = struct.unpack(f"<{len(audio)}h", mulaw.to_linear16(audio))
    assert list(samples) == mulaw.decode(audio)


def test_silence_and_line_noise_are_not_voice() -> None:
    """What a quiet line sends, on net or from the public network, is not speech."""
    noise = bytes([0x7F, 0xFF, 0x7E, 0xFE]) * 40
    assert mulaw.level(mulaw.SILENCE_FRAME) == 0
    assert not mulaw.is_voiced(mulaw.SILENCE_FRAME)
    assert not mulaw.is_voiced(noise)
    assert not mulaw.is_voiced(b"")
    assert mulaw.is_voiced(mulaw.encode([1000, -1000] * 80))


def test_a_frame_is_twenty_milliseconds() -> None:
    """The numbers that every other module counts with."""
    assert (mulaw.SAMPLE_RATE, mulaw.FRAMES_PER_SECOND, mulaw.FRAME_BYTES) == (
        8000,
        50,
        160,
    )
    assert mulaw.FRAME_SECONDS == mulaw.seconds_of(mulaw.SILENCE_FRAME) == 0.02
    assert mulaw.SILENCE_FRAME == b"\xff" * 160
