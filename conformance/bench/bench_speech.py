"""Speech that proves itself: reading, speaking and judging a frame."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from fakes.speech import CodedFrame, FrameReader, Speaker, WordsHeard, speak
from fakes.speech.code import read, stamp
from fakes.speech.robust.block_reader import BlockReader
from fakes.speech.robust.voice import speak as speak_robustly
from voiceutils.mulaw import FRAME_BYTES, FRAMES_PER_SECOND, SILENCE_FRAME

SPEECH = speak("My internet stopped working.", speaker=Speaker.AGENT, call=4729)
SECOND = SPEECH.frames[:FRAMES_PER_SECOND]


@pytest.mark.benchmark(group="speech: read one frame")
def test_read_one_frame(benchmark: BenchmarkFixture) -> None:
    """Sync, checksum and fields of 160 bytes."""
    code = benchmark(read, SECOND[5])
    assert code is not None
    assert code.frame == 5


@pytest.mark.benchmark(group="speech: stream of 50 frames")
@pytest.mark.parametrize("shift", [0, 77], ids=["aligned", "shifted"])
def test_stream_of_frames(benchmark: BenchmarkFixture, shift: int) -> None:
    """One second of a call in 20 ms chunks, cut with the frames or across them."""
    audio = SILENCE_FRAME[:shift] + b"".join(SECOND)
    chunks = [
        audio[at : at + FRAME_BYTES]
        for at in range(0, FRAME_BYTES * FRAMES_PER_SECOND, FRAME_BYTES)
    ]

    def second() -> int:
        reader = FrameReader()
        found = [item for chunk in chunks for item in reader.feed(chunk)]
        return sum(isinstance(item, CodedFrame) for item in found)

    assert benchmark(second) == FRAMES_PER_SECOND - bool(shift)


@pytest.mark.benchmark(group="speech: stream of 50 frames")
def test_stream_of_silence(benchmark: BenchmarkFixture) -> None:
    """What a call costs most of the time."""
    reader = FrameReader()

    def second() -> int:
        return sum(len(reader.feed(SILENCE_FRAME)) for _ in range(FRAMES_PER_SECOND))

    assert benchmark(second) == FRAMES_PER_SECOND


@pytest.mark.benchmark(group="speech: stamp one frame")
def test_stamp_one_frame(benchmark: BenchmarkFixture) -> None:
    """Paid once a text."""
    code = read(SECOND[5])
    assert code is not None
    assert benchmark(stamp, SILENCE_FRAME, code)


@pytest.mark.benchmark(group="speech: speak a known text")
def test_speak_a_known_text(benchmark: BenchmarkFixture) -> None:
    """Paid for each utterance of each call."""
    speech = benchmark(speak, SPEECH.text, speaker=Speaker.AGENT, call=17)
    assert speech.words == SPEECH.words


@pytest.mark.benchmark(group="speech: judge 50 frames")
def test_judge_frames(benchmark: BenchmarkFixture) -> None:
    """From codes to words."""
    codes = [code for frame in SECOND if (code := read(frame))]
    assert len(benchmark(lambda: WordsHeard(codes).words())) >= 2


@pytest.mark.benchmark(group="speech: stream of 50 frames")
def test_stream_of_robust_speech(benchmark: BenchmarkFixture) -> None:
    """What reading costs where an agent resamples."""
    said = speak_robustly(SPEECH.text, speaker=Speaker.AGENT, call=4729)
    second = [*said.frames[:48], SILENCE_FRAME, SILENCE_FRAME]

    def read_second() -> int:
        reader = BlockReader()
        found = [item for frame in second for item in reader.feed(frame)]
        found += reader.flush()
        return sum(isinstance(item, CodedFrame) for item in found)

    assert benchmark(read_second) == 48


@pytest.mark.benchmark(group="speech: speak a known text")
def test_speak_a_known_text_robustly(benchmark: BenchmarkFixture) -> None:
    """Its sound is known, its code is not."""
    speech = benchmark(speak_robustly, SPEECH.text, speaker=Speaker.AGENT, call=17)
    assert speech.text == SPEECH.text
