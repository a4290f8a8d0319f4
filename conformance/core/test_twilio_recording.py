"""A recording: both sides, to the sample, in a file that others can read."""

from __future__ import annotations

import io
import struct
import tracemalloc
import wave

from hypothesis import given
from hypothesis import strategies as st

from fakes.twilio.caller.party import Step
from fakes.twilio.leg.leg import Leg
from fakes.twilio.media.recording import Recorder, Recording
from voiceutils.mulaw import SILENCE_FRAME, decode

SID = "RE" + "0" * 32


def _samples(recording: Recording) -> tuple[list[int], list[int]]:
    """Return the two channels as Python's own reader has them."""
    file = io.BytesIO(b"".join(recording.wav()))
    with wave.open(file) as read:
        assert read.getparams()[:3] == (2, 2, 8000)
        frames = read.getnframes()
        both = struct.unpack(f"<{2 * frames}h", read.readframes(frames))
    assert not file.read()
    return list(both[0::2]), list(both[1::2])


@given(
    frames=st.lists(
        st.tuples(
            st.none() | st.binary(min_size=160, max_size=160),
            st.binary(max_size=160),
        ),
        max_size=12,
    )
)
def test_the_file_holds_what_was_said_left_and_what_was_played_right(
    frames: list[tuple[bytes | None, bytes]],
) -> None:
    """Nothing, and what a frame lacks, is silence."""
    recorder = Recorder(SID)
    for said, heard in frames:
        recorder.frame(said, heard)
    left, right = _samples(recorder.finish())
    assert left == decode(b"".join(said or SILENCE_FRAME for said, _ in frames))
    assert right == decode(b"".join((h + SILENCE_FRAME)[:160] for _, h in frames))


def test_a_file_longer_than_a_piece_has_no_seam() -> None:
    """Written ten seconds at a time."""
    recorder = Recorder(SID)
    frames = [bytes([n % 251]) * 160 for n in range(1203)]
    for frame in frames:
        recorder.frame(frame, b"")
    left, right = _samples(recorder.finish())
    assert left == decode(b"".join(frames))
    assert set(right) == {0}


def test_ten_minutes_take_less_than_ten_megabytes_and_no_more_is_kept() -> None:
    """What comes after the longest recording is cut off, which it says."""
    tracemalloc.start()
    try:
        recorder = Recorder(SID)
        for _ in range(50 * 601):
            recorder.frame(None, SILENCE_FRAME)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 11_000_000  # 9.6 of audio, and the slack of growing
    recording = recorder.finish()
    assert (recording.seconds, recording.truncated) == (600.0, True)


class _Party:
    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)

    def frame(self, heard: bytes, now: float) -> Step:
        return self.steps.pop(0)


def test_a_leg_records_what_came_through_not_what_was_lost() -> None:
    """A lost frame is silence at Twilio."""
    leg = Leg(_Party(Step(b"\x11" * 160), Step(b"\x12" * 160, lost=True)))
    assert leg.start_recording(SID) == leg.start_recording("another") == SID
    leg.frame(b"\x21" * 160, 0.0)
    leg.frame(b"\x22" * 100, 0.02)
    recording = leg.stop_recording()
    assert recording is not None
    assert leg.stop_recording() is None
    assert recording.left == b"\x11" * 160 + SILENCE_FRAME
    assert recording.right == b"\x21" * 160 + b"\x22" * 100 + b"\xff" * 60
