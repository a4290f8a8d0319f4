"""What one call costs the others, and how many there may be."""

from __future__ import annotations

import asyncio

from conformance._case import INFO, MUST, SHOULD, case
from conformance._line import Line
from fakes.faults import Delay, Refuse
from fakes.twilio.caller.script import AwaitGreeting, HangUp, Pause, Say

# From the caller's last word; providers and endpointing take about 0.8 s of it.
_UNDISTURBED = 2.0
_BESIDE = 1.0  # what a greeting may take longer than alone


async def _canary(line: Line) -> None:
    """Talk on a line with which nothing is wrong; whatever is late was made late."""
    await line.talk(
        AwaitGreeting(),
        Say("What time is it?"),
        Say("Where are you located?"),
        Say("What time is it?"),
        HangUp(),
    )


def _expect_undisturbed(line: Line) -> None:
    record = line.expect_completed()
    gaps = [turn.gap or 0.0 for turn in record.turns]
    line.expect(
        max(gaps) <= _UNDISTURBED,
        f"each reply within {_UNDISTURBED:g} s",
        ", ".join(f"{gap:.2f} s" for gap in gaps),
    )
    # Who is held up from the first moment on has nothing left to wait for later.
    greeting, limit = record.greeting_after or 0.0, line.limits.greeting + _BESIDE
    line.expect(
        greeting <= limit, f"a greeting within {limit:g} s", f"{greeting:.2f} s"
    )


@case(
    "13.1",
    level=MUST,
    source="https://github.com/BasedHardware/omi/issues/5577",
    mutants=("sleeps_in_its_retry",),
    needs=("concurrent-calls",),
)
async def test_retries_of_one_call_do_not_hold_up_another(line: Line) -> None:
    """A call that cannot reach its recogniser does not hold up another one.

    Do: in an agent of its own: three calls whose handshakes are refused with 503, and a
        call with which nothing is wrong.
    Expect: each reply of that call comes within 2 s, and its greeting no more than 1 s
        later than it may when nothing is wrong.
    Because: a blocking wait in a retry stops every call of the process.
    """
    async with line.own_agent():
        others = [line.beside() for _ in range(3)]
        try:
            for other in others:
                await other.fault("listen", *(Refuse(503),) * 20)
            await asyncio.gather(
                _canary(line), *(other.talk(Pause(9.0), HangUp()) for other in others)
            )
        finally:
            for other in others:
                await other.__aexit__()
    _expect_undisturbed(line)


@case(
    "13.2",
    level=MUST,
    source="https://github.com/BasedHardware/omi/issues/6020",
    mutants=("blocks_while_the_model_thinks",),
    needs=("concurrent-calls",),
)
async def test_slow_model_of_one_call_does_not_hold_up_another(line: Line) -> None:
    """A call that waits for its model does not hold up another one.

    Do: in an agent of its own: two calls whose model takes 3 s longer, and a call with
        which nothing is wrong.
    Expect: each reply of that call comes within 2 s, and its greeting no more than 1 s
        later than it may when nothing is wrong.
    Because: a blocking request in a handler stops every call of the process.
    """
    async with line.own_agent():
        others = [line.beside() for _ in range(2)]
        try:
            for other in others:
                await other.fault("chat", *(Delay(3.0),) * 3)
            slow = (AwaitGreeting(), Say("Where is my parcel?", reply=False))
            await asyncio.gather(
                _canary(line),
                *(other.talk(*slow, Pause(5.0), HangUp()) for other in others),
            )
        finally:
            for other in others:
                await other.__aexit__()
    _expect_undisturbed(line)


@case(
    "13.3",
    level=SHOULD,
    source="https://github.com/pipecat-ai/pipecat/issues/764",
    mutants=("greets_one_after_another",),
    needs=(
        "concurrent-calls",
        "greeting",
    ),
    calls=8,
)
async def test_callers_at_once_are_greeted_at_once(line: Line) -> None:
    """Callers who call in the same moment are greeted in the same moment.

    Do: eight calls at once.
    Expect: each greeting within 1.5 s of the answer.
    Because: a queue before the first word grows with every caller.
    """
    lines = [line, *(line.beside() for _ in range(7))]
    try:
        await asyncio.gather(*(one.talk(AwaitGreeting(), HangUp()) for one in lines))
        waits = [one.record.greeting_after for one in lines if one.record]
    finally:
        for one in lines[1:]:
            await one.__aexit__()
    known = sorted(wait for wait in waits if wait is not None)
    line.expect(len(known) == 8, "eight greetings", f"{len(known)}")
    line.figure("last of eight greetings", known[-1])
    line.expect(
        known[-1] <= line.limits.greeting,
        f"each within {line.limits.greeting:g} s",
        f"the last after {known[-1]:.2f} s",
    )


@case(
    "13.4",
    level=INFO,
    source="https://github.com/streamcoreai/streamcore-server/issues/56",
    needs=("concurrent-calls",),
)
async def test_cost_of_a_call_is_told(line: Line) -> None:
    """How much of a processor a call takes.

    Do: four calls at once to an agent of its own.
    Expect: a figure.
    Because: it is the first question of whoever has to buy the machine.
    """
    async with line.own_agent() as process:
        others = [line.beside() for _ in range(3)]
        try:
            before = process.processor_seconds
            await asyncio.gather(
                *(
                    one.talk(AwaitGreeting(), Say("What time is it?"), HangUp())
                    for one in (line, *others)
                )
            )
            used = process.processor_seconds - before
            records = [one.record for one in (line, *others)]
        finally:
            for other in others:
                await other.__aexit__()
    spent = sum(record.duration for record in records if record)
    line.expect(spent > 0, "calls", "none")
    line.figure("processor time per second of a call", used / spent * 1000, "ms")


@case(
    "13.30",
    level=SHOULD,
    source="https://github.com/bolna-ai/bolna/pull/831",
    mutants=("loads_its_model_in_the_first_call",),
    needs=("greeting",),
)
async def test_first_call_after_the_start_is_like_any_other(line: Line) -> None:
    """Who calls first after a start does not wait for it.

    Do: one call to an agent of its own that has just said that it is ready.
    Expect: the greeting within 1.5 s of the answer.
    Because: every deployment has a first caller, and so has every new machine.
    """
    async with line.own_agent():
        record = await line.talk(AwaitGreeting(), HangUp())
    after = record.greeting_after
    line.expect(
        after is not None and after <= line.limits.greeting,
        f"the greeting within {line.limits.greeting:g} s",
        "no greeting" if after is None else f"after {after:.2f} s",
    )
