"""AudioBuffer beside its rivals: a second of call audio, and a backlog."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from conformance.bench._rivals import Buffer, BytearrayDel, PlainLoop
from voiceutils import AudioBuffer, mulaw

BUFFERS: list[type[Buffer]] = [AudioBuffer, BytearrayDel, PlainLoop]
BACKLOG = bytes(1 << 20)  # two minutes of audio held back by an outage


@pytest.mark.benchmark(group="audio buffer: 50 frames of 160 bytes")
@pytest.mark.parametrize("kind", BUFFERS)
def test_second_of_a_call(benchmark: BenchmarkFixture, kind: type[Buffer]) -> None:
    """What one call costs a second; every fifth frame completes a chunk of 100 ms."""
    buffer = kind(800)
    frames = [mulaw.SILENCE_FRAME] * mulaw.FRAMES_PER_SECOND

    def second() -> int:
        return sum(len(buffer.add(frame)) for frame in frames)

    assert benchmark(second) == 10


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
    chunks = benchmark(lambda: kind(3200).add(BACKLOG))
    assert len(chunks) == len(BACKLOG) // 3200


def test_rivals_give_the_same_chunks() -> None:
    """They are compared at equal work."""
    audio = bytes(range(256)) * 20
    pieces = [audio[at : at + 77] for at in range(0, len(audio), 77)]
    answers = []
    for kind in BUFFERS:
        buffer = kind(320)
        answers.append([chunk for piece in pieces for chunk in buffer.add(piece)])
    assert answers[0] == answers[1] == answers[2]
