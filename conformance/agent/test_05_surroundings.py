"""Whose turn it is where it is never quiet."""

from __future__ import annotations

from conformance._case import MUST, case
from conformance._line import Line
from fakes.twilio.caller.script import Around, AwaitGreeting, HangUp, Pause, Say, Sound

_SLOWER = 1.0  # seconds that a reply may take longer in noise
_QUESTION = "Where are you located?"


@case(
    "5.50",
    level=MUST,
    source="https://github.com/HeyWillow/willow/issues/113",
    mutants=("waits_until_it_is_quiet",),
)
async def test_a_turn_ends_in_noise(line: Line) -> None:
    """A turn ends with the words, not when it is quiet.

    Do: ask a question in a quiet place, then one in traffic 10 dB below the voice.
    Expect: both are answered, the second at most 1 s later than the first.
    Because: in a street it is never quiet, and the caller waits for an answer that
        waits for silence.
    """
    record = await line.talk(
        AwaitGreeting(),
        Say(_QUESTION),
        Around("street", 10.0),
        Say("What time is it?"),
        HangUp(),
    )
    line.expect_completed()
    quiet, loud = (turn.gap for turn in record.turns)
    assert quiet is not None
    assert loud is not None
    line.expect(
        loud <= quiet + _SLOWER,
        f"an answer within {quiet + _SLOWER:.2f} s in noise, too",
        f"after {loud:.2f} s",
    )


@case(
    "5.51",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat-flows/pull/192",
    mutants=("answers_any_sound",),
)
async def test_music_is_not_answered(line: Line) -> None:
    """Music on hold is no question, and the question after it is answered.

    Do: after the greeting 3 s of music, then a question.
    Expect: nothing is asked of the model before the question; a reply follows it.
    Because: who is put on hold hears music for minutes, and each answer to it is paid
        for, and heard by whoever comes back.
    """
    record = await line.talk(
        AwaitGreeting(),
        Sound("music", 3.0),
        Pause(0.4),
        Say(_QUESTION),
        HangUp(),
    )
    asked = await line.attempts("chat")
    spoke = record.turns[0].spoke_from if record.turns else None
    line.expect(spoke is not None, "the caller asks", record.cause)
    assert spoke is not None
    early = [attempt for attempt in asked if attempt.at < record.placed_at + spoke]
    line.expect(
        not early, "no request to the model before the question", f"{len(early)}"
    )
    line.expect_completed()
