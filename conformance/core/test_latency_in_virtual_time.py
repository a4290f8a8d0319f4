"""What a caller waits, exactly: the reference agent with every clock virtual.

A benchmark says how long a machine took; these figures are the agent's own choices
(chunk size, endpointing, sentence splitting) and cannot depend on a machine. Whoever
changes one sees here, to the frame, what it costs the caller.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.core._virtual_call import Schedule, call_the_agent
from fakes.call_record import CallRecord
from fakes.twilio.caller.script import AwaitGreeting, HangUp, Say
from voiceutils.agent.settings import AgentSettings
from voiceutils.mulaw import FRAME_SECONDS

TALK = (AwaitGreeting(), Say("What time is it?"), Say("Where are you?"), HangUp())
BARGE_IN = (
    AwaitGreeting(),
    Say("What are your opening hours?"),
    Say("Stop, please.", barge_in_after=0.6),
    HangUp(),
)
frames = st.integers(0, 40)


def gaps(record: CallRecord) -> list[float]:
    """Return the turn gaps of a call that was had to its end."""
    assert record.outcome == "completed", record.cause
    return [turn.gap for turn in record.turns if turn.gap is not None]


def parts(schedule: Schedule) -> float:
    """Return what a turn cannot do without: silence, results, model, voice."""
    silence = AgentSettings().endpointing / 1000
    return silence + schedule.recogniser + schedule.model + schedule.voice


def test_a_turn_takes_its_parts_and_a_chunk() -> None:
    """What the agent adds itself: a chunk of 100 ms, and the tick of the phone."""
    record = call_the_agent(TALK)
    assert record.greeting_after == pytest.approx(Schedule().voice + 2 * FRAME_SECONDS)
    assert gaps(record) == [pytest.approx(0.82), pytest.approx(0.82)]
    assert parts(Schedule()) == pytest.approx(0.72)


def test_the_same_call_is_the_same_to_the_last_bit() -> None:
    """No figure depends on the machine, its load or the order of a hash."""
    first, second = call_the_agent(TALK), call_the_agent(TALK)
    second.call_sid = first.call_sid
    assert first == second


def test_an_interruption_silences_the_agent_within_two_frames() -> None:
    """The chunk that holds the first voice, SpeechStarted, a clear: then quiet."""
    turn = call_the_agent(BARGE_IN).turns[1]
    assert turn.barge_in
    assert turn.stopped_after == pytest.approx(2 * FRAME_SECONDS)


@given(model=frames)
@settings(max_examples=10)
def test_what_the_model_delays_is_what_the_caller_waits(model: int) -> None:
    """Later by so many frames, later by so many frames."""
    later = Schedule()._replace(model=Schedule().model + model * FRAME_SECONDS)
    first = gaps(call_the_agent(TALK, later))[0]
    assert first == pytest.approx(0.82 + model * FRAME_SECONDS)


@given(recogniser=frames, model=frames, token=st.integers(0, 5), voice=frames)
@settings(max_examples=25)
def test_the_agent_never_adds_more_than_its_chunk(
    recogniser: int, model: int, token: int, voice: int
) -> None:
    """Whatever the providers take; a reply is spoken from its first sentence on."""
    schedule = Schedule(*(n * FRAME_SECONDS for n in (recogniser, model, token, voice)))
    record = call_the_agent(TALK, schedule)
    for turn, gap in zip(record.turns, gaps(record), strict=False):
        sentence = schedule.token * (len(turn.heard.split()) - 1)
        added = gap - parts(schedule) - sentence
        assert -1e-6 <= added <= 0.1 + 2 * FRAME_SECONDS + 1e-6
