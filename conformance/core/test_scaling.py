"""Ten times the work costs about ten times as much: t(10n) / t(n).

Quadratic work would give a hundred. The bound is twenty: what is linear stays below it
even on a machine that is busy, since the best of several turns counts, and a machine
gets more turns before it is believed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from conformance.core._counting import calls_of
from conformance.core._heap import pinned
from fakes.ledger import Ledger
from fakes.speech import FrameCode, FrameReader, Speaker, speak
from fakes.speech.code import read
from fakes.twilio.media.playout import Playout
from voiceutils import AudioBuffer, LatencyHistogram
from voiceutils.mulaw import FRAME_BYTES, SILENCE_FRAME

BOUND = 20.0
TURNS = 5  # of both sizes, before a ratio is looked at
MOST_TURNS = 60
MOST_SECONDS = 3.0  # of turns after those; what is not linear need not finish them

Job = Callable[[int], Callable[[], object]]
SPEECH = speak("My internet stopped working.", speaker=Speaker.CALLER, call=4729)
CODES = [code for frame in SPEECH.frames if (code := read(frame))]


def growth(job: Job, size: int) -> float:
    """Return t(10 n) / t(n), of the best turns.

    Args:
        job: prepares work of a size, anew for each turn, and returns what is timed.
        size: n.
    """
    best = {size: float("inf"), 10 * size: float("inf")}
    pins = [pinned(job(n)) for n in best]
    end = time.thread_time() + MOST_SECONDS
    for turn in range(1, MOST_TURNS + 1):
        for n in best:
            best[n] = min(best[n], _seconds(job(n)))
        believed = best[10 * size] < BOUND * best[size] or time.thread_time() > end
        if turn >= TURNS and believed:
            break
    del pins
    return best[10 * size] / best[size]


def _seconds(work: Callable[[], object]) -> float:
    begun = time.thread_time()
    work()
    return time.thread_time() - begun


def drain(chunks: int) -> Callable[[], object]:
    """Audio that waited arrives at once."""
    backlog = bytes(3200 * chunks)
    return lambda: AudioBuffer(3200).add(backlog)


def collect(frames: int) -> Callable[[], object]:
    """Frames wait for one large chunk."""
    buffer = AudioBuffer(FRAME_BYTES * frames)
    return lambda: [buffer.add(SILENCE_FRAME) for _ in range(frames)]


def merge(buckets: int) -> Callable[[], object]:
    """A histogram of so many buckets is added to another."""
    one, other = LatencyHistogram(), LatencyHistogram()
    for number in range(buckets):
        one.record(1.008 ** (number - buckets / 2))
    return lambda: other.merge(one)


def percentile(buckets: int) -> Callable[[], object]:
    """A percentile of as many buckets; sorting them is n log n."""
    histogram = LatencyHistogram()
    for number in range(buckets):
        histogram.record(1.008 ** (number - buckets / 2))
    return lambda: histogram.percentile(50)


def hear(frames: int) -> Callable[[], object]:
    """One caller goes on speaking, utterance after utterance."""
    ledger = Ledger()
    attempt = ledger.knock("listen", "CA1", 0.0)
    codes = [_said(number) for number in range(frames)]

    def heard() -> None:
        for at, code in enumerate(codes):
            ledger.hear(attempt, [code], at * 0.02)

    return heard


def hear_callers(callers: int) -> Callable[[], object]:
    """Every caller has a connection, and says one frame."""
    ledger = Ledger()
    work = [
        (ledger.knock("listen", f"CA{number}", 0.0), [_caller(number)])
        for number in range(callers)
    ]

    def heard() -> None:
        for attempt, codes in work:
            ledger.hear(attempt, codes, 1.0)

    return heard


def _said(number: int) -> FrameCode:
    turn, frame = divmod(number, len(CODES))
    return CODES[frame]._replace(turn=turn % 250)


def _caller(number: int) -> FrameCode:
    return CODES[0]._replace(call=number + 1)


def feed(frames: int) -> Callable[[], object]:
    """Speech arrives in one piece, cut across its frames."""
    audio = (SILENCE_FRAME[:77] + b"".join(SPEECH.frames)) * (
        frames // len(SPEECH.frames) + 1
    )
    reader = FrameReader()
    return lambda: reader.feed(audio[: frames * FRAME_BYTES])


def feed_noise(frames: int) -> Callable[[], object]:
    """Audio that begins like speech everywhere and never is."""
    nearly = SPEECH.frames[0][:16] * 10
    reader = FrameReader()
    return lambda: reader.feed(nearly * frames)


def play(frames: int) -> Callable[[], object]:
    """One payload, however long, is played out frame by frame."""
    playout = Playout()
    playout.add(bytes(FRAME_BYTES * frames))
    return lambda: [playout.tick() for _ in range(frames)]


def play_pieces(frames: int) -> Callable[[], object]:
    """Many payloads and marks wait."""
    playout = Playout()
    for number in range(frames):
        playout.add(SILENCE_FRAME)
        playout.mark(str(number))
    return lambda: [playout.tick() for _ in range(frames + 1)]


def clear(frames: int) -> Callable[[], object]:
    """Many payloads and marks are thrown away at once."""
    playout = Playout(tail_seconds=0.2)
    for number in range(frames):
        playout.add(SILENCE_FRAME)
        playout.mark(str(number))
    return playout.clear


@pytest.mark.parametrize(
    ("job", "size"),
    [
        (drain, 200),
        (collect, 2000),
        (merge, 100),
        (percentile, 100),
        (hear, 500),
        (hear_callers, 200),
        (feed, 300),
        (feed_noise, 100),
        (play, 1000),
        (play_pieces, 500),
        (clear, 500),
    ],
)
def test_ten_times_the_work_is_ten_times_the_cost(job: Job, size: int) -> None:
    """For everything that a long call or a full machine could make large."""
    assert growth(job, size) < BOUND


@pytest.mark.parametrize("job", [drain, collect, hear, feed, play, play_pieces])
def test_ten_times_the_frames_are_at_most_ten_times_the_calls(job: Job) -> None:
    """Counted, hence exact: no call is added that grows with what came before."""

    def calls(size: int) -> int:
        called = calls_of(job(size))
        return called.own.total() + called.builtin.total()

    small, large = calls(100), calls(1000)
    assert large <= 10 * small


def test_quadratic_work_would_be_found() -> None:
    """The measure itself: joining the rest anew for each chunk is a hundred times."""

    def quadratic(chunks: int) -> Callable[[], object]:
        waiting: Any = bytes(3200 * chunks)

        def drained() -> None:
            nonlocal waiting
            while waiting:
                waiting = waiting[3200:]

        return drained

    assert growth(quadratic, 40) > BOUND
