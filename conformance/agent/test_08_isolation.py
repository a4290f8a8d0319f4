"""Two calls at once in one process."""

from __future__ import annotations

import asyncio

from conformance._case import MUST, case
from conformance._line import Line
from fakes.twilio.script import AwaitGreeting, ConversationStep, HangUp, Pause, Say


@case(
    "8.1",
    level=MUST,
    source="https://github.com/deepgram/deepgram-twilio-streaming-voice-agent/issues/3",
    mutants=("answers_the_last_caller", "plays_to_the_first_stream"),
)
async def test_each_caller_hears_replies_to_its_own_words(line: Line) -> None:
    """Two callers at once each hear replies to their own words only.

    Do: two simultaneous calls; each caller says its own number, then asks a question.
    Expect: both calls complete; nobody hears audio meant for the other.
    Because: one variable shared by all calls sends one caller's data to another.
    """
    async with line.beside() as other:
        await asyncio.gather(
            *(
                caller.talk(
                    AwaitGreeting(),
                    Say(f"Hello, this is caller {caller.digits}."),
                    Say("What time is it?"),
                    HangUp(),
                )
                for caller in (line, other)
            )
        )
        for caller in (line, other):
            record = caller.expect_completed()
            caller.expect(
                not record.foreign,
                f"caller {caller.call} hears replies to its own words only",
                "; ".join(record.foreign),
            )
            wrong_stream = [f.text for f in record.findings if f.code == "31951"]
            caller.expect(
                not wrong_stream,
                "each message names the stream of the socket it is sent on",
                "; ".join(wrong_stream),
            )


@case(
    "8.2",
    level=MUST,
    source="https://github.com/deepgram/deepgram-twilio-streaming-voice-agent",
    mutants=("interrupts_every_caller",),
)
async def test_one_caller_does_not_silence_another(line: Line) -> None:
    """What one caller says does not cut off another caller's reply.

    Do: one caller listens to a long reply while another one keeps talking.
    Expect: the first one hears the reply whole.
    Because: a flag like ``speaking`` that all calls share lets them interrupt each
        other, which no test with one call can show.
    """
    long = "Please book a table for four on Friday evening at half past seven."
    talk: list[ConversationStep] = [
        Say("Where are you located?", reply=False),
        Pause(0.6),
    ]
    async with line.beside() as other:
        await asyncio.gather(
            line.talk(AwaitGreeting(), Say(long), HangUp()),
            other.talk(Pause(3.0), *talk * 5, HangUp()),
        )
    record = line.expect_completed()
    for utterance in record.utterances:
        line.expect(
            not utterance.cut and not utterance.lost,
            f"utterance {utterance.utterance} is heard whole",
            f"{utterance.heard} of {utterance.frames} frames"
            f"{', cut off' if utterance.cut else ''}",
        )
