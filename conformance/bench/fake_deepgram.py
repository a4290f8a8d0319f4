"""How many live transcriptions one core of the fake Deepgram carries.

``python -m conformance.bench.fake_deepgram`` runs the fake on one core, a client on
another, and the same cores on plain `websockets` in turn with it, several rounds, and
prints the medians. Needs two cores to itself; the client's own lateness stands beside
every figure. Bounded: no measurement takes longer than 25 s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import httpx
import uvloop

from conformance.bench._streams import SETTLED, Load, Streams
from voiceutils.errors import VoiceError

__all__ = ["Figures", "Server", "main", "measure"]

_TICKS = os.sysconf("SC_CLK_TCK")
_ROOT = Path(__file__).resolve().parents[2]
_LONGEST = 20.0
ON_TIME = 0.005  # the client's own lateness, 99th percentile
_OURS = [
    "fakes",
    "--json",
    "--deepgram-port",
    "0",
    "--model-port",
    "0",
    "--control-port",
    "0",
]
_COMMANDS = {
    "ours": _OURS,
    "ours, aiohttp": _OURS,
    "websockets": ["conformance.bench._websockets_fake"],
    "websockets, uvloop": ["conformance.bench._websockets_fake", "--uvloop"],
}


def _ahead_of_others(process: int) -> None:
    """Ask for priority, as nice alone does not where sessions are scheduled as groups.

    Without the right to it the figures are still right on an idle machine.
    """
    with suppress(OSError):
        Path(f"/proc/{process}/autogroup").write_text("-19")


class Server:
    """A fake in a process of its own, on one core.

    Args:
        kind: one of the compared ones.
        core: number of the core; None leaves it to the system.
    """

    def __init__(self, kind: str, core: int | None) -> None:
        plain = {"BUSYHOUR_SOCKETS": "plain"} if kind == "ours, aiohttp" else {}
        self._process = subprocess.Popen(
            [sys.executable, "-m", *_COMMANDS[kind]],
            stdout=subprocess.PIPE,
            cwd=_ROOT,
            env={**os.environ, **plain},
            text=True,
            start_new_session=True,
        )
        _ahead_of_others(self._process.pid)
        if core is not None:
            os.sched_setaffinity(self._process.pid, {core})
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise VoiceError(f"the server {kind!r} did not start; see its last words")
        self.addresses: dict[str, str] = json.loads(line)

    @property
    def cpu_seconds(self) -> float:
        """What it has used so far, user and system."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def resident_bytes(self) -> int:
        """Its memory."""
        pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def lateness(self) -> dict[str, float] | None:
        """What it says itself of its lateness; None if it cannot."""
        control = self.addresses.get("control")
        if control is None:
            return None
        answer = httpx.get(f"{control}/__fakes/health").json()
        found: dict[str, float] = answer["lateness"]
        return found

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(10.0)
        if self._process.stdout is not None:
            self._process.stdout.close()


@dataclass
class Figures:
    """What one measurement found; seconds, bytes, and CPU seconds."""

    load: Load
    cpu: float
    memory: float
    p50: float
    p99: float
    longest: float
    sending_p99: float
    results: int
    expected: int
    speech_p99: float | None = None
    own: dict[str, float] | None = field(default=None)

    @property
    def valid(self) -> bool:
        """Whether the client itself was on time; if not, nothing is known."""
        return self.sending_p99 <= ON_TIME and self.results == self.expected

    @property
    def microseconds(self) -> float:
        """CPU microseconds per stream-second."""
        return self.cpu * 1e6


async def _drive(server: Server, load: Load) -> Figures:
    streams = Streams(load, server.addresses["deepgram_websocket"])
    empty = server.resident_bytes
    await streams.connect()
    running = asyncio.create_task(streams.run())
    await asyncio.sleep(SETTLED + 0.05)
    before, begun = server.cpu_seconds, asyncio.get_running_loop().time()
    await asyncio.sleep(load.seconds - SETTLED)
    used = server.cpu_seconds - before
    took = asyncio.get_running_loop().time() - begun
    memory = server.resident_bytes - empty
    await running
    late = streams.lateness
    figures = Figures(
        load=load,
        cpu=used / took / load.streams,
        memory=memory / (load.streams + load.speakers),
        p50=late.percentile(50) or 0.0,
        p99=late.percentile(99) or 0.0,
        longest=late.max or 0.0,
        sending_p99=streams.sending.percentile(99) or 0.0,
        results=streams.results,
        expected=streams.expected,
        speech_p99=streams.speech_lateness.percentile(99),
        own=await asyncio.to_thread(server.lateness),
    )
    streams.close()
    return figures


def measure(kind: str, load: Load) -> Figures:
    """Start a server, load it, stop it."""
    mine = sorted(os.sched_getaffinity(0))
    server = Server(kind, mine[-1] if len(mine) > 1 else None)
    try:
        if len(mine) > 1:
            os.sched_setaffinity(0, set(mine[:-1]))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_drive(server, load))
    finally:
        os.sched_setaffinity(0, mine)
        server.stop()


_HEAD = (
    "server               streams  frame   us CPU per   streams   memory   "
    "result lateness ms       client's  results\n"
    "                              ms     stream-second  a core  KB/stream "
    "  p50    p99     max     own p99"
)


def _row(kind: str, rounds: list[Figures]) -> str:
    def middle(name: str) -> float:
        values: list[float] = [getattr(figures, name) for figures in rounds]
        return median(values)

    load = rounds[0].load
    cost = middle("microseconds")
    return (
        f"{kind:20} {load.streams:7} {load.interval * 1000:6.0f} {cost:12.0f} "
        f"{1e6 / cost:9.0f} {middle('memory') / 1024:9.1f} "
        f"{middle('p50') * 1000:7.2f} {middle('p99') * 1000:6.2f} "
        f"{middle('longest') * 1000:7.2f} {middle('sending_p99') * 1000:9.2f}  "
        f"{rounds[-1].results}/{rounds[-1].expected}"
    )


def compare(kinds: Sequence[str], load: Load, rounds: int) -> None:
    """Measure in turn and print the medians and the ratios to the first kind."""
    found: dict[str, list[Figures]] = {kind: [] for kind in kinds}
    invalid = 0
    for _ in range(rounds):
        figures = [measure(kind, load) for kind in kinds]
        if all(one.valid for one in figures):
            for kind, one in zip(kinds, figures, strict=True):
                found[kind].append(one)
        else:
            invalid += 1
    if invalid:
        print(f"    {invalid} of {rounds} rounds INVALID: the client was late")
    if invalid == rounds:
        return
    for kind in kinds:
        print(_row(kind, found[kind]), flush=True)
    ours = found[kinds[0]]
    for kind in kinds[1:]:
        ratios = [
            other.cpu / mine.cpu for mine, other in zip(ours, found[kind], strict=True)
        ]
        spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
        print(f"    {kinds[0]} : {kind} = {median(ratios):.2f} ({spread})")


def _full(load: Load) -> None:
    figures = measure("ours", load)
    print(_row("ours, with speech", [figures]))
    if not figures.valid:
        print("    INVALID: the client was late")
    speech = (figures.speech_p99 or 0.0) * 1000
    print(
        f"    {load.speakers} sockets of speech; first audio late p99 {speech:.2f} ms"
    )
    own = figures.own or {}
    print(
        f"    by its own account: p50 {own.get('p50', 0) * 1000:.2f} ms, "
        f"p99 {own.get('p99', 0) * 1000:.2f} ms, max {own.get('max', 0) * 1000:.2f} ms"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m conformance.bench.fake_deepgram")
    add = parser.add_argument
    add("--streams", type=int, default=200, help="compared, default %(default)s")
    add("--full", type=int, default=500, help="streams of the full load")
    add("--seconds", type=float, default=7.0, help="each, default %(default)s")
    add("--rounds", type=int, default=3)
    add("--only", action="append", choices=[*_COMMANDS][1:], default=[])
    options = parser.parse_args(arguments)
    with suppress(OSError):  # it leads a session already
        os.setsid()
    _ahead_of_others(os.getpid())
    seconds = min(options.seconds, _LONGEST)
    print(_HEAD)
    kinds = ["ours", *(options.only or [*_COMMANDS][1:])]
    for frame in (160, 800):
        compare(kinds, Load(options.streams, frame, seconds), options.rounds)
    for frame in (160, 800):
        _full(Load(options.full, frame, seconds, options.full // 3))
    return 0


if __name__ == "__main__":
    sys.exit(main())
