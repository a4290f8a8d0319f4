"""Ours whole: callers who speak, listen and prove what they hear, as in a load test."""

from __future__ import annotations

import asyncio
import time

from conformance.bench.engine._run import SETTLE, Window, arguments, resident
from fakes import event_loop
from fakes.engine.commands import Dial, Finished, Health, Report
from fakes.engine.exchange import Exchange
from fakes.engine.garbage import Garbage
from fakes.speech import Speaker, speak
from fakes.twilio.media.line import line_kind
from fakes.twilio.phone import CallOrder, Pause, Say

_SAID = "Yes, I would like an appointment on Tuesday morning at nine, please."
_PAUSE = 4.0


async def _main() -> None:
    port, count, seconds = arguments()
    finished: list[Finished] = []

    def take(report: Report) -> None:
        if isinstance(report, Finished):
            finished.append(report)

    exchange = Exchange(take, max_calls=count)
    # Each side speaks half of the time, the agent whenever it likes.
    steps = (Say(_SAID, reply=False), Pause(_PAUSE)) * 40
    speech = speak(_SAID, speaker=Speaker.CALLER, call=0)
    assert abs(speech.seconds - _PAUSE) < 1.0
    line_kind()  # imports are no part of a call's memory
    Garbage.leave_to_us()  # as in the engine's own process
    memory, begun = resident(), time.monotonic()
    for number in range(count):
        order = CallOrder(
            agent=f"ws://127.0.0.1:{port}/media",
            conversation=steps,
            call=number,
            deadline=120.0,
            seed=number,
        )
        exchange.dial(Dial(number, order))
    health = exchange.health()
    while health.waiting or health.frames < 15 * count:
        if finished:  # the calls would last longer than any measurement
            raise SystemExit(f"a call ended too early: {finished[0].record.cause}")
        await asyncio.sleep(0.25)
        health = exchange.health()
    set_up = time.monotonic() - begun
    await asyncio.sleep(SETTLE)
    begin: Health = exchange.health()
    window = Window(
        count, lambda: exchange.health().lateness, set_up=set_up, memory=memory
    )
    await asyncio.sleep(seconds)
    end = exchange.health()
    owed, stalls = end.owed - begin.owed, end.stalls - begin.stalls
    window.close(owed=owed, stalls=stalls, ended=len(finished))
    await exchange.close(5.0)


if __name__ == "__main__":
    event_loop.run(_main())
