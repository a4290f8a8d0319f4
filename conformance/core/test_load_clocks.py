"""Fakes on another machine have another clock."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fakes.evidence.call_evidence import CallEvidence
from fakes.ledger_entries import Attempt, CallHeard, TurnHeard, UtteranceMade
from loadtests._clocks import Reading, ahead_by, brought_here

_WAYS = st.lists(
    st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)), min_size=1, max_size=8
)


@given(st.floats(-1e6, 1e6), st.floats(0, 1e5), _WAYS)
def test_the_distance_is_right_within_half_the_quickest_round_trip(
    ahead: float, now: float, ways: list[tuple[float, float]]
) -> None:
    """However lopsided the ways there and back are."""
    readings = [
        Reading(now, now + there + ahead, now + there + back) for there, back in ways
    ]
    quickest = min(there + back for there, back in ways)

    # Where zero was possible it is taken, which is at most a whole trip off.
    found = ahead_by(readings)
    assert abs(found - ahead) <= (quickest if found == 0.0 else quickest / 2) + 1e-6


@given(st.floats(0, 1e5), _WAYS)
def test_on_one_machine_there_is_no_distance(
    now: float, ways: list[tuple[float, float]]
) -> None:
    """Exactly: nothing may blur the figures there."""
    readings = [Reading(now, now + there, now + there + back) for there, back in ways]

    assert ahead_by(readings) == 0.0
    assert ahead_by([]) == 0.0


def test_every_moment_of_the_evidence_is_brought_here() -> None:
    """None forgotten: a moment is a field whose name ends as they do."""
    evidence = CallEvidence(
        heard=CallHeard(
            1, [TurnHeard(1, 2, 2, [], [], 0, 101.0, 102.0, None, "x")], []
        ),
        attempts=[Attempt(id=1, surface="listen", at=101.0, opened=101.5, closed=None)],
        utterances=[
            UtteranceMade(
                utterance=1,
                text="x",
                group="",
                attempt=1,
                requested_at=103.0,
                frames=1,
                first_audio_at=104.0,
            )
        ],
    )
    here = brought_here(evidence, 100.0)

    (turn,), (attempt,), (made,) = here.heard.turns, here.attempts, here.utterances
    assert (turn.first_at, turn.last_at, turn.final_at) == (1.0, 2.0, None)
    assert (attempt.at, attempt.opened, attempt.closed) == (1.0, 1.5, None)
    assert (made.requested_at, made.first_audio_at) == (3.0, 4.0)
    for entry in (turn, attempt, made):
        for name in msgspec.structs.asdict(entry):
            value = getattr(entry, name)
            moment = name.endswith("_at") or name in ("at", "opened", "closed")
            assert not moment or value is None or value < 10.0, name
