"""What only the attempts of many calls together show: missing jitter, and the herd.

A crowd is made of sums, so that crowds of several processes merge in any order into
what one would have gathered; its moments are those of one clock, the ledger's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from math import comb, floor

import msgspec

from fakes.backoff.policy import Policy

__all__ = ["AFTER_LASTING", "ENOUGH", "Crowd", "least_spread"]

AFTER_LASTING = "lasted"
"""Stands for the wait after a link that had worked, in place of a retry's number."""

ENOUGH = 12
"""Delays of one kind from which on their spread is judged."""

CHANCE = 1e-9
"""How probable it may be that a client with jitter is accused of having none."""

# Without a declared range: jitter that spreads by less of the delay spreads nothing.
GENERAL_SHARE = 0.2
GENERAL_HERD = 10.0
_PERCENT = 100
_MANY = 400
_NARROW = 0.040  # seconds; in a narrower range the scheduler's noise is the jitter


class Crowd(msgspec.Struct):
    """Sums over all calls.

    Attributes:
        draws: for each retry, counted delays: their place in the declared range in
            percent (``1 of range``), else milliseconds (``1``).
        attempts: attempts by second.
        needs: those of them that were not retries.
    """

    draws: dict[str, dict[int, int]] = msgspec.field(default_factory=dict)
    attempts: dict[int, int] = msgspec.field(default_factory=dict)
    needs: dict[int, int] = msgspec.field(default_factory=dict)

    def need(self, at: float) -> None:
        """Enter an attempt that is nobody's retry."""
        _count(self.needs, floor(at))
        self.attempt(at)

    def attempt(self, at: float) -> None:
        """Enter any other attempt."""
        _count(self.attempts, floor(at))

    def draw(
        self, retry: int | str, delay: float, bounds: tuple[float, float] | None = None
    ) -> None:
        """Enter a delay, within its declared bounds if there are any."""
        if bounds is None:
            _count(self.draws.setdefault(f"{retry}", {}), round(delay * 1000))
            return
        low, high = bounds
        if high - low >= _NARROW:
            place = min(max((delay - low) / (high - low), 0.0), 1.0)
            drawn = self.draws.setdefault(f"{retry} of range", {})
            _count(drawn, round(place * _PERCENT))

    def merge(self, other: Crowd) -> None:
        """Add what another one gathered."""
        for kind, drawn in other.draws.items():
            _add(self.draws.setdefault(kind, {}), drawn)
        _add(self.attempts, other.attempts)
        _add(self.needs, other.needs)

    @property
    def herd(self) -> float | None:
        """Attempts in the worst second over new needs in the busiest one.

        None while nobody came back.
        """
        if not self.needs or sum(self.attempts.values()) <= sum(self.needs.values()):
            return None
        return max(self.attempts.values()) / max(self.needs.values())

    def violations(self, policy: Policy | None) -> tuple[str, ...]:
        """Return what the crowd does wrong, in words."""
        found = []
        if policy is None or policy.jitter != "none":
            first = policy.initial if policy else 0.0
            found += [self._in_step(kind, first) for kind in sorted(self.draws)]
        herd = self.herd
        if policy is None and herd is not None and herd > GENERAL_HERD:
            found.append(
                f"herd: {max(self.attempts.values())} attempts in the worst second, "
                f"{max(self.needs.values())} new ones in the busiest"
            )
        return tuple(filter(None, found))

    def _in_step(self, kind: str, first: float) -> str:
        drawn = self.draws[kind]
        values = sorted(Counter(drawn).elements())
        count = len(values)
        if count < ENOUGH:
            return ""
        retry, _, declared = kind.partition(" ")
        name = (
            "reconnections" if retry == AFTER_LASTING else f"retries {int(retry) + 1}"
        )
        usual = max(values[count // 2], first * 500)  # half of the first delay, in ms
        width = _PERCENT if declared else usual * GENERAL_SHARE
        spread = _inner(values)
        if spread + 1 >= least_spread(count) * width:  # 1: they are rounded
            return ""
        shown = f"{spread} % of the promised range" if declared else f"{spread} ms"
        return f"no jitter: {name} of {count} calls lie within {shown}"


def _inner(values: Sequence[int]) -> int:
    """The spread without a tenth at each end: one late start would look like jitter."""
    cut = len(values) // 10
    return values[-1 - cut] - values[cut]


@cache
def least_spread(count: int) -> float:
    """Return the narrowest inner spread of ``count`` even draws from 0 to 1.

    A narrower one is less probable than `CHANCE`. The spread between two of the sorted
    draws is as probable as so many of ``count`` draws below it. More draws than `_MANY`
    are judged as if they were so many, which is laxer, and within what floats can hold.
    """
    count = min(count, _MANY)
    between = count - 1 - 2 * (count // 10)
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        if _at_least(between, count, middle) < CHANCE:
            low = middle
        else:
            high = middle
    return low


def _at_least(hits: int, count: int, chance: float) -> float:
    """How probable so many hits or more are, of ``count`` tries."""
    return sum(
        comb(count, n) * chance**n * (1 - chance) ** (count - n)
        for n in range(hits, count + 1)
    )


def _count(counts: dict[int, int], key: int) -> None:
    counts[key] = counts.get(key, 0) + 1


def _add(counts: dict[int, int], more: dict[int, int]) -> None:
    for key, number in more.items():
        counts[key] = counts.get(key, 0) + number
