"""Whether it is noticed that the machine did not let an agent run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance._starvation import STARVED, Starvation, Waits


class _Machine:
    """A clock, and how long threads have waited by it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waited: dict[tuple[int, int], float] = {}
        self.seen = Starvation(self.waits, lambda: self.now)

    def waits(self) -> Waits:
        return dict(self.waited)

    def window(self, *shares: float) -> None:
        """Let 0.2 s pass, of which the threads waited these shares."""
        self.now += 0.2
        for number, share in enumerate(shares):
            who = (1, number)
            self.waited[who] = self.waited.get(who, 0.0) + 0.2 * share
        self.seen.look()


@given(st.lists(st.lists(st.floats(0, 1), max_size=3), max_size=30))
def test_it_is_a_thread_that_waited_most_of_a_window(
    windows: list[list[float]],
) -> None:
    """And not the sum of several, nor of several windows; the first look is none."""
    machine = _Machine()
    machine.window(*[0.0] * 3)
    for shares in windows:
        began = machine.now
        machine.window(*shares)
        longest = max(shares, default=0.0)
        found = machine.seen.worst(began + 0.001, machine.now)
        if longest > STARVED + 1e-6:
            assert found == pytest.approx(0.2 * longest)
        elif longest < STARVED - 1e-6:
            assert found == 0.0


def test_what_was_before_a_case_is_not_held_against_it() -> None:
    """Only moments between its begin and its end count."""
    machine = _Machine()
    machine.window(0.0)
    machine.window(1.0)
    for _ in range(3):
        machine.window(0.0)
    assert machine.seen.worst(0.3, 0.4) > 0.1
    assert machine.seen.worst(0.7, 1.0) == 0.0


def test_a_thread_that_is_new_has_waited_for_nothing_yet() -> None:
    """What it waited before it was seen was in another window."""
    machine = _Machine()
    machine.window(0.0)
    machine.waited[2, 2] = 100.0
    machine.window(0.0)
    assert machine.seen.worst(0.0, machine.now) == 0.0


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="Linux only")
def test_a_child_that_is_not_let_run_is_seen() -> None:
    """Eight that spin on one processor wait most of the time."""
    processor = min(os.sched_getaffinity(0))
    spin = f"import os\nos.sched_setaffinity(0, [{processor}])\nwhile True: pass"
    command = [sys.executable, "-c", spin]
    spinning = [subprocess.Popen(command) for _ in range(8)]
    time.sleep(3.2)  # until they are taken for grown up
    seen = Starvation()
    seen.start()
    began = time.monotonic()
    time.sleep(1.6)
    seen.stop()
    for process in spinning:
        process.kill()
        process.wait()
    assert seen.worst(began, time.monotonic()) > 0.1
