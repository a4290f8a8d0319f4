"""A provider that refuses, or leaves in the middle of a call."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from conformance._case import MUST, SHOULD, case
from conformance._line import Line
from fakes.faults import Close, Nothing, Refuse
from fakes.ledger import Attempt
from fakes.twilio.script import AwaitGreeting, HangUp, Pause, Say


def _gaps(attempts: list[Attempt]) -> list[float]:
    return [later.at - earlier.at for earlier, later in pairwise(attempts)]


@case(
    "6.1",
    level=MUST,
    source="https://github.com/BasedHardware/omi/issues/6052",
    mutants=("retries_without_delay", "gives_up_at_once"),
)
async def test_two_refusals_are_retried_with_backoff(line: Line) -> None:
    """Two refusals with 503 are retried, with growing delays.

    Do: refuse the first two handshakes of /v1/listen with 503, take the third; ask a
        question.
    Expect: three attempts, the first delay at least 50 ms and the third attempt
        within 5 s; the question is heard whole and answered.
    Because: a retry at once meets the same overload, and thousands of them are it.
    """
    await line.fault("listen", Refuse(503), Refuse(503), Nothing())
    await line.talk(AwaitGreeting(), Say("What time is it?"), HangUp())

    attempts = await line.attempts("listen")
    gaps = _gaps(attempts)
    shown = ", ".join(f"{gap:.3f} s" for gap in gaps)
    line.expect(
        len(attempts) == 3,
        "three attempts to reach the recogniser",
        f"{len(attempts)}, delays {shown or 'none'}",
    )
    line.expect(
        min(gaps) >= 0.05 and sum(gaps) <= 5.0,
        "delays of at least 50 ms, 5 s in all",
        shown,
    )
    line.expect_completed()


@case(
    "6.2",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/pull/5113",
    mutants=("retries_permanent_errors",),
)
async def test_refused_key_is_not_retried(line: Line) -> None:
    """A key that was refused is not tried again and again.

    Do: refuse every handshake of /v1/listen with 401; the caller stays for 6 s.
    Expect: at most two attempts.
    Because: a wrong key is wrong on every attempt, and providers lock out hammering.
    """
    await line.fault("listen", *(Refuse(401),) * 20)
    await line.talk(AwaitGreeting(), Pause(6.0), HangUp())

    attempts = await line.attempts("listen")
    line.expect(
        1 <= len(attempts) <= 2, "one or two attempts with the key", f"{len(attempts)}"
    )


@case(
    "6.3",
    level=MUST,
    source="https://github.com/BasedHardware/omi/issues/5577",
    mutants=("retries_after_hang_up",),
)
async def test_no_attempt_after_the_caller_left(line: Line) -> None:
    """Nobody is connected for a caller who has left.

    Do: refuse every handshake of /v1/listen with 503; hang up after 0.5 s.
    Expect: no attempt later than 0.3 s after the hang-up.
    Because: retries for calls that are over keep an overloaded provider overloaded.
    """
    await line.fault("listen", *(Refuse(503),) * 40)
    await line.talk(Pause(0.5), HangUp())
    await asyncio.sleep(3.0)

    attempts = await line.attempts("listen")
    late = [
        f"{attempt.at - line.ended_at:.2f} s"
        for attempt in attempts
        if attempt.at > line.ended_at + 0.3
    ]
    line.expect(bool(attempts), "the agent tries to reach the recogniser", "never")
    line.expect(not late, "no attempt after the hang-up", f"after {', '.join(late)}")


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
    "6.5",
    level=SHOULD,
    source="https://github.com/BasedHardware/omi/issues/4746",
    mutants=("retries_in_step",),
)
async def test_retries_of_many_calls_are_spread(line: Line) -> None:
    """Calls that are refused in the same moment do not come back in the same moment.

    Do: place twelve calls at once and refuse three handshakes of each with 503.
    Expect: the times from the first attempt to the last spread over at least 60 ms,
        without the shortest and the longest.
    Because: without jitter every outage ends in a stampede.
    """
    lines = [line, *(line.beside() for _ in range(11))]
    try:
        for one in lines:
            await one.fault("listen", *(Refuse(503),) * 3, Nothing())
        await asyncio.gather(*(one.talk(Pause(2.5), HangUp()) for one in lines))
        seen = [_gaps(await one.attempts("listen")) for one in lines]
        times = [sum(gaps) for gaps in seen if gaps]
    finally:
        for one in lines[1:]:
            await one.__aexit__()
    line.expect(len(times) == 12, "all twelve calls try again", f"{len(times)} do")
    # One late start would look like jitter; a busy machine makes some 20 ms of it. Of
    # simulated agents with 0.25 s, factor 1.5 and equal jitter, 27 of 400 000 stay
    # below.
    inner = sorted(times)[1:-1]
    spread = inner[-1] - inner[0]
    line.expect(
        spread >= 0.060,
        "times that spread over at least 60 ms",
        f"{spread * 1000:.1f} ms, times from {min(times):.3f} s",
    )
