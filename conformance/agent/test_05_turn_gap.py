"""How long a caller waits for an answer, against the budget."""

from __future__ import annotations

from statistics import median

from conformance._case import SHOULD, case
from conformance._line import Line
from fakes.twilio.caller.script import AwaitGreeting, HangUp, Say


@case(
    "5.20",
    level=SHOULD,
    source="https://www.twilio.com/en-us/blog/developers/best-practices/guide-core-latency-ai-voice-agents",
)
async def test_replies_come_within_the_turn_gap(line: Line) -> None:
    """A plain question is answered within the budget of a turn gap.

    Do: three plain questions.
    Expect: the middle one of the three waits is at most the turn gap (1.1 s).
    Because: people leave gaps of a quarter of a second; beyond one they ask "hello?".
    """
    questions = ("Where is my parcel?", "Please cancel my order.", "What time is it?")
    await line.talk(AwaitGreeting(), *map(Say, questions), HangUp())
    record = line.expect_completed()
    gaps = [turn.gap for turn in record.turns if turn.gap is not None]
    line.expect(
        median(gaps) <= line.limits.turn_gap,
        f"{line.limits.turn_gap:g} s from the last word to the reply",
        f"{median(gaps):.2f} s",
    )
