"""Two calls, and twenty, at once in one process."""

from __future__ import annotations

import asyncio

from conformance._case import MUST, case
from conformance._conversation import conversation_of
from conformance._line import Line
from fakes.twilio.caller.script import (
    AwaitGreeting,
    ConversationStep,
    HangUp,
    HangUpHow,
    Pause,
    Press,
    Say,
)


@case(
    "8.1",
    level=MUST,
    source="https://github.com/deepgram/deepgram-twilio-streaming-voice-agent/issues/3",
    mutants=("answers_the_last_caller", "plays_to_the_first_stream"),
    needs=("concurrent-calls",),
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
    needs=("concurrent-calls",),
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


@case(
    "8.3",
    level=MUST,
    source="https://github.com/livekit/agents/pull/3705",
    mutants=("shares_one_recogniser", "answers_the_last_caller"),
    needs=("concurrent-calls",),
    calls=8,
)
async def test_many_callers_do_not_mix(line: Line) -> None:
    """Eight callers at once are eight conversations.

    Do: eight calls in the same moment; each caller says its own number.
    Expect: each hears its own number, and no link to the recogniser carries two
        callers.
    Because: pools and caches are shared, and the race for them needs more than two.
    """
    lines = [line, *(line.beside() for _ in range(7))]
    try:
        await asyncio.gather(
            *(
                one.talk(
                    AwaitGreeting(),
                    Say(f"Hello, this is caller {one.digits}."),
                    HangUp(),
                )
                for one in lines
            )
        )
        for one in lines:
            record = one.expect_completed()
            one.expect(
                not record.foreign and one.digits in record.turns[0].heard.lower(),
                f"caller {one.call} hears its own number",
                "; ".join(record.foreign) or repr(record.turns[0].heard),
            )
            shared = [a.calls for a in await one.attempts("listen") if len(a.calls) > 1]
            one.expect(not shared, "one caller on each link", f"callers {shared}")
    finally:
        for one in lines[1:]:
            await one.__aexit__()


@case(
    "8.4",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/pull/4774",
    mutants=("drops_the_older_call",),
    needs=("concurrent-calls",),
)
async def test_new_caller_does_not_replace_the_old_one(line: Line) -> None:
    """A caller who comes later does not take the place of one who is there.

    Do: a second call begins while the first one is asking; both go on.
    Expect: the first call goes on to its end.
    Because: an agent for one call at a time must refuse the second, not drop the first.
    """
    async with line.beside() as other:
        await asyncio.gather(
            line.talk(
                AwaitGreeting(),
                Say("What time is it?"),
                Say("Where are you located?"),
                HangUp(),
            ),
            _later(2.5, other, AwaitGreeting(), HangUp()),
        )
    line.expect_completed()


async def _later(wait: float, line: Line, *steps: ConversationStep) -> None:
    await asyncio.sleep(wait)
    await line.talk(*steps)


_ENDINGS: tuple[HangUpHow, ...] = ("stop", "close", "reset")


@case(
    "8.5",
    level=MUST,
    source="https://github.com/deepgram/deepgram-twilio-streaming-voice-agent",
    mutants=("stops_everyone_at_a_hang_up",),
    needs=("concurrent-calls",),
)
async def test_leaving_caller_does_not_disturb_the_others(line: Line) -> None:
    """A caller who leaves does not cut off anybody else.

    Do: one caller listens to a long reply while three others hang up.
    Expect: the first one hears the reply whole.
    Because: what is reset at the end of a call must be that call's own.
    """
    long = "Please book a table for four on Friday evening at half past seven."
    others = [line.beside() for _ in range(3)]
    try:
        await asyncio.gather(
            line.talk(AwaitGreeting(), Say(long), HangUp()),
            *(
                other.talk(Pause(7.5 + 0.8 * number), HangUp(how))
                for number, (other, how) in enumerate(
                    zip(others, _ENDINGS, strict=True)
                )
            ),
        )
    finally:
        for other in others:
            await other.__aexit__()
    record = line.expect_completed()
    for utterance in record.utterances:
        line.expect(
            not utterance.cut and not utterance.lost,
            f"{utterance.text!r} is heard whole",
            f"{utterance.heard} of {utterance.frames} frames",
        )


_OTHERS = 20
_APART = 0.5  # seconds that a machine with twenty calls may take longer, or less


@case(
    "8.6",
    level=MUST,
    source="https://github.com/deepgram/deepgram-twilio-streaming-voice-agent/issues/3",
    mutants=("forgets_when_another_call_ends", "interrupts_every_caller"),
    calls=21,
)
async def test_call_among_twenty_is_the_call_alone(line: Line) -> None:
    """A call among twenty others is the same call as alone.

    Do: one call with two questions and an interruption, alone; then the same words
        while twenty others talk, interrupt, press keys and hang up in three ways.
    Expect: the same words heard, turns, utterances, findings, and requests to model,
        speech and recogniser; gaps within 0.5 s of those alone.
    Because: who knows what a call is like alone needs no list of what calls may share.
    """
    alone = line.beside()
    others = [line.beside() for _ in range(_OTHERS)]
    try:
        await alone.talk(*_TALK)
        await asyncio.gather(
            line.talk(*_TALK),
            *(_disturb(number, other) for number, other in enumerate(others)),
        )
        expected, got = await conversation_of(alone), await conversation_of(line)
        for what, value in expected.items():
            line.expect(
                got[what] == value,
                f"{what} as alone: {value}",
                f"{got[what]}",
            )
        _expect_same_gaps(line, alone)
    finally:
        for other in (alone, *others):
            await other.__aexit__()


_TALK: tuple[ConversationStep, ...] = (
    AwaitGreeting(),
    Say("Please cancel my order."),
    Say("Where is my parcel?", barge_in_after=0.8),
    HangUp(),
)


async def _disturb(number: int, line: Line) -> None:
    """Have one of the other calls; they begin, and end, all along."""
    middle: tuple[ConversationStep, ...] = (
        (Say("Is there parking at the hotel?"),),
        (Say("That is all, thank you.", reply=False), Pause(0.8)),
        (Pause(0.5), Press("12#"), Pause(1.5)),
        (Say("Where are you located?", barge_in_after=0.5),),
    )[number % 4]
    ending = HangUp(_ENDINGS[number % 3])
    await _later(0.2 * number, line, AwaitGreeting(), *middle, ending)


def _expect_same_gaps(line: Line, alone: Line) -> None:
    """Expect that nobody waits longer, or is answered earlier, than alone."""
    assert line.record is not None
    assert alone.record is not None
    for one, other in zip(line.record.turns, alone.record.turns, strict=True):
        apart = abs((one.gap or 0.0) - (other.gap or 0.0))
        line.expect(
            apart <= _APART,
            f"a gap in turn {one.turn} within {_APART:g} s of {other.gap or 0:.2f} s",
            f"{one.gap or 0:.2f} s",
        )
