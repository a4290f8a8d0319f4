"""``python -m conformance.fidelity.junk``: a storm against fakes of its own."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter

import httpx

from conformance.fidelity.junk.storm import Outcome, Process, storm
from fakes.processes import WorldProcess

GROWTH_ALLOWED = 16 * 2**20  # bytes, after a warm-up and with an emptied ledger
WARM_UP = 0.25  # of the time


def main() -> int:
    """Run, print the result, and return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m conformance.fidelity.junk")
    parser.add_argument("--rate", type=float, default=1000.0, help="a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with WorldProcess() as world:
        problems = _run(world, options.rate, options.seconds, options.seed)
    return 1 if problems else 0


def _run(world: WorldProcess, rate: float, seconds: float, seed: int) -> Counter[str]:
    base, pid = world.addresses.deepgram, world.pid
    assert pid is not None
    print(f"seed {seed}; {rate:g} a second for {seconds:g} s")
    warm = asyncio.run(storm(base, rate=rate, seconds=seconds * WARM_UP, seed=seed))
    before = _settled(world, pid)
    rest = seconds * (1 - WARM_UP)
    outcome = asyncio.run(storm(base, rate=rate, seconds=rest, seed=seed + 1))
    after = _settled(world, pid)
    problems = warm.problems + outcome.problems
    problems.update(_left_behind(before, after))
    _report(outcome, before, after, problems)
    return problems


def _settled(world: WorldProcess, pid: int) -> Process:
    """Look at the process when its ledger is empty."""
    control = f"{world.addresses.control}/__fakes/reset"
    httpx.post(control, trust_env=False).raise_for_status()
    return Process.of(pid)


def _left_behind(before: Process, after: Process) -> list[str]:
    found = []
    if after.memory - before.memory > GROWTH_ALLOWED:
        found.append(f"memory grew by {(after.memory - before.memory) / 2**20:.1f} MB")
    if after.files > before.files + 5:
        found.append(f"{after.files - before.files} more open files")
    return found


def _report(
    outcome: Outcome, before: Process, after: Process, problems: Counter[str]
) -> None:
    total = sum(outcome.sent.values())
    print(f"{total} sent in {outcome.seconds:.1f} s: {total / outcome.seconds:.0f} /s")
    for kind, count in sorted(outcome.sent.items()):
        print(f"  {count:7d}  {kind}")
    megabytes = [process.memory / 2**20 for process in (before, after)]
    print(f"memory {megabytes[0]:.1f} MB after warm-up, {megabytes[1]:.1f} MB at end")
    print(f"open files {before.files}, {after.files}")
    print(f"{problems.total()} problems")
    for problem, count in problems.most_common():
        print(f"  {count:7d}  {problem}")


if __name__ == "__main__":
    sys.exit(main())
