"""The loudspeaker against a reference model that counts bytes instead of queueing."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fakes.twilio.playout import Playout

CAP_SECONDS = 0.5  # 4000 bytes: small enough for the machine to reach
CAP = 4000


class PlayoutMachine(RuleBasedStateMachine):
    """Positions in one endless tape of accepted bytes are the whole reference.

    A mark is owed when every byte before it has finished; a tick finishes what the tick
    before began, and begins at most 160 bytes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.playout = Playout(cap_seconds=CAP_SECONDS)
        self.tape = b""
        self.begun = 0  # bytes that began to play
        self.finished = 0  # bytes that ended
        self.owed: list[tuple[int, str]] = []  # position on the tape, name
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
        self.begun = self.finished = len(self.tape)
        assert self.playout.clear() == self._pay()

    @rule(times=st.integers(1, 8))
    def tick(self, times: int) -> None:
        for _ in range(times):
            self.finished = self.begun
            paid = self._pay()
            audio = self.tape[self.begun : self.begun + 160]
            self.begun += len(audio)
            self.partial += 0 < len(audio) < 160
            assert self.playout.tick() == (paid, audio)

    @invariant()
    def agrees(self) -> None:
        assert self.playout.queued == len(self.tape) - self.begun <= CAP
        assert self.playout.partial_frames == self.partial


TestPlayoutMachine = PlayoutMachine.TestCase
TestPlayoutMachine.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None
)


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
