"""AudioBuffer against a plain byte string that never forgets."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from voiceutils import DEFAULT_BUFFER_SIZE, AudioBuffer, SettingError, mulaw
from voiceutils.audio_buffer import FRAMES_PER_CHUNK

KINDS: dict[str, Callable[[bytes], bytes | bytearray | memoryview]] = {
    "bytes": bytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "memoryview of bytearray": lambda audio: memoryview(bytearray(audio)),
    "every other byte of a memoryview": lambda audio: memoryview(
        bytes(byte for pair in zip(audio, audio, strict=True) for byte in pair)
    )[::2],
}


class BufferAgainstPlainBytes(RuleBasedStateMachine):
    """Whatever is done, the buffer holds what a plain byte string would."""

    @initialize(size=st.integers(1, 40))
    def start(self, size: int) -> None:
        self.size = size
        self.buffer = AudioBuffer(size)
        self.waiting = b""

    @rule(audio=st.binary(max_size=130), kind=st.sampled_from(sorted(KINDS)))
    def add(self, audio: bytes, kind: str) -> None:
        """Every full chunk leaves at once, in order; nothing else does."""
        chunks = self.buffer.add(KINDS[kind](audio))
        self.waiting += audio
        whole = len(self.waiting) // self.size * self.size
        expected = [
            self.waiting[at : at + self.size] for at in range(0, whole, self.size)
        ]
        self.waiting = self.waiting[whole:]
        assert chunks == expected
        assert all(type(chunk) is bytes for chunk in chunks)

    @rule()
    def flush(self) -> None:
        """A flush gives the rest once."""
        assert self.buffer.flush() == (self.waiting or None)
        self.waiting = b""

    @rule()
    def clear(self) -> None:
        self.buffer.clear()
        self.waiting = b""

    @precondition(lambda self: self.waiting)
    @rule()
    def complete(self) -> None:
        """The last missing byte brings the chunk out, not the one after it."""
        missing = bytes(self.size - len(self.waiting))
        assert self.buffer.add(missing[:-1]) == []
        assert self.buffer.add(missing[-1:]) == [self.waiting + missing]
        self.waiting = b""

    @invariant()
    def size_is_what_waits(self) -> None:
        if hasattr(self, "buffer"):
            assert self.buffer.size() == len(self.waiting) < self.size


TestBufferAgainstPlainBytes = BufferAgainstPlainBytes.TestCase
TestBufferAgainstPlainBytes.settings = settings(max_examples=150)


def test_default_chunk_is_twenty_frames() -> None:
    """The default is computed from what phone audio is."""
    assert DEFAULT_BUFFER_SIZE == FRAMES_PER_CHUNK * mulaw.FRAME_BYTES == 3200
    assert AudioBuffer().buffer_size == DEFAULT_BUFFER_SIZE
    assert mulaw.seconds_of(bytes(DEFAULT_BUFFER_SIZE)) == 0.4


@given(
    st.lists(st.binary(max_size=50)), st.integers(1, 60), st.lists(st.integers(0, 30))
)
def test_chunks_do_not_depend_on_how_the_audio_arrived(
    pieces: list[bytes], size: int, cuts: list[int]
) -> None:
    """Any other cutting of the same audio gives the same chunks."""
    audio = b"".join(pieces)
    ends = sorted({*(min(cut, len(audio)) for cut in cuts), len(audio)})
    starts = [0, *ends[:-1]]
    one, other = AudioBuffer(size), AudioBuffer(size)

    as_given = [chunk for piece in pieces for chunk in one.add(piece)]
    recut = [
        chunk
        for start, end in zip(starts, ends, strict=True)
        for chunk in other.add(audio[start:end])
    ]

    assert as_given == recut
    assert one.flush() == other.flush()


@pytest.mark.parametrize("view", [False, True], ids=["bytearray", "memoryview"])
@pytest.mark.parametrize("length", [3, 10, 25])
def test_caller_may_reuse_his_memory(view: bool, length: int) -> None:
    """Overwriting or shrinking what was added changes nothing in the buffer."""
    memory = bytearray(b"a" * length)
    buffer = AudioBuffer(10)

    given = memoryview(memory) if view else memory
    chunks = buffer.add(given)
    if isinstance(given, memoryview):
        given.release()
    memory[:] = b"z" * length
    del memory[1:]  # a BufferError here would mean that a view is still held

    assert b"".join(chunks) + (buffer.flush() or b"") == b"a" * length


def test_returned_list_is_the_callers() -> None:
    """Changing a returned list does not reach the buffer or a later answer."""
    buffer = AudioBuffer(2)
    buffer.add(b"a").append(b"not audio")
    buffer.add(b"bc").clear()
    assert buffer.add(b"d") == [b"cd"]
    assert buffer.add(b"") == []


def test_empty_audio_leaves_no_trace() -> None:
    """A million empty pieces take no memory."""
    buffer = AudioBuffer(10)
    before = sys.getsizeof(buffer._parts)
    for _ in range(10_000):
        assert buffer.add(b"") == []
        assert buffer.add(bytearray()) == []
    assert sys.getsizeof(buffer._parts) == before
    assert buffer.size() == 0


@pytest.mark.parametrize("wrong", ["text", 5, None, [1, 2], (b"a",), 1.5])
def test_what_is_not_audio_is_refused(wrong: object) -> None:
    """Wrong types are errors, and the buffer keeps what it had."""
    buffer = AudioBuffer(10)
    buffer.add(b"abc")
    with pytest.raises(TypeError, match="audio is bytes"):
        buffer.add(wrong)  # type: ignore[arg-type]
    assert buffer.flush() == b"abc"


@pytest.mark.parametrize("size", [0, -1, -3200])
def test_chunk_of_no_bytes_is_refused(size: int) -> None:
    """The message names the value."""
    with pytest.raises(SettingError, match=str(size)):
        AudioBuffer(size)


@pytest.mark.parametrize("size", [1.5, "3200", None, True, 3200.0])
def test_size_that_is_no_int_is_refused(size: object) -> None:
    """A size is counted, not measured."""
    with pytest.raises(TypeError, match="number of bytes"):
        AudioBuffer(size)  # type: ignore[arg-type]


def test_threads_with_a_buffer_each_do_not_meet() -> None:
    """One buffer a call: calls on other threads never show up in it."""

    def one_call(call: int) -> bytes:
        buffer = AudioBuffer(64)
        heard = [chunk for _ in range(2000) for chunk in buffer.add(bytes([call]) * 7)]
        return b"".join(heard) + (buffer.flush() or b"")

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            calls = list(threads.map(one_call, range(8)))
    finally:
        sys.setswitchinterval(interval)

    assert calls == [bytes([call]) * 14_000 for call in range(8)]


def test_one_thread_may_hand_its_buffer_to_another() -> None:
    """One thread at a time: what the first left, the second finds."""
    buffer = AudioBuffer(10)
    with ThreadPoolExecutor(1) as first:
        assert first.submit(buffer.add, b"abcd").result() == []
    with ThreadPoolExecutor(1) as second:
        assert second.submit(buffer.flush).result() == b"abcd"


def best_of_five(work: Callable[[], object]) -> float:
    """Return the least CPU seconds of this thread that the work took."""
    times = []
    for _ in range(5):
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return min(times)


def test_draining_a_backlog_costs_little_more_than_cutting_it() -> None:
    """16 MB cost about a slice a chunk; copying the rest each time, hundreds."""
    backlog = bytes(16 << 20)
    size = DEFAULT_BUFFER_SIZE

    cutting = best_of_five(
        lambda: [backlog[at : at + size] for at in range(0, len(backlog), size)]
    )
    draining = best_of_five(lambda: AudioBuffer(size).add(backlog))

    assert draining / cutting < 8


def test_cost_of_a_byte_does_not_grow_with_what_waits() -> None:
    """Collecting into chunks 400 times as large costs about the same a byte."""

    def collect(buffer_size: int) -> None:
        buffer = AudioBuffer(buffer_size)
        for _ in range(1 << 16):
            buffer.add(b"x")

    small, large = (
        best_of_five(lambda: collect(160)),
        best_of_five(lambda: collect(1 << 16)),
    )

    assert large / small < 4
