"""The loudspeaker against a reference model that counts bytes instead of queueing."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fakes.twilio.media.playout import Playout, Remainder

CAP_SECONDS = 0.5  # 4000 bytes: small enough for the machine to reach
CAP = 4000


class PlayoutMachine(RuleBasedStateMachine):
    """Positions in one endless tape of accepted bytes are the whole reference.

    A mark is owed when every byte before it has finished; a tick finishes what the tick
    before began, and begins at most 160 bytes. What ``clear`` drops is skipped on the
    tape, but for a tail that plays ahead of all that comes after it.
    """

    tail_bytes = 0

    def __init__(self) -> None:
        super().__init__()
        self.playout = Playout(
            cap_seconds=CAP_SECONDS, tail_seconds=self.tail_bytes / 8000
        )
        self.tape = b""
        self.begun = 0  # bytes that began to play
        self.finished = 0  # bytes that ended
        self.owed: list[tuple[int, str]] = []  # position on the tape, name
        self.tail = b""
        self.partial = 0

    def _pay(self) -> list[str]:
        paid = [name for position, name in self.owed if position <= self.finished]
        self.owed = [(p, name) for p, name in self.owed if p > self.finished]
        return paid

    @rule(audio=st.binary(max_size=700))
    def add(self, audio: bytes) -> None:
        room = CAP - (len(self.tape) - self.begun)
        self.tape += audio[:room]
        assert self.playout.add(audio) == max(0, len(audio) - room)

    @rule(size=st.integers(3000, 9000))
    def add_much(self, size: int) -> None:
        self.add(b"\x11" * size)

    @rule(name=st.sampled_from(["a", "b", ""]))  # names repeat
    def mark(self, name: str) -> None:
        self.owed.append((len(self.tape), name))
        assert self.playout.mark(name) == self._pay()

    @rule()
    def clear(self) -> None:
        unplayed = self.tape[self.begun :]
        self.tail += unplayed[: self.tail_bytes - len(self.tail)]
        self.begun = self.finished = len(self.tape)
        assert self.playout.clear() == self._pay()

    @rule(times=st.integers(1, 8))
    def tick(self, times: int) -> None:
        for _ in range(times):
            self.finished = self.begun
            paid = self._pay()
            first, self.tail = self.tail[:160], self.tail[160:]
            audio = self.tape[self.begun : self.begun + 160 - len(first)]
            self.begun += len(audio)
            self.partial += 0 < len(audio) < 160 - len(first)
            assert self.playout.tick() == (paid, first + audio)

    @invariant()
    def agrees(self) -> None:
        assert self.playout.queued == len(self.tape) - self.begun <= CAP
        assert self.playout.partial_frames == self.partial


class TailedPlayoutMachine(PlayoutMachine):
    """The same with 100 ms that are past recall when ``clear`` comes."""

    tail_bytes = 800


TestPlayoutMachine = PlayoutMachine.TestCase
TestPlayoutMachine.settings = settings(max_examples=150, stateful_step_count=40)
TestTailedPlayoutMachine = TailedPlayoutMachine.TestCase
TestTailedPlayoutMachine.settings = TestPlayoutMachine.settings


def test_audio_arrives_at_once_and_plays_at_eight_thousand_bytes_a_second() -> None:
    """Ten seconds sent in one message take five hundred frames to play."""
    playout = Playout()
    playout.add(b"\x01" * 80_000)
    assert playout.mark("end") == []
    ticks = [playout.tick() for _ in range(501)]
    assert all(len(tick.audio) == 160 for tick in ticks[:500])
    assert [n for n, tick in enumerate(ticks) if tick.marks] == [500]


def test_a_mark_inside_a_frame_waits_for_the_end_of_that_frame() -> None:
    """The echo's grain is a frame, never earlier than the audio."""
    playout = Playout()
    playout.add(b"\x01" * 80)
    playout.mark("half")
    playout.add(b"\x02" * 80)
    assert playout.tick() == ([], b"\x01" * 80 + b"\x02" * 80)
    assert playout.tick() == (["half"], b"")


def test_cleared_marks_come_back_in_order_and_the_next_mark_at_once() -> None:
    """Clear drops audio, never marks."""
    playout = Playout()
    for name in ("x", "y", "x"):
        playout.add(b"\x01" * 500)
        playout.mark(name)
    playout.tick()
    assert playout.clear() == ["x", "y", "x"]
    assert playout.mark("after") == ["after"]
    assert playout.tick() == ([], b"")


def test_a_remainder_joins_the_next_payload_unless_the_queue_runs_dry() -> None:
    """100 + 60 bytes make a frame; 100 alone are played short and counted."""
    playout = Playout()
    playout.add(b"\x01" * 100)
    playout.add(b"\x02" * 60)
    assert len(playout.tick().audio) == 160
    assert playout.partial_frames == 0
    playout.add(b"\x03" * 100)
    assert playout.tick().audio == b"\x03" * 100
    assert playout.partial_frames == 1


def test_more_than_ten_minutes_are_discarded() -> None:
    """The cap counts what has not begun to play."""
    playout = Playout()
    assert playout.add(bytes(4_800_000)) == 0
    assert playout.add(b"\x01") == 1
    playout.tick()
    assert playout.add(b"\x01" * 161) == 1


def test_audio_past_recall_plays_on_after_a_clear_whose_marks_are_back() -> None:
    """100 ms of the old reply are heard; a new mark does not wait for them."""
    playout = Playout(tail_seconds=0.1)
    playout.add(b"\x01" * 4000)
    playout.mark("old")
    assert playout.clear() == ["old"]
    assert playout.queued == 0
    assert playout.mark("new") == ["new"]
    playout.add(b"\x02" * 160)
    heard = b"".join(playout.tick().audio for _ in range(7))
    assert heard == b"\x01" * 800 + b"\x02" * 160


@pytest.mark.parametrize(
    ("remainder", "heard"),
    [("pad", b"\x01" * 100 + b"\xff" * 60 + b"\x02" * 160), ("drop", b"\x02" * 160)],
)
def test_what_fills_no_frame_can_be_padded_or_dropped_instead(
    remainder: Remainder, heard: bytes
) -> None:
    """Either is heard as a click, and counted at once."""
    playout = Playout(remainder=remainder)
    playout.add(b"\x01" * 100)
    assert playout.partial_frames == 1
    playout.add(b"\x02" * 160)
    assert b"".join(playout.tick().audio for _ in range(3)) == heard
    assert playout.partial_frames == 1


def test_marks_of_the_frame_that_sounds_come_back_before_those_still_queued() -> None:
    """Also when both are cleared."""
    playout = Playout()
    playout.add(b"\x01" * 80)
    playout.mark("in the frame")
    playout.add(b"\x01" * 500)
    playout.mark("behind it")
    playout.tick()
    assert playout.clear() == ["in the frame", "behind it"]


def test_a_frame_that_begins_past_recall_and_is_then_filled_is_whole() -> None:
    """Only the queue that runs dry counts."""
    playout = Playout(tail_seconds=0.01)
    playout.add(b"\x01" * 160)
    playout.clear()
    playout.add(b"\x02" * 80)
    assert playout.tick().audio == b"\x01" * 80 + b"\x02" * 80
    assert playout.partial_frames == 0
