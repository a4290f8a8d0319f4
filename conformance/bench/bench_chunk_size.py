"""The price of a chunk size: messages a second against delay added to speech.

``python -m conformance.bench.bench_chunk_size`` prints the trade-off as a plot. The
figures are counted, not timed: a frame arrives every 20 ms, a byte leaves with its
chunk, and the time between is what the recogniser hears late.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from voiceutils import DEFAULT_BUFFER_SIZE, AudioBuffer, mulaw

MILLISECONDS = (20, 40, 60, 100, 200, 250, 400)
# https://developers.deepgram.com/docs/measuring-streaming-latency
ADVISED = range(20, 251)
SECONDS = 60


class Price(NamedTuple):
    """What a chunk size costs one call."""

    messages_per_second: float
    mean_delay_ms: float  # added to a frame of speech, on average
    worst_delay_ms: float


def bytes_of(milliseconds: int) -> int:
    """Return how many bytes of phone audio last this long."""
    return mulaw.SAMPLE_RATE * milliseconds // 1000


def price_of(buffer_size: int) -> Price:
    """Send a minute of frames through a buffer and count."""
    buffer = AudioBuffer(buffer_size)
    messages = 0
    waiting: list[int] = []  # when each frame that has not left entirely arrived
    delays: list[int] = []
    for frame in range(SECONDS * mulaw.FRAMES_PER_SECOND):
        now = frame * 20
        waiting.append(now)
        messages += len(buffer.add(mulaw.SILENCE_FRAME))
        left = len(waiting) - -(-buffer.size() // mulaw.FRAME_BYTES)
        delays += [now - arrived for arrived in waiting[:left]]
        del waiting[:left]
    return Price(messages / SECONDS, sum(delays) / len(delays), max(delays))


@pytest.mark.benchmark(group="chunk size: CPU of a minute of one call")
@pytest.mark.parametrize("milliseconds", MILLISECONDS)
def test_chunk_size(benchmark: BenchmarkFixture, milliseconds: int) -> None:
    """Larger chunks save messages and cost delay; the figures are in extra_info."""
    price = benchmark(price_of, bytes_of(milliseconds))
    benchmark.extra_info.update(
        price._asdict(), advised_by_deepgram=milliseconds in ADVISED
    )
    assert price.messages_per_second == pytest.approx(1000 / milliseconds, rel=0.02)
    assert price.worst_delay_ms == pytest.approx(milliseconds - 20, abs=20)


def test_default_is_400_ms_and_more_than_advised() -> None:
    """2.5 messages a second, up to 380 ms late; 100 ms chunks: 10 and 80."""
    assert price_of(DEFAULT_BUFFER_SIZE) == Price(2.5, 190, 380)
    assert price_of(bytes_of(100)) == Price(10, 40, 80)
    assert 400 not in ADVISED


def bar(sign: str, length: float) -> str:
    """Return a bar of a plot."""
    return sign * round(length)


def plot() -> str:
    """Return the trade-off as text: ``#`` messages a second, ``=`` mean delay."""
    lines = ["chunk   messages/s                    mean added delay   worst"]
    for milliseconds in MILLISECONDS:
        messages, mean, worst = price_of(bytes_of(milliseconds))
        flag = " " if milliseconds in ADVISED else "!"
        lines.append(
            f"{milliseconds:4d} ms{flag} {messages:4.1f} {bar('#', messages / 2):25s}"
            f"{mean:4.0f} ms {bar('=', mean / 10):20s}{worst:4.0f} ms"
        )
    return "\n".join([*lines, "! outside the 20 to 250 ms that Deepgram advises"])


if __name__ == "__main__":
    sys.stdout.write(plot() + "\n")
