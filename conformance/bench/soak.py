"""``python -m conformance.bench.soak``: what many short calls leave in the generator.

Places calls one after the other through one media engine to the built-in echo agent,
each over as soon as it is answered, and looks at the engine's memory, sockets and
processor after every tenth of them. Memory may not grow in the second half of the run.
Then a thousand calls are placed at once, and the time taken until the last is answered.
On this machine only, bounded by ``--calls``; exit code 1 when memory grew.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import psutil

from fakes.addresses import Addresses
from fakes.call_record import CallRecord
from fakes.engine.link import EngineProcess
from fakes.processes import AgentProcess
from fakes.twilio.caller.script import HangUp, Pause
from fakes.twilio.phone import CallOrder

__all__ = ["Look", "grew", "main"]

_AT_ONCE = 50
_SETTLE = 0.5
MOST_GROWTH = 1 << 20
"""Bytes by which the second half may be above the first: pools of the interpreter grow
by so much at any time."""
_MANY = 1000
_STAYS = 8.0  # seconds that each of the thousand stays up
_NOWHERE = Addresses(deepgram="", deepgram_websocket="", model="", control="")


@dataclass
class Look:
    """The engine at one moment of the run."""

    calls: int
    bytes: int
    sockets: int
    cpu: float


@dataclass
class _Over:
    """What became of the calls; kept as counts, so that memory here does not grow."""

    room: threading.Semaphore = field(
        default_factory=lambda: threading.Semaphore(_AT_ONCE)
    )
    outcomes: Counter[str] = field(default_factory=Counter)

    def __call__(self, _: int, record: CallRecord) -> None:
        self.outcomes[record.cause or record.outcome] += 1
        self.room.release()


def grew(looks: list[Look]) -> int:
    """Return by how many bytes the second half of a run is above the end of its first.

    The least of the second half counts: a moment's garbage is no growth.
    """
    half = len(looks) // 2
    return min(look.bytes for look in looks[half:]) - looks[half - 1].bytes


def _soak(agent: str, calls: int) -> tuple[list[Look], Counter[str]]:
    over, looks = _Over(), []
    with EngineProcess(on_record=over) as engine:
        process = psutil.Process(engine.pid)
        for number in range(1, calls + 1):
            over.room.acquire()
            order = CallOrder(agent=agent, conversation=(HangUp(),), call=number)
            engine.wait_for_nobody(engine.dial(order))
            if number % max(calls // 10, 1) == 0:
                time.sleep(_SETTLE)
                times = process.cpu_times()
                look = Look(
                    number,
                    process.memory_info().rss,
                    len(process.net_connections()),
                    times.user + times.system,
                )
                looks.append(look)
                print(
                    f"{look.calls:7} calls  {look.bytes / 1e6:6.1f} MB  "
                    f"{look.sockets:4} sockets  {look.cpu / number * 1e3:5.2f} ms of "
                    "processor a call",
                    flush=True,
                )
    return looks, over.outcomes


def _set_up(agent: str) -> tuple[Counter[str], float]:
    """Return what became of a thousand calls, and when the last was answered."""
    with EngineProcess(max_calls=_MANY) as engine:
        begun = time.monotonic()
        steps = (Pause(_STAYS), HangUp())
        records = engine.run_all(
            CallOrder(agent=agent, conversation=steps, call=number, deadline=60.0)
            for number in range(1, _MANY + 1)
        )
    answered = [
        record.placed_at + record.answered_after - begun
        for record in records
        if record.answered_after is not None
    ]
    outcomes = Counter(record.cause or record.outcome for record in records)
    return outcomes, max(answered, default=0.0)


def main() -> int:
    """Measure; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m conformance.bench.soak")
    parser.add_argument("--calls", type=int, default=20_000, help="default 20000")
    options = parser.parse_args()
    command = [sys.executable, "-m", "fakes.echo", "--json", "--port=0"]
    with AgentProcess(_NOWHERE, command) as agent:
        begun = time.monotonic()
        looks, outcomes = _soak(agent.url, options.calls)
        seconds = time.monotonic() - begun
        told = ", ".join(f"{count} {what}" for what, count in outcomes.most_common())
        print(f"{options.calls} calls in {seconds:.1f} s: {told}")
        growth = grew(looks)
        print(f"memory in the second half {growth / 1e6:+.2f} MB")
        many, took = _set_up(agent.url)
        print(f"{_MANY} calls placed at once, the last answered after {took:.2f} s: ")
        print(", ".join(f"{count} {what}" for what, count in many.most_common(5)))
    return int(growth > MOST_GROWTH or outcomes["completed"] < options.calls)


if __name__ == "__main__":
    sys.exit(main())
