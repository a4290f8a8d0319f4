"""The book of what the providers saw."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from fakes import ledger as ledger_module
from fakes.ledger import Ledger, UtteranceMade
from fakes.speech import FrameCode, Speaker


def code(frame: int, call: int = 4711, turn: int = 1, frames: int = 20) -> FrameCode:
    """Return the code of one frame of a caller."""
    return FrameCode(Speaker.CALLER, call, turn, frame, frames)


@given(st.lists(st.integers(0, 19), min_size=1, max_size=60))
def test_every_frame_is_accounted_for(arrivals: list[int]) -> None:
    """Missing, repeated and disordered frames are exactly those of the arrivals."""
    ledger = Ledger()
    attempt = ledger.knock("listen", "CA1", 1.0)
    for number, frame in enumerate(arrivals):
        ledger.hear(attempt, [code(frame)], 2.0 + number)
    heard = ledger.call(4711)

    assert heard is not None
    (turn,) = heard.turns
    times = Counter(arrivals)
    assert turn.missing == [frame for frame in range(20) if not times[frame]]
    assert turn.repeated == sorted(frame for frame in times if times[frame] > 1)
    assert turn.heard == len(times)
    late = [n for n, frame in enumerate(arrivals) if n and frame <= max(arrivals[:n])]
    assert turn.disordered == len(late)
    assert (turn.first_at, turn.last_at) == (2.0, 2.0 + len(arrivals) - 1)


def test_turns_and_connections_of_a_call() -> None:
    """Turns come in order, and every connection that carried the caller is named."""
    ledger = Ledger()
    first = ledger.knock("listen", "CA1", 1.0)
    second = ledger.knock("listen", "CA1", 2.0)
    ledger.hear(first, [code(0, turn=2)], 1.0)
    ledger.hear(second, [code(1, turn=1), code(1, turn=2)], 2.0)
    heard = ledger.call(4711)

    assert heard is not None
    assert [turn.turn for turn in heard.turns] == [1, 2]
    assert heard.connections == [first.id, second.id]
    assert ledger.call(1) is None


@given(
    st.lists(st.tuples(st.integers(1, 2), st.integers(1, 2), st.sampled_from([20, 30])))
)
def test_turns_that_alternate_are_kept_apart(
    arrivals: list[tuple[int, int, int]],
) -> None:
    """Frames of several calls and turns may come in any order on one connection."""
    ledger = Ledger()
    attempt = ledger.knock("listen", "CA1", 1.0)
    for call, turn, frames in arrivals:
        ledger.hear(attempt, [code(0, call, turn, frames)], 2.0)
    counted = Counter(arrivals)

    assert attempt.calls == list(dict.fromkeys(call for call, _, _ in arrivals))
    for call in {call for call, _, _ in arrivals}:
        heard = ledger.call(call)
        assert heard is not None
        told = {(t.turn, t.frames): t.disordered for t in heard.turns}
        mine = {key: times for key, times in counted.items() if key[0] == call}
        assert told == {key[1:]: times - 1 for key, times in mine.items()}


def test_cross_talk_and_echo_show_on_the_connection() -> None:
    """Two callers on one connection, and agent speech sent back, are both seen."""
    ledger = Ledger()
    attempt = ledger.knock("listen", "CA1", 1.0)
    agent = FrameCode(Speaker.AGENT, 1, 0, 0, 9)
    ledger.hear(attempt, [code(0), code(0, call=4712), agent], 1.0)

    assert attempt.calls == [4711, 4712]
    assert attempt.echoed == 1


def test_finals_complete_the_turn() -> None:
    """The words of finals add up, with the moment of the last one."""
    ledger = Ledger()
    attempt = ledger.knock("listen", "CA1", 1.0)
    ledger.hear(attempt, [code(0)], 1.0)
    ledger.finalise(4711, 1, ["Where", "is"], 3.0)
    ledger.finalise(4711, 1, ["my", "parcel?"], 4.0)
    ledger.finalise(4799, 1, ["never", "heard"], 4.0)
    heard = ledger.call(4711)

    assert heard is not None
    assert heard.turns[0].transcript == "Where is my parcel?"
    assert heard.turns[0].final_at == 4.0


def test_groups_keep_their_attempts_apart() -> None:
    """Attempts, utterances and faults are found by group."""
    ledger = Ledger()
    mine = ledger.knock("speak_rest", "CA1", 1.0)
    ledger.knock("speak_rest", "CA2", 1.5)
    made = UtteranceMade(
        utterance=ledger.new_utterance_number(),
        text="Goodbye.",
        group="CA1",
        attempt=mine.id,
        requested_at=1.0,
        frames=30,
    )
    ledger.make(made)
    fired = ledger.fire(mine, "Refuse", 1.0)

    assert ledger.group("CA1") == [mine]
    assert mine.utterances == [made.utterance]
    assert ledger.utterances("CA1") == [made]
    assert ledger.faults("CA1") == [fired]
    assert ledger.group("CA9") == []
    assert ledger.utterances("CA9") == []
    assert ledger.faults("CA9") == []


def test_numbers_go_on_after_a_reset() -> None:
    """Old audio that still plays is never taken for a new utterance."""
    ledger = Ledger()
    before = ledger.new_utterance_number()
    ledger.knock("chat", "", 1.0)
    ledger.reset()

    assert ledger.attempts == []
    assert ledger.calls == []
    assert ledger.utterances() == []
    assert ledger.new_utterance_number() == before + 1


def test_book_is_bounded() -> None:
    """The oldest entries go when a limit is reached."""
    ledger = Ledger()
    limit, ledger_module.ATTEMPTS_KEPT = ledger_module.ATTEMPTS_KEPT, 10
    try:
        attempts = [ledger.knock("chat", "CA1", float(n)) for n in range(25)]
    finally:
        ledger_module.ATTEMPTS_KEPT = limit

    assert ledger.attempts == attempts[-10:]
    assert ledger.group("CA1") == attempts[-10:]
