"""The caller leaves, in one way or another."""

from __future__ import annotations

import asyncio

from conformance._case import MUST, SHOULD, case
from conformance._line import Line
from fakes.faults import Delay, Nothing, Recite, Trickle
from fakes.twilio.caller.script import AwaitGreeting, HangUp, HangUpHow, Pause, Say


async def _hang_up_and_look(line: Line, how: HangUpHow) -> None:
    await line.talk(AwaitGreeting(), Say("What time is it?", reply=False), HangUp(how))
    line.expect(
        bool(await line.attempts("listen")),
        "the agent had a connection to the recogniser",
        "none",
    )
    left = await line.open_sockets(within=line.limits.teardown)
    line.expect(
        not left,
        f"no provider socket is open {line.limits.teardown:g} s after the hang-up",
        ", ".join(f"{attempt.surface} (attempt {attempt.id})" for attempt in left),
    )


@case(
    "7.1",
    level=MUST,
    source="https://github.com/deepgram/deepgram-twilio-streaming-voice-agent/issues/4",
    mutants=("keeps_the_recogniser_open",),
)
async def test_sockets_close_after_stop(line: Line) -> None:
    """After stop and close, nothing of the call stays open.

    Do: say something, then end the call with ``stop`` and a close.
    Expect: 2 s later no provider socket of this call is open.
    Because: providers bill by the second, and their connection limits are small.
    """
    await _hang_up_and_look(line, "stop")


@case(
    "7.2",
    level=MUST,
    source="https://github.com/vocodedev/vocode-core/issues/741",
    mutants=("cleans_up_only_after_stop",),
)
async def test_sockets_close_without_stop(line: Line) -> None:
    """After a close without ``stop``, nothing of the call stays open.

    Do: say something, then close the media socket.
    Expect: 2 s later no provider socket of this call is open.
    Because: Twilio does not promise a ``stop``.
    """
    await _hang_up_and_look(line, "close")


@case(
    "7.3",
    level=MUST,
    source="https://github.com/vocodedev/vocode-core/issues/741",
    mutants=("cleans_up_only_after_stop",),
)
async def test_sockets_close_after_a_reset(line: Line) -> None:
    """After a TCP reset, nothing of the call stays open.

    Do: say something, then reset the connection.
    Expect: 2 s later no provider socket of this call is open.
    Because: networks and proxies end calls without a word.
    """
    await _hang_up_and_look(line, "reset")


@case(
    "7.4",
    level=SHOULD,
    source="https://github.com/vocodedev/vocode-core/issues/741",
    mutants=("cleans_up_only_after_stop",),
)
async def test_dead_line_is_noticed(line: Line) -> None:
    """A line that died without a word is noticed.

    Do: let the caller's side vanish: the socket stays, nothing is sent or answered.
    Expect: 12 s later no provider socket of this call is open.
    Because: a machine that lost its power says no goodbye, and the meter runs.
    """
    await line.talk(AwaitGreeting(), HangUp("half_open"), deadline=16.0)
    await _expect_closed(line, within=line.limits.teardown)


async def _expect_closed(line: Line, within: float) -> None:
    left = await line.open_sockets(within=within)
    line.expect(
        not left,
        "no provider socket is open any more",
        ", ".join(f"{attempt.surface} (attempt {attempt.id})" for attempt in left),
    )


@case(
    "7.5",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/pull/4186",
    mutants=("finishes_its_reply_after_hang_up",),
)
async def test_reply_ends_with_the_call(line: Line) -> None:
    """A reply that is being made when the caller leaves is not made any further.

    Do: let speech come in real time; hang up 1.2 s after a question with a long reply.
    Expect: the request to the model is closed within 1 s, and no speech is asked for
        later than 0.3 s after the hang-up.
    Because: nobody is there to hear it, and both cost money.
    """
    await line.fault("chat", Recite(_LONG_REPLY))
    await line.fault("speak_rest", Nothing(), *(Trickle(1.0),) * 8)
    await line.talk(
        AwaitGreeting(), Say("What time is it?", reply=False), Pause(1.2), HangUp()
    )
    await _expect_closed(line, within=1.0)
    await asyncio.sleep(1.5)
    late = [
        f"{attempt.surface} after {attempt.at - line.ended_at:.2f} s"
        for attempt in await line.attempts()
        if attempt.at > line.ended_at + 0.3
    ]
    line.expect(not late, "no request after the hang-up", ", ".join(late))


_LONG_REPLY = (
    "Your parcel left the depot today. It arrives tomorrow. Please be at home then. "
    "The driver rings twice. Thank you for calling."
)


@case(
    "7.6",
    level=MUST,
    source="https://github.com/BasedHardware/omi/issues/5577",
    mutants=("retries_after_hang_up",),
)
async def test_handshake_that_ends_late_leaves_nothing_open(line: Line) -> None:
    """A handshake that ends after the call leaves no socket behind.

    Do: let the recogniser take 2 s for the handshake; hang up after 0.6 s.
    Expect: 4 s after the call no provider socket of it is open.
    Because: a socket that opens after the clean-up is cleaned up by nobody.
    """
    await line.fault("listen", Delay(2.0))
    await line.talk(Pause(0.6), HangUp())
    await asyncio.sleep(2.2)
    await _expect_closed(line, within=1.8)


@case(
    "7.7",
    level=MUST,
    source="https://github.com/deepgram/deepgram-twilio-streaming-voice-agent/issues/4",
    mutants=("waits_for_the_close",),
)
async def test_stop_alone_ends_the_call(line: Line) -> None:
    """A ``stop`` ends the call; its close may come much later.

    Do: end the call with ``stop``; the media socket is closed 6 s later.
    Expect: 2 s after the stop no provider socket of this call is open.
    Because: between the two there is no caller, only the bill.
    """
    async with line.tapped(linger=6.0) as tap:
        await line.talk(
            AwaitGreeting(),
            Say("What time is it?", reply=False),
            HangUp(),
            address=tap.address,
        )
        await _expect_closed(line, within=line.limits.teardown)


@case(
    "7.8",
    level=MUST,
    source="https://github.com/pipecat-ai/pipecat/pull/4902",
    mutants=("keeps_the_recogniser_open", "cleans_up_only_after_stop"),
    needs=("concurrent-calls",),
)
async def test_many_short_calls_leave_nothing(line: Line) -> None:
    """Many short calls leave no socket behind in the agent.

    Do: 24 calls of about a second in an agent of its own, ended in three ways.
    Expect: 3 s later it has as many sockets as after the first calls, give or take 4.
    Because: what leaks with every call stops the agent some night.
    """
    async with line.own_agent() as process:
        await _short_calls(line, 6)
        await asyncio.sleep(2.0)
        before, memory = process.sockets, process.memory
        await _short_calls(line, 18)
        await asyncio.sleep(3.0)
        after = process.sockets
        line.figure("sockets left by 18 calls", after - before, "sockets")
        line.figure("memory after 18 calls", (process.memory - memory) / 1e6, "MB")
    line.expect(after <= before + 4, f"about {before} sockets", f"{after}")


async def _short_calls(line: Line, count: int) -> None:
    ways: tuple[HangUpHow, ...] = ("stop", "close", "reset")
    for start in range(0, count, 6):
        lines = [line.beside() for _ in range(min(6, count - start))]
        try:
            await asyncio.gather(
                *(
                    one.talk(Pause(1.0), HangUp(ways[number % 3]))
                    for number, one in enumerate(lines)
                )
            )
        finally:
            for one in lines:
                await one.__aexit__()


@case(
    "7.9",
    level=MUST,
    source="https://github.com/google/adk-python/issues/4876",
    mutants=("swallows_sigterm",),
)
async def test_agent_that_is_told_to_end_ends(line: Line) -> None:
    """An agent that is told to end does so, with calls in the air.

    Do: send SIGTERM to an agent of its own during a call.
    Expect: within 8 s the process has ended, and no provider socket is open.
    Because: what does not end in time is killed, and cleans nothing up.
    """
    async with line.own_agent() as process:
        talking = asyncio.ensure_future(
            line.talk(AwaitGreeting(), Pause(12.0), HangUp(), deadline=14.0)
        )
        await asyncio.sleep(3.0)
        process.terminate()
        for _ in range(80):
            if process.poll() is not None:
                break
            await asyncio.sleep(0.1)
        ended = process.poll() is not None
    await talking
    line.expect(ended, "the process ends within 8 s", "it runs on")
    await _expect_closed(line, within=1.0)


@case(
    "7.10",
    level=SHOULD,
    source="https://github.com/pipecat-ai/pipecat/issues/2955",
    mutants=("spins_after_the_call",),
)
async def test_agent_is_idle_after_the_call(line: Line) -> None:
    """After a call the agent uses no processor time.

    Do: one short call to an agent of its own; wait 2 s; measure for 2 s.
    Expect: less than a fifth of a processor.
    Because: a loop that goes on for every call that was takes the machine in an hour.
    """
    async with line.own_agent() as process:
        await line.talk(AwaitGreeting(), HangUp())
        await asyncio.sleep(2.0)
        before = process.processor_seconds
        await asyncio.sleep(2.0)
        share = (process.processor_seconds - before) / 2.0
    line.figure("processor time when idle", share * 100, "%")
    line.expect(share < 0.2, "less than 20 % of a processor", f"{share * 100:.0f} %")


@case(
    "7.11",
    level=SHOULD,
    source="https://developers.deepgram.com/docs/close-stream",
    mutants=("leaves_without_a_word",),
)
async def test_recogniser_is_told_of_the_end(line: Line) -> None:
    """The recogniser is told that no more audio will come.

    Do: greeting, a question, its reply; hang up.
    Expect: CloseStream on the link to the recogniser.
    Because: without it the words of the last second are thrown away.
    """
    await line.talk(AwaitGreeting(), Say("What time is it?"), HangUp())
    await _expect_closed(line, within=line.limits.teardown)
    found = await line.misconduct("listen")
    line.expect("no_farewell" not in found, "CloseStream", found.get("no_farewell", ""))
