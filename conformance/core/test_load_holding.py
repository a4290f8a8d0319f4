"""How long callers stay: to the end of their script, or as long as they were told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.speech import Speaker, speak
from fakes.twilio.caller.caller import TURN_TIME, Caller
from fakes.twilio.caller.conversation_file import WrittenConversation, library
from fakes.twilio.caller.script import (
    AwaitGreeting,
    Conversation,
    HangUp,
    Pause,
    Say,
    conversation,
)
from loadtests._conversations import deadline_of, list_of_library, script_of
from loadtests._traffic import USUAL

FRAME = 0.02
REPLY_AFTER = 0.6


def stays(
    script: Conversation, holding: float | None, *, answers: bool = True
) -> tuple[float, Caller]:
    """How many seconds a caller stays with an agent that answers each turn."""
    caller = Caller(script, call=7, holding_time=holding)
    sounds: dict[int, bytes] = {}
    said = 0

    def reply(tick: int, text: str) -> None:
        nonlocal said
        said += 1
        speech = speak(text, speaker=Speaker.AGENT, call=0, turn=said)
        sounds.update({tick + n: audio for n, audio in enumerate(speech.frames)})

    reply(10, "Hello there.")
    turns = 0
    for tick in range(100_000):
        step = caller.frame(sounds.get(tick, b""), tick * FRAME)
        if step.hang_up:
            return tick * FRAME, caller
        spoken = [turn for turn in caller.turns if turn.spoke_until is not None]
        quiet = step.audio is None
        if answers and quiet and len(spoken) > turns:
            turns = len(spoken)
            reply(tick + round(REPLY_AFTER / FRAME), "All right.")
    raise AssertionError("the caller never hung up")


@settings(max_examples=25)
@given(st.floats(0.1, 60))
def test_a_caller_leaves_when_its_time_is_over(holding: float) -> None:
    """To the frame: no turn is begun that would not end by then."""
    script = script_of((), 7, turns=3, seed=1, holding=holding)

    stayed, caller = stays(script, holding)

    assert stayed == pytest.approx(holding, abs=2 * FRAME)
    assert caller.completed
    assert all(turn.reply_at is not None for turn in caller.turns)


def test_a_reply_that_is_awaited_is_awaited_to_its_begin() -> None:
    """A slow agent does not gain by callers who leave before it answers."""
    script = (AwaitGreeting(), Say("Where is my parcel?"), Pause(60), HangUp())

    stayed, caller = stays(script, 1.0 + TURN_TIME + 0.5, answers=False)

    assert not caller.completed
    assert "no reply in turn 1" in caller.cause
    assert stayed > 1.0 + TURN_TIME + 0.5


def test_without_a_time_the_script_decides() -> None:
    """As it always was."""
    script = conversation(7, 2, 1)

    assert stays(script, None)[0] == stays(script, 10_000.0)[0]


def test_a_mix_has_the_usual_conversation_beside_those_from_files() -> None:
    """By weight; a file's own deadline holds for its calls only."""
    (dies,) = (written for written in library() if written.name == "battery_dies")
    mix = (WrittenConversation(USUAL, "", (), 1.0), dies)

    scripts = {call: script_of(mix, call, turns=2, seed=1) for call in range(1, 40)}

    usual = [call for call, s in scripts.items() if s == conversation(call, 2, 1)]
    assert 5 < len(usual) < 35
    deadlines = {call: deadline_of(mix, call, 1) for call in scripts}
    assert {call for call in scripts if deadlines[call] is None} == set(usual)
    assert set(deadlines.values()) == {None, 30.0}


def test_the_library_is_listed_for_a_terminal() -> None:
    """A line or two each, at most 100 columns."""
    lines = list_of_library().splitlines()

    assert sum(not line.startswith(" ") for line in lines) == len(library())
    assert max(map(len, lines)) <= 100
