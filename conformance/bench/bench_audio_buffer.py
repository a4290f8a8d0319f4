"""AudioBuffer beside its rivals: frames, chunks of every size, and backlogs."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from conformance.bench._rivals import (
    AppendOnly,
    Buffer,
    BytearrayDel,
    Deque,
    ListJoin,
    PlainLoop,
)
from conformance.core._heap import pinned
from voiceutils import DEFAULT_BUFFER_SIZE, AudioBuffer, mulaw

BUFFERS: list[type[Buffer]] = [AudioBuffer, BytearrayDel, PlainLoop, ListJoin, Deque]
# The others copy what remains for every chunk: minutes for 50 MB.
LINEAR: list[type[Buffer]] = [AudioBuffer, BytearrayDel, ListJoin]
BACKLOG = bytes(1 << 20)  # two minutes of audio held back by an outage
ADDS = 1000
EVERY_SIZE = pytest.mark.parametrize("size", [1, 20, 160, 320, 3200, 64_000])


@pytest.mark.benchmark(group="audio buffer: 50 frames of 160 bytes")
@pytest.mark.parametrize("kind", BUFFERS)
def test_second_of_a_call(benchmark: BenchmarkFixture, kind: type[Buffer]) -> None:
    """What one call costs a second; every fifth frame completes a chunk of 100 ms."""
    buffer = kind(800)
    frames = [mulaw.SILENCE_FRAME] * mulaw.FRAMES_PER_SECOND

    def second() -> int:
        return sum(len(buffer.add(frame)) for frame in frames)

    assert benchmark(second) == 10


@pytest.mark.benchmark(group="audio buffer: 1000 frames into chunks of 3200 bytes")
@pytest.mark.parametrize("kind", [AppendOnly, *BUFFERS])
def test_frames_above_the_floor(
    benchmark: BenchmarkFixture, kind: type[Buffer]
) -> None:
    """A frame, every cost shared out, beside a method that only keeps it."""
    frames = [mulaw.SILENCE_FRAME] * ADDS

    def many() -> None:
        buffer = kind(DEFAULT_BUFFER_SIZE)
        for frame in frames:
            buffer.add(frame)

    benchmark(many)


@pytest.mark.parametrize("kind", BUFFERS)
@EVERY_SIZE
def test_pieces(benchmark: BenchmarkFixture, kind: type[Buffer], size: int) -> None:
    """A hundred pieces of one size, from a byte to twenty chunks at once."""
    benchmark.group = f"audio buffer: 100 pieces of {size} bytes"
    buffer, piece = kind(DEFAULT_BUFFER_SIZE), bytes(size)

    def pieces() -> None:
        for _ in range(100):
            buffer.add(piece)

    benchmark(pieces)


@pytest.mark.benchmark(group="audio buffer: one full chunk of 3200 bytes")
@pytest.mark.parametrize("kind", BUFFERS)
def test_exact_chunk(benchmark: BenchmarkFixture, kind: type[Buffer]) -> None:
    """Audio that comes in the right size already."""
    chunk = bytes(3200)
    assert benchmark(kind(3200).add, chunk) == [chunk]


@pytest.mark.benchmark(group="audio buffer: backlog of 1 MiB")
@pytest.mark.parametrize("kind", BUFFERS)
def test_backlog(benchmark: BenchmarkFixture, kind: type[Buffer]) -> None:
    """What recovery costs while all other calls wait."""
    pins = pinned(lambda: kind(3200).add(BACKLOG))
    chunks = benchmark(lambda: kind(3200).add(BACKLOG))
    del pins
    assert len(chunks) == len(BACKLOG) // 3200


@pytest.mark.parametrize("kind", LINEAR)
@pytest.mark.parametrize("megabytes", [1, 10, 50])
def test_drain(benchmark: BenchmarkFixture, kind: type[Buffer], megabytes: int) -> None:
    """The figure for 50 is 50 times that for 1, where nothing is copied again."""
    benchmark.group = f"audio buffer: drain {megabytes} MB"
    audio = bytes(megabytes * 1_000_000)
    pins = pinned(lambda: kind(3200).add(audio))
    chunks = benchmark(lambda: kind(3200).add(audio))
    del pins
    assert len(chunks) == len(audio) // 3200


def test_rivals_give_the_same_chunks() -> None:
    """They are compared at equal work."""
    audio = bytes(range(256)) * 20
    pieces = [audio[at : at + 77] for at in range(0, len(audio), 77)]
    answers = []
    for kind in BUFFERS:
        buffer = kind(320)
        answers.append([chunk for piece in pieces for chunk in buffer.add(piece)])
    assert all(answer == answers[0] for answer in answers)
