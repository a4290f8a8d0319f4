"""The turn gap taken apart: from made-up moments whose parts are known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.call_record import CallRecord, TurnRecord, UtteranceHeard
from fakes.evidence.call_evidence import CallEvidence
from fakes.evidence.waterfall import PARTS, TurnParts, waterfall
from fakes.ledger import Attempt, CallHeard, TurnHeard, UtteranceMade

PLACED = 1000.0
SPOKE_UNTIL = 3.0
CALL, SID = 4729, "CA" + "7" * 32
SAID, REPLY = "What time is it?", "It is four o'clock. Is there anything else?"
seconds = st.floats(0.0, 2.0)
every = st.lists(seconds, min_size=len(PARTS), max_size=len(PARTS))


def turn_heard(last_at: float, final_at: float | None) -> TurnHeard:
    """Return the caller's turn as it reached the recogniser."""
    return TurnHeard(
        1, 50, 50, [], [], 0, PLACED + 1.0, last_at, final_at, "what time is it"
    )


def story(parts: list[float], group: str = SID) -> tuple[CallRecord, CallEvidence]:
    """A call of one turn whose gap has these parts."""
    moments = [PLACED + SPOKE_UNTIL]
    for part in parts:
        moments.append(moments[-1] + part)
    _, arrived, final, asked, token, wanted, audio, came, heard = moments
    reply_at = heard - PLACED
    turn = TurnRecord(
        turn=1,
        said=SAID,
        spoke_from=1.0,
        spoke_until=SPOKE_UNTIL,
        reply_at=reply_at,
        media_at=came - PLACED,
        gap=reply_at - SPOKE_UNTIL,
    )
    spoken = UtteranceHeard(
        utterance=9,
        text="It is four o'clock.",
        frames=60,
        heard=60,
        lost=[],
        repeated=[],
        first_at=reply_at - 0.01,
        last_at=reply_at + 1.2,
        cut=False,
    )
    record = CallRecord(
        call=CALL,
        call_sid=SID,
        agent="ws://127.0.0.1:1/media",
        outcome="completed",
        placed_at=PLACED,
        duration=20.0,
        turns=[turn],
        utterances=[spoken],
    )
    chat = Attempt(
        id=2,
        surface="chat",
        at=asked,
        group=group,
        outcome="accepted",
        first_answer_at=token,
        said=SAID,
        reply=REPLY,
    )
    speak = Attempt(id=3, surface="speak_rest", at=wanted, outcome="accepted")
    made = UtteranceMade(
        utterance=9,
        text="It is four o'clock.",
        group=group,
        attempt=3,
        requested_at=wanted,
        frames=60,
        first_audio_at=audio,
    )
    heard_of = CallHeard(CALL, [turn_heard(arrived, final)], [1])
    evidence = CallEvidence(heard=heard_of, attempts=[chat, speak], utterances=[made])
    return record, evidence


def only(record: CallRecord, evidence: CallEvidence) -> TurnParts:
    """Return the parts of the only turn."""
    (parts,) = waterfall(record, evidence)
    return parts


def test_the_page_on_the_trace_names_every_part() -> None:
    """In their order, with whose time it is."""
    page = Path(waterfall.__code__.co_filename).with_name("README.md")
    rows = re.findall(r"^\| ([a-z ]+) \| ([a-z]+) \|", page.read_text("utf-8"), re.M)
    assert [row for row in rows if row[0] in PARTS] == list(PARTS.items())


@given(every)
def test_every_part_is_found_where_it_was(given_parts: list[float]) -> None:
    """And with it who took it."""
    parts = only(*story(given_parts))
    assert parts.whole
    assert [part.name for part in parts.parts] == list(PARTS)
    assert [part.owner for part in parts.parts] == list(PARTS.values())
    assert [part.seconds for part in parts.parts] == pytest.approx(
        given_parts, abs=1e-9
    )
    own = sum(given_parts[n] for n in (0, 2, 4, 6))
    assert parts.own == pytest.approx(own, abs=1e-9)


@given(every, st.lists(st.floats(-5.0, 5.0), min_size=5, max_size=5))
def test_parts_add_up_to_the_gap_whatever_the_moments(
    given_parts: list[float], shifts: list[float]
) -> None:
    """Moments in the wrong order, or outside of the gap, add nothing."""
    record, evidence = story(given_parts)
    (heard,) = evidence.heard.turns
    heard.last_at += shifts[0]
    heard.final_at = (heard.final_at or 0.0) + shifts[1]
    chat, (made,) = evidence.attempts[0], evidence.utterances
    chat.first_answer_at = (chat.first_answer_at or 0.0) + shifts[2]
    made.requested_at += abs(shifts[3])
    made.first_audio_at = (made.first_audio_at or 0.0) + shifts[4]
    parts = only(record, evidence)
    assert sum(part.seconds for part in parts.parts) == pytest.approx(
        parts.gap, abs=1e-9
    )
    assert all(part.seconds >= 0 for part in parts.parts)
    for before, after in zip(parts.parts, parts.parts[1:], strict=False):
        assert before.began + before.seconds == pytest.approx(after.began, abs=1e-9)


def test_what_nobody_saw_is_said_and_nobodys() -> None:
    """An agent with a voice of its own: what it takes for it is not told apart."""
    record, evidence = story([0.1] * 8)
    evidence.utterances.clear()
    parts = only(record, evidence)
    assert not parts.whole
    last = parts.parts[-2]
    assert (
        last.name
        == "to the model + first token + to the voice + first audio + to the caller"
    )
    assert last.owner == ""
    assert parts.own == pytest.approx(0.1)


def test_callers_who_ask_the_same_are_told_apart_by_name_or_not_at_all() -> None:
    """Two equal requests of nobody known: neither is taken for this call's."""
    record, evidence = story([0.1] * 8, group="")
    assert only(record, evidence).whole
    twin = Attempt(id=7, surface="chat", at=evidence.attempts[0].at, outcome="accepted")
    twin.first_answer_at, twin.said, twin.reply = twin.at + 0.05, SAID, REPLY
    evidence.attempts.append(twin)
    assert not only(record, evidence).whole
    evidence.attempts[0].group = SID
    assert only(record, evidence).whole


def test_a_turn_that_was_talked_over_has_no_parts() -> None:
    """Nor has one that was never answered."""
    record, evidence = story([0.1] * 8)
    record.turns[0].gap = -0.3
    assert waterfall(record, evidence) == []
    record.turns[0].gap = None
    assert waterfall(record, evidence) == []
