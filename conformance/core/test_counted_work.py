"""What a chunk, a latency or an attempt costs, counted in calls and bytes.

No clock decides here. The figures are exact: whoever adds a call to a path that is gone
through for every frame finds it here, and whoever saves one lowers the figure.
"""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from conformance.core._counting import calls_of
from voiceutils import (
    AudioBuffer,
    LatencyHistogram,
    PerformanceMetrics,
    sync_with_retry,
    with_retry,
)
from voiceutils.mulaw import FRAME_BYTES

FRAMES = 100
SPOKEN = bytes(range(FRAME_BYTES))


def kept(work: Callable[[], object]) -> int:
    """Return the bytes that some work leaves behind, what it returns included."""
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    result = work()
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    del result
    return used


# --- AudioBuffer -----------------------------------------------------------------


def test_a_frame_into_the_buffer_is_one_call() -> None:
    """Twenty frames: twenty calls, one cut, one join; no frame is copied before."""
    buffer = AudioBuffer(20 * FRAME_BYTES)
    calls = calls_of(lambda: [buffer.add(SPOKEN) for _ in range(20)])
    assert calls.own == Counter({"AudioBuffer.add": 20, "AudioBuffer._cut": 1})
    assert calls.builtin["list.append"] == 20
    assert calls.builtin["bytes.join"] == 1
    assert calls.builtin.total() == 42  # 20 lengths, one list emptied


@pytest.mark.parametrize("chunks", [1, 10, 1000])
def test_a_backlog_is_one_call_however_long(chunks: int) -> None:
    """Only the first of its chunks is joined; the others are cut from what came."""
    buffer = AudioBuffer(3200)
    buffer.add(SPOKEN)
    calls = calls_of(lambda: buffer.add(bytes(3200 * chunks)))
    assert calls.own == Counter({"AudioBuffer.add": 1, "AudioBuffer._cut": 1})
    assert calls.builtin["bytes.join"] == 1


def test_waiting_frames_are_kept_as_they_came() -> None:
    """Nineteen frames wait without a byte copied; the chunk is one copy of each."""
    frames = [bytes([number]) * FRAME_BYTES for number in range(20)]
    buffer = AudioBuffer(20 * FRAME_BYTES)

    def nineteen() -> None:
        for frame in frames[:19]:
            buffer.add(frame)

    assert kept(nineteen) < 19 * FRAME_BYTES / 4  # a list of references
    chunk = 20 * FRAME_BYTES
    assert chunk <= kept(lambda: buffer.add(frames[19])) < chunk + 400


def test_a_chunk_that_comes_whole_is_handed_on() -> None:
    """Audio in the right size already is not copied at all."""
    buffer, audio = AudioBuffer(64_000), bytes(64_000)
    assert kept(lambda: buffer.add(audio)) < 1000
    (chunk,) = buffer.add(audio)
    assert chunk is audio


# --- figures ---------------------------------------------------------------------


def test_a_latency_is_one_call_and_leaves_nothing_behind() -> None:
    """Between the extremes; a value in a bucket that is there takes no memory."""
    histogram = LatencyHistogram()
    values = [0.001 + n * 1e-5 for n in range(1, FRAMES + 1)]
    for value in (0.0, 1.0, *values * 300):  # counts beyond the small numbers
        histogram.record(value)

    def again() -> None:
        for value in values:
            histogram.record(value)

    calls = calls_of(again)
    assert calls.own == Counter({"LatencyHistogram.record": FRAMES})
    assert calls.builtin == Counter(frexp=FRAMES)

    def twice() -> int:
        again()
        before = tracemalloc.get_traced_memory()[0]
        again()
        return tracemalloc.get_traced_memory()[0] - before

    tracemalloc.start()
    grown = twice()
    tracemalloc.stop()
    assert abs(grown) < 64


def test_merging_is_one_call_for_any_number_of_latencies() -> None:
    """It goes over buckets: a billion values cost what a million do."""
    histogram = LatencyHistogram()
    for number in range(1, 1001):
        histogram.record(number / 1000)
    small = calls_of(lambda: LatencyHistogram().merge(histogram))
    for _ in range(10):
        histogram.merge(histogram)
    few = calls_of(lambda: LatencyHistogram().merge(histogram))
    assert few.own <= small.own  # counts that fit into bytes are spread out first
    for _ in range(10):
        histogram.merge(histogram)
    many = calls_of(lambda: LatencyHistogram().merge(histogram))
    assert few == many


def test_a_mark_that_no_longer_counts_reads_no_clock() -> None:
    """The clock is read four times a turn, whatever the number of tokens."""
    readings = 0

    def clock() -> float:
        nonlocal readings
        readings += 1
        return float(readings)

    metrics = PerformanceMetrics(clock)
    metrics.start_llm()
    for _ in range(40):
        metrics.track_llm_first_token()
    metrics.start_tts()
    for _ in range(100):
        metrics.track_first_audio_byte()
    assert readings == 4
    later = calls_of(metrics.track_first_audio_byte)
    assert later.own.total() == 1
    assert not later.builtin


# --- retry -----------------------------------------------------------------------


class Sleep:
    """Gives way to the event loop once, however long the sleep."""

    def __await__(self) -> Any:
        yield


async def give_way(_: float) -> None:
    """Take one step of the event loop."""
    await Sleep()


def steps_of(work: Coroutine[Any, Any, object]) -> int:
    """Return how often some work gives way to the event loop before it is done."""
    steps = 0
    while True:
        try:
            work.send(None)
        except StopIteration:
            return steps
        steps += 1


def failing(failures: int) -> Callable[[], int]:
    """Return a function that fails so often, then succeeds."""
    left = iter(range(failures))

    def attempt() -> int:
        for number in left:
            raise ConnectionError(str(number))
        return 1

    return attempt


@pytest.mark.parametrize("failures", [0, 1, 4])
def test_retrying_gives_way_once_a_failure(failures: int) -> None:
    """Success at once never goes back to the event loop, and starts no task."""
    func = failing(failures)

    async def attempt() -> int:
        return func()

    assert steps_of(with_retry(attempt, 5, sleep=give_way)) == failures


def test_success_at_once_is_one_call() -> None:
    """Settings seen before are not checked again; no object is made for later."""
    sync_with_retry(failing(0))
    calls = calls_of(lambda: sync_with_retry(failing(0)))
    assert calls.own == Counter({"sync_with_retry": 1})


def test_a_failure_costs_the_same_as_the_one_before() -> None:
    """Ten failures are ten times the calls of one, and no more."""

    def calls(failures: int) -> int:
        def work() -> int:
            return sync_with_retry(failing(failures), 99, sleep=lambda _: None)

        work()
        return calls_of(work).own.total()

    one = calls(2) - calls(1)
    assert calls(10) - calls(9) == one
    assert calls(90) - calls(10) == 80 * one


def test_retrying_makes_no_task() -> None:
    """What is awaited runs in the caller's own task."""

    async def who() -> asyncio.Task[Any] | None:
        return asyncio.current_task()

    async def main() -> bool:
        return await with_retry(who) is asyncio.current_task()

    assert asyncio.run(main())
