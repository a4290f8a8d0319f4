"""A provider that refuses, or leaves in the middle of a call."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from conformance._backoff import expect_bounds, expect_spread
from conformance._case import MUST, SHOULD, case
from conformance._line import Line
from fakes.faults import Close, Nothing, Refuse
from fakes.ledger import Attempt
from fakes.twilio.caller.script import (
    AwaitGreeting,
    HangUp,
    Pause,
    Say,
    expected_reply,
    plain_words,
)


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
    Expect: three attempts, the first delay at least 50 ms, the third attempt within
        the budget of a reconnection (5 s); the question is heard whole and answered.
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
        min(gaps) >= 0.05 and sum(gaps) <= line.limits.reconnect,
        f"delays of at least 50 ms, {line.limits.reconnect:g} s in all",
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
    "6.5",
    level=SHOULD,
    source="https://github.com/BasedHardware/omi/issues/4746",
    mutants=("retries_in_step",),
    needs=("concurrent-calls",),
    calls=12,
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
        seen = [await one.attempts("listen") for one in lines]
        times = [sum(gaps) for gaps in map(_gaps, seen) if gaps]
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
    expect_spread(line, seen)


@case(
    "6.6",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/pull/4201",
    mutants=("reconnects_at_once",),
)
async def test_link_that_never_lasts_is_not_a_loop(line: Line) -> None:
    """A recogniser that accepts and leaves at once is not called in a tight loop.

    Do: close every link to the recogniser 20 ms after its opening, for 5 s.
    Expect: at most 15 attempts.
    Because: an open handshake is not a working service, so it must not reset the delay.
    """
    await line.fault("listen", *(Close(1011, after=0.02),) * 200)
    await line.talk(Pause(5.0), HangUp())
    attempts = await line.attempts("listen")
    line.expect(
        1 <= len(attempts) <= 15, "one to 15 attempts in 5 s", f"{len(attempts)}"
    )
    expect_bounds(line, attempts)


@case(
    "6.15",
    level=MUST,
    source="https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/",
    mutants=("retries_without_delay", "retries_after_hang_up"),
)
async def test_retries_keep_what_was_promised(line: Line) -> None:
    """Retries keep the declared policy; without one, bounds that hold for everybody.

    Do: refuse every handshake of /v1/listen with 503; the caller stays for 6 s, and is
        watched for 3 more.
    Expect: first delay, growth, cap, jitter and number of the attempts as declared;
        else at most 15 in 5 s, never three within 0.1 s; none after the hang-up.
    Because: a retry that comes too early, too often or too late is an outage of its
        own.
    """
    await line.fault("listen", *(Refuse(503),) * 60)
    await line.talk(Pause(6.0), HangUp())
    await asyncio.sleep(3.0)  # delays have grown to that by now
    attempts = await line.attempts("listen")
    line.expect(bool(attempts), "the agent tries to reach the recogniser", "never")
    expect_bounds(line, attempts)


@case(
    "6.7",
    level=SHOULD,
    source="https://www.rfc-editor.org/rfc/rfc9110#field.retry-after",
    mutants=("ignores_retry_after",),
)
async def test_retry_after_is_kept(line: Line) -> None:
    """A model that says when to come again is not asked before.

    Do: answer the first request with 429 and Retry-After 2; ask a question.
    Expect: no other request within 1.9 s, and something is heard within 8 s.
    Because: who comes too early is refused again, and for longer.
    """
    await line.fault("chat", Refuse(429, retry_after=2.0))
    await line.talk(AwaitGreeting(), Say("What time is it?"), HangUp())
    attempts = await line.attempts("chat")
    gaps = _gaps(attempts)
    line.expect(
        not gaps or gaps[0] >= 1.9, "2 s until the next request", f"{gaps[:1]} s"
    )
    line.expect_no_silence()


@case(
    "6.8",
    level=SHOULD,
    source="https://github.com/livekit/agents/issues/6009",
    mutants=("asks_the_model_once",),
)
async def test_one_failure_of_the_model_is_not_noticed(line: Line) -> None:
    """One failed request to the model is made good before anybody notices.

    Do: answer the first request to the model with 503; ask a question.
    Expect: the reply to the question.
    Because: one in some hundred requests fails, and the next one does not.
    """
    said = "Where is my parcel?"
    await line.fault("chat", Refuse(503), Nothing())
    await line.talk(AwaitGreeting(), Say(said), HangUp())
    await line.attempts()
    _expect_reply(line, said)


@case(
    "6.9",
    level=SHOULD,
    source="https://github.com/livekit/agents/pull/5728",
    mutants=("asks_for_speech_once",),
)
async def test_one_failure_of_speech_is_not_noticed(line: Line) -> None:
    """One failed speech request is made good before anybody notices.

    Do: answer the second speech request of the call with 503; ask a question.
    Expect: every word of the reply.
    Because: a sentence that is left out changes what was said.
    """
    said = "Where is my parcel?"
    await line.fault("speak_rest", Nothing(), Nothing(), Refuse(503), Nothing())
    await line.talk(AwaitGreeting(), Say(said), HangUp())
    await line.attempts()
    _expect_reply(line, said)


def _expect_reply(line: Line, said: str) -> None:
    record = line.expect_completed()
    heard, wanted = record.turns[0].heard, expected_reply(said) or ""
    line.expect(plain_words(heard) == plain_words(wanted), repr(wanted), repr(heard))


@case(
    "6.10",
    level=MUST,
    source="https://github.com/livekit/agents/pull/5831",
    mutants=("asks_the_model_for_ever",),
)
async def test_model_that_refuses_the_key_is_not_hammered(line: Line) -> None:
    """A model that refuses the key is not asked again and again.

    Do: answer every request to the model with 401; ask a question and wait.
    Expect: at most three requests, and something is heard, or the call ends.
    Because: the key stays wrong, and the caller waits for nothing.
    """
    await line.fault("chat", *(Refuse(401),) * 60)
    await line.talk(AwaitGreeting(), Say("What time is it?"), Pause(2.0), HangUp())
    attempts = await line.attempts("chat")
    line.expect(
        1 <= len(attempts) <= 3, "one to three requests", f"{len(attempts)} requests"
    )
    line.expect_no_silence()
