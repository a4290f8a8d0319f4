"""The caller speaks while the agent is speaking; marks and clear."""

from __future__ import annotations

import asyncio
import math

from conformance._barge_in import LONG, expect_stopped
from conformance._case import MUST, case
from conformance._line import Line, Unsupported
from fakes.faults import Nothing, Recite, Trickle
from fakes.speech import REPLIES, sentences
from fakes.twilio.caller.script import AwaitGreeting, HangUp, Say

_QUESTION = "What time is it?"


def _words_after_the_first_sentence(said: str) -> int:
    first, *rest = sentences(REPLIES[said])
    return len(" ".join(rest).split()) - len(first.split())


@case(
    "4.1",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/issues/366",
    mutants=("sends_no_clear",),
    needs=("barge-in",),
)
async def test_agent_stops_when_interrupted(line: Line) -> None:
    """The agent falls silent when the caller speaks up.

    Do: ask for a long reply and interrupt it after 0.8 s.
    Expect: what is heard of the old reply ends within 0.5 s of the first voiced frame.
    Because: Twilio has seconds of audio queued; only a clear stops it.
    """
    await line.talk(
        AwaitGreeting(), Say(LONG), Say(_QUESTION, barge_in_after=0.8), HangUp()
    )
    expect_stopped(line, line.expect_completed().turns[1])


@case(
    "4.3",
    level=MUST,
    source="https://github.com/shaswat28/streamdouble",
    mutants=("deaf_once_all_is_sent",),
    needs=("barge-in",),
)
async def test_agent_can_be_interrupted_when_all_is_sent(line: Line) -> None:
    """An interruption works late in a reply, when everything was sent long ago.

    Do: ask for a long reply, which arrives ten times faster than it plays; interrupt
        it after 2.5 s of hearing.
    Expect: what is heard of the old reply ends within 0.5 s.
    Because: sent is not heard; an agent that stops listening for interruptions when
        it has sent its audio cannot be interrupted for most of the reply.
    """
    await line.talk(
        AwaitGreeting(), Say(LONG), Say(_QUESTION, barge_in_after=2.5), HangUp()
    )
    expect_stopped(line, line.expect_completed().turns[1])


@case(
    "4.4",
    level=MUST,
    source="https://github.com/twilio-samples/speech-assistant-openai-realtime-api-node/issues/33",
    mutants=("counts_marks_of_a_cleared_reply",),
    needs=("barge-in",),
)
async def test_second_interruption_works_too(line: Line) -> None:
    """A second interruption in the same call works like the first.

    Do: interrupt a long reply after 0.8 s, then the next long reply after 1.5 s.
    Expect: both times the old reply ends within 0.5 s.
    Because: clear returns every outstanding mark; an agent that takes those for marks
        of the next reply believes that it has been played.
    """
    await line.talk(
        AwaitGreeting(),
        Say(LONG),
        Say(LONG, barge_in_after=0.8),
        Say(_QUESTION, barge_in_after=1.5),
        HangUp(),
    )
    record = line.expect_completed()
    expect_stopped(line, record.turns[1])
    expect_stopped(line, record.turns[2])


@case(
    "4.6",
    level=MUST,
    source="https://github.com/twilio-labs/call-gpt/issues/20",
    mutants=("does_not_cancel_the_model",),
    needs=("barge-in",),
)
async def test_model_request_ends_with_the_interruption(line: Line) -> None:
    """The model is told to stop when its reply is interrupted.

    Do: let the model take 0.6 s for every word of a reply of two sentences, and
        interrupt the first one after 0.8 s.
    Expect: the interrupted request is closed within 1 s of the interruption.
    Because: tokens that nobody will hear are paid for, and open requests pile up.
    """
    await line.fault("chat", Trickle(0.6))
    record = await line.talk(
        AwaitGreeting(),
        Say(max(REPLIES, key=_words_after_the_first_sentence)),
        Say(_QUESTION, barge_in_after=0.8),
        HangUp(),
    )
    await asyncio.sleep(0.2)
    asked = await line.attempts("chat")
    spoke_up = record.turns[1].spoke_from if len(record.turns) > 1 else None
    line.expect(
        bool(asked) and spoke_up is not None,
        "a reply begins, and the caller interrupts it",
        record.cause or "it did not come to that",
    )
    assert spoke_up is not None
    closed = asked[0].closed
    after = None if closed is None else closed - record.placed_at - spoke_up
    shown = "still open at the end" if after is None else f"after {after:.2f} s"
    line.expect(
        after is None or after > 0, "the model is interrupted in its reply", shown
    )
    line.expect(
        after is not None and after <= 1.0,
        "the interrupted model request is closed within 1 s",
        shown,
    )


@case(
    "4.9",
    level=MUST,
    source="https://github.com/livekit/agents/pull/667",
    mutants=("cannot_be_interrupted_while_greeting",),
    needs=("barge-in", "greeting"),
)
async def test_greeting_can_be_interrupted(line: Line) -> None:
    """The greeting stops when the caller speaks up.

    Do: the caller asks a question 1 s after the greeting began.
    Expect: what is heard of the greeting ends within 0.5 s of the first voiced frame.
    Because: the greeting is what callers interrupt most.
    """
    await line.talk(AwaitGreeting(), Say(LONG, barge_in_after=1.0), HangUp())
    expect_stopped(line, line.expect_completed().turns[0])


@case(
    "4.11",
    level=MUST,
    source="https://github.com/livekit/agents/pull/5703",
    mutants=("does_not_cancel_speech",),
    needs=("barge-in",),
)
async def test_speech_request_ends_with_the_interruption(line: Line) -> None:
    """The speech service is told to stop when its audio is not wanted any more.

    Do: let speech arrive in real time; interrupt a long reply after 0.8 s.
    Expect: the interrupted request is closed within 1 s of the interruption.
    Because: speech that nobody hears is paid for, and fills the connection limit.
    """
    await line.fault("speak_rest", Nothing(), *(Trickle(1.0),) * 6)
    await line.fault("chat", Recite(f"Well {LONG}"))
    record = await line.talk(
        AwaitGreeting(), Say(_QUESTION), Say(_QUESTION, barge_in_after=0.8), HangUp()
    )
    spoke = record.turns[1].spoke_from if len(record.turns) > 1 else None
    line.expect(spoke is not None, "an interruption", record.cause)
    assert spoke is not None
    at = record.placed_at + spoke
    requests = [
        attempt
        for attempt in await line.attempts("speak_rest")
        if attempt.surface == "speak_rest"  # a socket may stay for the next sentence
    ]
    open_then = [
        attempt
        for attempt in requests
        if attempt.opened is not None
        and attempt.opened < at
        and (attempt.closed is None or attempt.closed > at)
    ]
    late = [a for a in open_then if a.closed is None or a.closed > at + 1.0]
    if not requests:
        raise Unsupported("needs speech over streaming REST with tag=<CallSid>")
    line.expect(
        not late,
        "the interrupted speech request is closed within 1 s",
        ", ".join(
            "still open" if a.closed is None else f"after {a.closed - at:.2f} s"
            for a in late
        ),
    )


@case(
    "4.30",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/pull/4126",
    mutants=("does_not_cancel_speech",),
    needs=("barge-in",),
)
async def test_quick_interruptions_do_not_pile_up(line: Line) -> None:
    """Interruption upon interruption leaves no pile of requests for speech.

    Do: let speech arrive in real time; interrupt four long replies in a row.
    Expect: never more than two requests for speech open at once.
    Because: providers refuse who has too many open, and then nothing is heard at all.
    """
    await line.fault("speak_rest", Nothing(), *(Trickle(1.0),) * 20)
    endless = f"Well {' and '.join([LONG[:-1]] * 3)}."
    await line.fault("chat", *(Recite(endless),) * 6)
    again = (Say(_QUESTION, barge_in_after=0.4) for _ in range(4))
    await line.talk(AwaitGreeting(), Say(_QUESTION), *again, HangUp())
    attempts = await line.attempts("speak_rest")
    most = max(
        (
            sum(other.at <= one.at < (other.closed or math.inf) for other in attempts)
            for one in attempts
        ),
        default=0,
    )
    line.expect(most <= 2, "at most two at once", f"{most}")
