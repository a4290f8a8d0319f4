"""A trace shows both legs of a call on one clock, whatever the verdict."""

from __future__ import annotations

from conformance._trace import MOST_LINES, Moment, phone_leg, providers_leg, timed_trace
from fakes.call_record import CallRecord, TurnRecord
from fakes.evidence.call_evidence import CallEvidence
from fakes.ledger_entries import (
    Attempt,
    CallHeard,
    FaultFired,
    TurnHeard,
    UtteranceMade,
)

PLACED = 500.0
RECORD = CallRecord(
    call=4729,
    call_sid="CA" + "7" * 32,
    agent="ws://127.0.0.1:1/media",
    outcome="failed",
    cause="no reply in turn 1 within 8 s",
    placed_at=PLACED,
    duration=9.0,
    answered_after=0.1,
    turns=[TurnRecord(turn=1, said="Hello?", spoke_from=0.4, spoke_until=0.9)],
)
EVIDENCE = CallEvidence(
    heard=CallHeard(
        4729,
        [TurnHeard(1, 30, 28, [7, 8], [], 0, 500.4, 500.9, 501.2, "hello")],
        [1],
    ),
    attempts=[
        Attempt(id=1, surface="listen", at=500.2, outcome="accepted", opened=500.2),
        Attempt(id=2, surface="chat", at=501.3, outcome="refused 503", closed=501.3),
    ],
    utterances=[
        UtteranceMade(
            utterance=5,
            text="I am sorry.",
            group="",
            attempt=3,
            requested_at=501.5,
            frames=40,
        )
    ],
)
FAULT = FaultFired(
    fault="Refuse",
    surface="chat",
    group="",
    attempt=2,
    meant_at=501.3,
    happened_at=501.3,
)


def test_both_legs_are_told_in_the_order_of_events() -> None:
    """What was said, what arrived of it, what was asked, refused and spoken."""
    moments = [*phone_leg(RECORD), *providers_leg(EVIDENCE, [FAULT], PLACED)]

    assert timed_trace(moments) == [
        "   0.10  phone       media socket open",
        "   0.20  listen      attempt 1 accepted",
        "   0.20  listen      attempt 1 is never closed",
        "   0.40  phone       caller says, turn 1: 'Hello?' (until 0.90)",
        "   0.90  recogniser  has 28 of 30 frames of turn 1",
        "   1.20  recogniser  last final of it: 'hello'",
        "   1.30  chat        Refuse strikes attempt 2",
        "   1.30  chat        attempt 2 refused 503",
        "   1.50  voice       utterance 5 is asked for: 'I am sorry.'",
        "   9.00  phone       failed: no reply in turn 1 within 8 s",
    ]


def test_a_long_trace_keeps_its_beginning_and_its_end() -> None:
    """An agent that hammers a provider does not bury its case."""
    lines = timed_trace(Moment(float(n), "listen", f"attempt {n}") for n in range(5000))

    assert len(lines) == MOST_LINES + 1
    assert "attempt 0" in lines[0]
    assert "attempt 4999" in lines[-1]
    assert "... 4880 lines more" in lines[MOST_LINES // 2]
