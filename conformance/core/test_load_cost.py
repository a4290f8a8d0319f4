"""What a call costs: figures of processes, for each side and each call."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from loadtests._cost import GENERATOR, Meter, Use
from loadtests._table_load import cost_texts
from loadtests._tally import Tally


class Readings:
    """Stands in for /proc: what each process uses at the moment."""

    def __init__(self) -> None:
        self.now: dict[int, Use] = {}

    def __call__(self, pids: Iterable[int], *, alone: Iterable[int] = ()) -> Use:
        use = Use()
        for pid in (*pids, *alone):
            use += self.now[pid]
        return use


def test_the_cost_is_what_was_used_since_the_begin() -> None:
    """Processor time beyond the begin, memory and sockets at their highest."""
    read = Readings()
    read.now = {1: Use(5.0, 1000, 3), 2: Use(1.0, 500, 0), 3: Use(2.0, 100, 9)}
    meter = Meter({GENERATOR: (1,), "agent": (3,)}, alone=(2,), read=read)

    read.now = {1: Use(6.0, 9000, 40), 2: Use(1.5, 600, 1), 3: Use(7.0, 300, 20)}
    meter.sample(20)
    read.now = {1: Use(6.5, 2000, 3), 2: Use(1.5, 500, 1), 3: Use(9.0, 200, 2)}
    meter.sample(4)

    counts = meter.tally().counts
    assert counts["generator_cpu_ms"] == 2000
    assert counts["generator_bytes"] == 8100
    assert counts["generator_sockets"] == 41
    assert (counts["agent_cpu_ms"], counts["agent_sockets"]) == (7000, 20)
    assert counts["peak_calls"] == 20


def test_the_table_says_it_per_call() -> None:
    """Milliseconds for a second of a call, KB for each of the most calls at once."""
    tally = Tally()
    tally.counts.update(
        call_ms=100_000,
        peak_calls=10,
        generator_cpu_ms=200,
        generator_bytes=10 * 1024 * 50,
        generator_sockets=11,
        agent_cpu_ms=550,
    )

    cpu, memory, sockets = cost_texts(tally)

    assert cpu.endswith("generator 2.0, agent 5.5")
    assert "each of 10 calls: generator 50, agent 0" in memory
    assert sockets.endswith("generator 11, agent 0")


def test_nothing_known_is_nothing_said() -> None:
    """None is not zero."""
    assert cost_texts(Tally()) == []


def test_this_very_process_is_measured() -> None:
    """Work shows as processor time, an open socket as a socket."""
    meter = Meter({GENERATOR: ()}, alone=(os.getpid(),))
    meter.sample(1)
    before = meter.costs[GENERATOR].sockets
    until = time.process_time() + 0.05
    with closing(socket.socket()), closing(socket.socket()):
        while time.process_time() < until:
            pass
        meter.sample(1)

    cost = meter.costs[GENERATOR]
    assert cost.cpu >= 0.03
    assert cost.sockets == before + 2


def test_a_process_that_is_gone_costs_nothing_more() -> None:
    """Its end is told elsewhere; the meter goes on."""
    meter = Meter({"agent": (2**22 + 1,)})

    meter.sample(1)

    assert meter.tally().counts["agent_cpu_ms"] == 0


_SPENDER = """
import socket, subprocess, sys, time
if sys.argv[1] == "parent":
    child = subprocess.Popen([sys.executable, "-c", sys.argv[2], "child"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    print("ready", flush=True)
    sys.stdin.readline()
    child.stdin.write("go\\n"); child.stdin.flush(); child.stdout.readline()
    print(child.pid, flush=True)
    sys.stdin.readline()
    child.communicate()
else:
    sys.stdin.readline()
    kept = bytearray(b"x") * 40_000_000
    sockets = [socket.socket() for _ in range(12)]
    until = time.process_time() + 0.4
    while time.process_time() < until:
        pass
    print("spent", flush=True)
    sys.stdin.readline()
"""


def test_a_family_s_cost_is_what_proc_tells_of_it() -> None:
    """A child's processor time, memory and sockets belong to the side it is of."""
    spender = subprocess.Popen(
        [sys.executable, "-c", _SPENDER, "parent", _SPENDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert spender.stdin is not None
    assert spender.stdout is not None
    try:
        assert spender.stdout.readline() == "ready\n"
        meter = Meter({"agent": (spender.pid,)})
        spender.stdin.write("go\n")
        spender.stdin.flush()
        child = int(spender.stdout.readline())
        meter.sample(1)
        cost = meter.costs["agent"]
        family = (spender.pid, child)
        assert abs(cost.cpu + cost.begun.cpu - sum(map(_processor, family))) < 0.05
        assert cost.cpu >= 0.35
        resident = sum(map(_resident, family))
        assert abs(cost.growth + cost.begun.memory - resident) < 1 << 20
        assert cost.growth >= 40_000_000
        assert cost.sockets == 12
    finally:
        spender.communicate("end\n", timeout=10)


def _processor(pid: int) -> float:
    """Seconds in user and system mode, from the fields 14 and 15 of its stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> int:
    """Bytes in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")
