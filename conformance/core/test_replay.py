"""A call of a trace placed again; a trace that wants too much is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.core._tiny_agent import tiny_agent
from conformance.core.test_evidence import RUN, a_call
from fakes.evidence.__main__ import main
from fakes.evidence.replay import LONGEST_CALL, beside, order_of
from fakes.evidence.trace import CallKept, append
from fakes.evidence.trace_reading import read_trace
from fakes.twilio.caller.script import (
    Around,
    AwaitGreeting,
    ConversationStep,
    HangUp,
    Pause,
    Press,
    Say,
    Sound,
    conversation,
)
from voiceutils.errors import SettingError

AGENT = "ws://127.0.0.1:1/media"


def with_script(*steps: ConversationStep) -> CallKept:
    """A call whose caller did that."""
    return a_call(script=list(steps))


@given(st.integers(0, 999), st.integers(1, 8), st.integers(0, 99))
def test_the_same_caller_says_the_same(call: int, turns: int, seed: int) -> None:
    """Through a file and back; whom to call is not taken from the trace."""
    kept = with_script(*conversation(call, turns, seed))
    kept.record.call, kept.record.agent = call, "http://example.org/voice"
    order = order_of(kept, AGENT, seed)
    assert order.conversation == conversation(call, turns, seed)
    assert (order.call, order.agent) == (call, AGENT)


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [Say("x" * 501)],
        [Say("\x1b[2J")],
        [Say("")],
        [Say("Hello", barge_in_after=float("nan"))],
        [Pause(1e9)],
        [Pause(-1.0)],
        [Press("123;rm")],
        [Press("1" * 61)],
        [AwaitGreeting(within=float("inf"))],
        [Sound("thunder")],
        [Sound("cough", seconds=61.0)],
        [Sound("keys", keys="x")],
        [Around(noise="war")],
        [Around(gain=31.0)],
        [Around(echo=float("nan"))],
        [Pause(0.1)] * 201,
    ],
)
def test_what_no_caller_would_do_is_refused(steps: list[ConversationStep]) -> None:
    """A trace may come from anywhere."""
    with pytest.raises(SettingError):
        order_of(with_script(*steps), AGENT)


def test_no_replay_lasts_for_ever() -> None:
    """However many waits there are."""
    order = order_of(with_script(*[Pause(119.0)] * 200), AGENT)
    assert order.deadline == LONGEST_CALL


def test_both_calls_stand_side_by_side() -> None:
    """Also where one had more turns."""
    then, now = a_call().record, a_call().record
    now.turns.clear()
    now.outcome, now.cause = "failed", "no reply in turn 1 within 8 s"
    lines = beside(then, now)
    assert lines[1].split()[:3] == ["1", "700", "-"]
    assert lines[-1] == "now:  failed no reply in turn 1 within 8 s"


async def test_the_command_places_the_call_that_was_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once, and tells of both; another machine is not called."""
    append(tmp_path, RUN)
    for number in (1, 2):
        kept = with_script(Pause(0.1), HangUp())
        kept.record.call = number
        append(tmp_path, kept)
    assert read_trace(tmp_path).calls[0].record.script == [Pause(0.1), HangUp()]
    async with tiny_agent() as agent:
        words = [str(tmp_path), "--call", "2", "--replay", agent.url]
        assert await asyncio.to_thread(main, words) == 0
        assert agent.events.count("start") == 1
    assert "now:  completed" in capsys.readouterr().out
    assert main([str(tmp_path), "--replay", AGENT]) == 2
    assert "needs one call, 2 are chosen" in capsys.readouterr().err
    assert main([str(tmp_path), "--call", "9", "--replay", AGENT]) == 2
    assert "needs one call, 0 are chosen" in capsys.readouterr().err
    words = [str(tmp_path), "--call", "1", "--replay", "wss://example.org/media"]
    assert main(words) == 2
    assert "--allow-remote" in capsys.readouterr().err


def test_calls_are_chosen_by_words_label_and_gap(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is left is told."""
    one, other = a_call(1, "Where is my parcel?"), a_call(2)
    one.label = "case 4.2"
    append(tmp_path, one)
    append(tmp_path, other)
    for words, found in (
        (["--words", "PARCEL"], "call 1"),
        (["--label", "case 4.2"], "call 1"),
        (["--over", "699"], "call 2"),
        (["--over", "701"], ""),
    ):
        assert main([str(tmp_path), *words]) == 0
        told = capsys.readouterr().out
        assert (f"{found}: completed" in told) == bool(found)
        assert ("call " in told.split("waterfalls")[1]) == bool(found)
