"""From the caller's mouth to the recogniser."""

from __future__ import annotations

import asyncio

from conformance._case import MUST, SHOULD, case
from conformance._limits import MESSAGE_LIMIT
from conformance._line import Line
from fakes.twilio.script import AwaitGreeting, HangUp, Say


@case(
    "2.1",
    level=MUST,
    source="https://github.com/livekit/agents/pull/2663",
    mutants=("sends_audio_twice",),
)
async def test_every_frame_reaches_the_recogniser_once(line: Line) -> None:
    """Every frame of the caller reaches the recogniser once, in order.

    Do: greeting, two questions with their replies, the second one interrupting.
    Expect: of each turn no frame is missing at the recogniser and none came twice.
    Because: half words make wrong transcripts, and repeated audio is billed twice.
    """
    await line.talk(
        AwaitGreeting(),
        Say("What time is it?"),
        Say("Do you have any appointments free tomorrow?", barge_in_after=0.6),
        HangUp(),
    )
    record = line.expect_completed()

    turns = await line.heard()
    line.expect(
        len(turns) == len(record.turns),
        f"{len(record.turns)} turns reach the recogniser",
        f"{len(turns)}",
    )
    for turn in turns:
        line.expect(
            not turn.missing and not turn.repeated,
            f"turn {turn.turn} arrives whole and once, {turn.frames} frames",
            f"missing {turn.missing}, repeated {turn.repeated}",
        )


@case(
    "2.2",
    level=MUST,
    source="https://github.com/deepgram-devs/sts-twilio",
    mutants=("drops_the_tail",),
)
async def test_tail_is_heard_when_the_caller_hangs_up(line: Line) -> None:
    """The last words before a hang-up reach the recogniser.

    Do: two callers say something and hang up with their last frame.
    Expect: the last frame of both reaches the recogniser.
    Because: a buffer that is only forwarded when full swallows "yes, goodbye".
    """
    async with line.beside() as other:
        await asyncio.gather(
            line.talk(AwaitGreeting(), Say("What time is it?", reply=False), HangUp()),
            other.talk(
                AwaitGreeting(), Say("Goodbye, and thank you.", reply=False), HangUp()
            ),
        )
        for caller in (line, other):
            await caller.open_sockets(within=2.0)
            turns = await caller.heard()
            caller.expect(
                bool(turns) and not turns[0].missing,
                "every frame up to the hang-up reaches the recogniser",
                f"{turns[0].missing} are missing" if turns else "nothing arrives",
            )


@case(
    "2.3",
    level=SHOULD,
    source="https://developers.deepgram.com/docs/measuring-streaming-latency",
    mutants=("buffers_400_ms",),
)
async def test_audio_is_sent_in_short_messages(line: Line) -> None:
    """Audio reaches the recogniser in messages of at most 250 ms.

    Do: greeting, a question, its reply.
    Expect: no message of audio holds more than 250 ms.
    Because: whatever a message holds back delays the end of speech, and so the reply.
    """
    await line.talk(AwaitGreeting(), Say("What time is it?"), HangUp())
    line.expect_completed()

    longest = await line.longest_message()
    line.expect(
        longest <= MESSAGE_LIMIT,
        f"messages of at most {MESSAGE_LIMIT * 1000:.0f} ms",
        f"one of {longest * 1000:.0f} ms",
    )
