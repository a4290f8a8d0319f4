"""``python -m conformance.fidelity.junk``: a storm against fakes of its own."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Sequence

import httpx

from conformance.fidelity.junk.storm import Outcome, Process, storm
from fakes.processes import WorldProcess

# The ledger keeps what it saw, up to a bound, so it is emptied after each round; what
# the first round leaves behind is the usual size.
ROUNDS = 4
GROWTH_ALLOWED = 8 * 2**20  # bytes


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
    sent, problems, looks = Counter[str](), Counter[str](), list[Process]()
    took = 0.0
    for number in range(ROUNDS):
        outcome = asyncio.run(
            storm(base, rate=rate, seconds=seconds / ROUNDS, seed=seed + number)
        )
        sent += outcome.sent
        problems += outcome.problems
        took += outcome.seconds
        looks.append(_settled(world, pid))
    problems.update(_left_behind(looks[0], looks[-1]))
    _report(Outcome(sent, problems, took), looks)
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


def _report(outcome: Outcome, looks: Sequence[Process]) -> None:
    total = outcome.sent.total()
    print(f"{total} sent in {outcome.seconds:.1f} s: {total / outcome.seconds:.0f} /s")
    for kind, count in sorted(outcome.sent.items()):
        print(f"  {count:7d}  {kind}")
    memory = ", ".join(f"{look.memory / 2**20:.1f}" for look in looks)
    print(f"memory after each round {memory} MB")
    print(f"open files {', '.join(str(look.files) for look in looks)}")
    print(f"{outcome.problems.total()} problems")
    for problem, count in outcome.problems.most_common():
        print(f"  {count:7d}  {problem}")


if __name__ == "__main__":
    sys.exit(main())
