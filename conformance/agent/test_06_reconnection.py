"""A link that is lost in the middle of a call."""

from __future__ import annotations

import asyncio

from conformance._backoff import expect_spread
from conformance._case import MUST, SHOULD, case
from conformance._line import Line
from fakes.faults import Close, Delay, Nothing, Reset
from fakes.twilio.caller.script import (
    AwaitGreeting,
    HangUp,
    Pause,
    Say,
)


@case(
    "6.4",
    level=MUST,
    source="https://github.com/deepgram/deepgram-twilio-streaming-voice-agent",
    mutants=("never_reconnects",),
)
async def test_caller_is_heard_again_after_a_lost_link(line: Line) -> None:
    """When the link to the recogniser is lost, the caller is heard again.

    Do: let Deepgram close /v1/listen with 1011 after 3 s; ask a question later on.
    Expect: a second connection; every frame of the question arrives, and a reply.
    Because: links drop in mid-call, and without a new one the agent is deaf for good.
    """
    await line.fault("listen", Close(1011, after=3.0), Nothing())
    await line.talk(AwaitGreeting(), Pause(3.0), Say("What time is it?"), HangUp())

    attempts = await line.attempts("listen")
    line.expect(
        len(attempts) >= 2, "a second connection to the recogniser", f"{len(attempts)}"
    )
    line.expect_completed()
    turns = await line.heard()
    line.expect(
        bool(turns) and not turns[0].missing,
        "every frame of the question arrives",
        f"missing {turns[0].missing}" if turns else "nothing does",
    )


@case(
    "6.11",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/pull/4311",
    mutants=("loses_audio_while_reconnecting",),
)
async def test_words_during_a_reconnection_are_not_lost(line: Line) -> None:
    """Words said while the link to the recogniser is down arrive when it is up again.

    Do: reset the link in the middle of a long sentence; let the next handshake take
        1.5 s.
    Expect: at most half a second of the sentence is missing, what was in the air.
    Because: the caller does not know that there is a link, and says it once.
    """
    said = "The order that I placed last Monday has not arrived so please tell me more."
    await line.fault("listen", Reset(after_word="placed"), Delay(1.5), Nothing())
    await line.talk(AwaitGreeting(), Say(said), HangUp())
    attempts = await line.attempts("listen")
    line.expect(len(attempts) >= 2, "a second link", f"{len(attempts)} in all")
    turns = await line.heard()
    lost = len(turns[0].missing) if turns else 0
    line.expect(bool(turns) and lost <= 25, "25 frames lost at the most", f"{lost}")
    line.expect_completed()


@case(
    "6.12",
    level=MUST,
    source="https://github.com/vocodedev/vocode-core",
    mutants=("counts_drops_for_the_whole_call", "never_reconnects"),
)
async def test_drops_are_forgiven_after_a_healthy_time(line: Line) -> None:
    """A link that drops now and then does not use up the call's attempts.

    Do: let each link to the recogniser end after 2.3 s, four times; then ask.
    Expect: the question is heard and answered.
    Because: attempts that were followed by a working link are no sign of an outage.
    """
    await line.fault("listen", *(Close(1011, after=2.3),) * 4, Nothing())
    await line.talk(Pause(10.5), Say("What time is it?"), HangUp())
    await line.attempts()
    line.expect_completed()


@case(
    "6.13",
    level=SHOULD,
    source="https://github.com/BasedHardware/omi/issues/4746",
    mutants=("reconnects_in_step",),
    needs=("concurrent-calls",),
    calls=10,
)
async def test_reconnections_of_many_calls_are_spread(line: Line) -> None:
    """Calls whose working links end in the same moment come back apart.

    Do: ten calls; each link ends 3 s after its opening, with 1012 (restart).
    Expect: the waits of the calls spread over at least 60 ms, without the shortest and
        the longest.
    Because: a service that restarts is met by all its clients at once.
    """
    lines = [line, *(line.beside() for _ in range(9))]
    try:
        for one in lines:
            await one.fault("listen", Close(1012, after=3.0), Nothing())
        await asyncio.gather(*(one.talk(Pause(4.5), HangUp()) for one in lines))
        seen = [await one.attempts("listen") for one in lines]
    finally:
        for one in lines[1:]:
            await one.__aexit__()
    waits = sorted(
        found[1].at - found[0].closed
        for found in seen
        if len(found) > 1 and found[0].closed is not None
    )
    line.expect(len(waits) == 10, "all ten calls come back", f"{len(waits)} do")
    spread = waits[-2] - waits[1]
    line.expect(
        spread >= 0.060,
        "waits that spread over at least 60 ms",
        f"{spread * 1000:.1f} ms, from {waits[0]:.3f} s",
    )
    expect_spread(line, seen)


@case(
    "6.14",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/pull/4201",
    mutants=("takes_a_clean_close_for_the_end",),
)
async def test_clean_close_is_not_the_end_of_listening(line: Line) -> None:
    """A link that the recogniser closes in order is opened again.

    Do: let the recogniser close with 1000 after 2.5 s; ask a question later on.
    Expect: the question is answered.
    Because: providers close in order when they deploy; the call goes on.
    """
    await line.fault("listen", Close(1000, after=2.5), Nothing())
    await line.talk(AwaitGreeting(), Pause(2.0), Say("What time is it?"), HangUp())
    await line.attempts()
    line.expect_completed()
