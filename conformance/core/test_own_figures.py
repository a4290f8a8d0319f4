"""The agent's own figures beside the wire's: a liar is found, a guess is not made."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.core.test_waterfall import SID, story
from fakes.call_record import CallRecord
from fakes.evidence.call_evidence import CallEvidence
from fakes.evidence.own_figures import (
    OwnFigures,
    TurnTold,
    compare,
    metrics_url,
    read_metrics,
)
from fakes.evidence.own_rows import own_told
from fakes.evidence.report import render_report
from fakes.evidence.trace import CallKept
from fakes.evidence.trace_reading import Trace
from voiceutils.errors import WireError

TOKEN, AUDIO = 0.2, 0.1  # on the wire
PARTS = [0.02, 0.3, 0.01, TOKEN, 0.05, AUDIO, 0.01, 0.01]


def told(*turns: tuple[float | None, float | None]) -> OwnFigures:
    """What an agent says, in milliseconds."""
    return OwnFigures(call_sid=SID, turns=[TurnTold(*turn) for turn in turns])


def a_trace(record: CallRecord, evidence: CallEvidence, own: OwnFigures) -> Trace:
    """A trace of that call."""
    trace = Trace()
    trace.take(CallKept(record=record, kept="sample", evidence=evidence))
    trace.take(own)
    return trace


@given(st.floats(0, 5000), st.floats(0, 5000))
def test_each_figure_stands_beside_that_of_its_own_turn(
    token: float, audio: float
) -> None:
    """Said and seen, and whether the difference matters."""
    record, evidence = story(PARTS)
    compared = compare(record, evidence, told((token, audio)))
    assert compared is not None
    first, second = compared
    assert (first.name, first.said) == ("first token", token / 1000)
    assert first.wire == pytest.approx(TOKEN)
    assert second.wire == pytest.approx(AUDIO)
    assert first.matters == (abs(first.said - first.wire) > 0.1)


def test_an_agent_that_always_says_the_same_is_told_of(tmp_path: Path) -> None:
    """With the turn in which it matters."""
    record, evidence = story([0.02, 0.3, 0.01, 0.9, 0.05, AUDIO, 0.01, 0.01])
    trace = a_trace(record, evidence, told((200, 95)))
    (token, audio), unsure = own_told(trace)
    assert (token["matter"], audio["matter"], unsure) == (1, 0, 0)
    assert token["largest"] == "-700"
    page = render_report(trace, tmp_path)
    assert '<td>200</td><td>900</td><td class="bad-text">-700</td>' in page
    assert token["worst"] == "call 4729, turn 1 said 200 for 900"


def test_more_sets_than_answers_are_not_matched_by_guess() -> None:
    """Nor fewer; the call is counted as unsure."""
    record, evidence = story(PARTS)
    for own in (told(), told((200, 95), (210, 90), (1, 1))):
        assert compare(record, evidence, own) is None
        assert own_told(a_trace(record, evidence, own)) == ([], 1)
    assert compare(record, evidence, told((None, None))) == []


def test_sets_of_replies_that_were_never_heard_are_matched_by_request() -> None:
    """The caller left before the second reply sounded; the model was asked twice."""
    record, evidence = story(PARTS)
    chat = evidence.attempts[0]
    again = msgspec.structs.replace(chat, id=9, at=chat.at + 5.0)
    again.first_answer_at = again.at + 0.4
    evidence.attempts.append(again)
    compared = compare(record, evidence, told((200, 100), (400, None)))
    assert compared is not None
    assert [(one.turn, one.name) for one in compared] == [
        (1, "first token"),
        (1, "first audio"),
        (2, "first token"),
    ]
    assert [one.wire for one in compared] == pytest.approx([TOKEN, AUDIO, 0.4])


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"calls": 3}', b'{"calls":[{"turns":[{"llm_t', b"\xff" * 9]
)
def test_what_is_no_metrics_is_refused(body: bytes) -> None:
    """An agent may answer anything."""
    with pytest.raises(WireError, match="metrics"):
        read_metrics(body)


def test_metrics_are_read_as_documented_and_bounded() -> None:
    """Unknown fields are passed over, long lists cut."""
    turn = {"llm_time_to_first_token_ms": 210.0, "mood": "good"}
    call = {"call_sid": SID, "turns": [turn] * 1000}
    body = json.dumps({"open_calls": 0, "calls": [call, {"turns": []}]}).encode()
    (read,) = read_metrics(body)
    assert read.call_sid == SID
    assert read.turns[0] == TurnTold(210.0, None)
    assert len(read.turns) == 200


def test_metrics_are_beside_the_voice_webhook() -> None:
    """A media socket has none."""
    assert (
        metrics_url("http://127.0.0.1:1/a/voice?x=1") == "http://127.0.0.1:1/a/metrics"
    )
    assert metrics_url("ws://127.0.0.1:1/media") == ""
