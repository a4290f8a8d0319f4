"""Several policies in one scenario, and which of them to take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from conformance.outage.model import Storm, simulate
from conformance.outage.scenario import Policy, Scenario
from voiceutils import Backoff

__all__ = ["POLICIES", "choice", "sweep", "table"]

# What agents are seen to do, and what our own agent does (the third).
POLICIES = (
    Policy("no delay", Backoff(0, 1, 0)),
    Policy("every second", Backoff(1, 1, 1)),
    Policy("0.25 s x1.5, equal jitter", Backoff(0.25, 1.5, 5, "equal")),
    Policy("1 s x2, no jitter", Backoff(1, 2, 10)),
    Policy("1 s x2, full jitter", Backoff(1, 2, 10, "full")),
    Policy("1 s x2, equal jitter", Backoff(1, 2, 10, "equal")),
    Policy("1 s, decorrelated", Backoff(1, 2, 10, "decorrelated")),
)
# Callers within one percent of each other are no reason to prefer a policy: the
# provider's load decides then.
_SAME = 0.01


def sweep(
    scenario: Scenario, policies: Iterable[Policy] = POLICIES, *, seed: int = 1
) -> list[Storm]:
    """Run one scenario under each policy."""
    return [simulate(policy, scenario, seed=seed) for policy in policies]


def choice(storms: Sequence[Storm]) -> tuple[Storm, str]:
    """Return the storm to prefer, and why in one sentence.

    Callers come first: only policies that lose hardly more than the best one are
    considered; among those, the one that asks least of the provider in its worst
    second.
    """
    fewest = min(storm.lost for storm in storms)
    good = [s for s in storms if s.lost - fewest <= _SAME * s.sessions]
    best = min(good, key=lambda storm: (storm.peak, storm.wasted))
    why = (
        f"{best.policy.name!r}: loses {best.lost} callers of {best.sessions} (least of "
        f"all: {fewest}), with {best.peak} attempts in its worst second, "
        f"{best.herd_factor:.0f} times the usual {best.scenario.fleet.arrivals:.0f}"
    )
    worst = max(good, key=lambda storm: storm.peak)
    if worst is not best:
        why += f"; {worst.policy.name!r} saves as many with {worst.peak}"
    return best, why


def table(storms: Sequence[Storm]) -> str:
    """Return the figures of each policy, one line each."""
    width = max(len(storm.policy.name) for storm in storms)
    head = (
        f"{'policy':{width}}  {'attempts':>9}  {'wasted':>9}  {'peak/s':>7}  "
        f"{'herd':>6}  {'return/s':>8}  {'recovery':>8}  {'lost':>7}"
    )
    lines = [head]
    for storm in storms:
        recovery = "never" if storm.recovery is None else f"{storm.recovery:.0f} s"
        lines.append(
            f"{storm.policy.name:{width}}  {sum(storm.attempts):9d}  "
            f"{storm.wasted:9d}  {storm.peak:7d}  {storm.herd_factor:6.1f}  "
            f"{storm.return_peak:8d}  {recovery:>8}  {storm.lost:7d}"
        )
    return "\n".join(lines)
