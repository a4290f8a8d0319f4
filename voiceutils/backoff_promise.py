"""What a retry policy promises: ``python -m voiceutils.backoff_promise`` prints it.

The figures hold for every run of :func:`~voiceutils.with_retry` with the same settings,
as long as no provider asks for more by ``Retry-After``. Times are seconds of waiting;
the attempts themselves come on top.
"""

from __future__ import annotations

import argparse
import sys
from math import expm1, log1p
from typing import get_args

from voiceutils.backoff import Backoff, Jitter
from voiceutils.errors import SettingError

__all__ = ["expected_attempts", "mean_delay", "mean_total", "promise", "total_bounds"]

_CELLS = 400  # of the density of a decorrelated delay; the mean is good to 1 %


def total_bounds(backoff: Backoff, attempts: int) -> tuple[float, float]:
    """Return the least and the most that all waits between ``attempts`` can take."""
    bounds = [backoff.bounds(failed) for failed in range(attempts - 1)]
    return sum(low for low, _ in bounds), sum(high for _, high in bounds)


def mean_delay(backoff: Backoff, attempt: int) -> float:
    """Return the mean delay after a failed attempt, counted from 0.

    Exact, but for decorrelated jitter, where each delay's range hangs on the one before
    and the density is followed cell by cell.
    """
    low, high = backoff.bounds(attempt)
    if backoff.jitter != "decorrelated":
        return (low + high) / 2
    density = _density(backoff, attempt)
    return sum(delay * share for delay, share in density)


def mean_total(backoff: Backoff, attempts: int) -> float:
    """Return the mean of all waits between ``attempts``, if every attempt fails."""
    return sum(mean_delay(backoff, failed) for failed in range(attempts - 1))


def expected_attempts(success: float, attempts: int) -> float:
    """Return how many attempts are made on average.

    Args:
        success: the probability of each to succeed, 0 to 1.
        attempts: the most that are made.
    """
    if not success:
        return float(attempts)
    # 1 - (1 - success) ** attempts, also where that difference would vanish.
    return -expm1(attempts * log1p(-success)) / success if success < 1 else 1.0


def _density(backoff: Backoff, attempt: int) -> list[tuple[float, float]]:
    """Return a decorrelated delay's distribution as (delay, probability) of cells."""
    low, most = backoff.bounds(attempt)
    if most <= low:
        return [(low, 1.0)]
    previous = _density(backoff, attempt - 1) if attempt else [(low, 1.0)]
    width = (most - low) / _CELLS
    shares = [0.0] * _CELLS
    for delay, share in previous:
        # The range that Backoff.delay would draw from after this delay.
        high = backoff.delay(attempt, 1.0, delay) if attempt else most
        full = (high - low) / width
        if full <= 1:
            shares[0] += share
            continue
        for cell in range(int(full)):
            shares[cell] += share / full
        if int(full) < _CELLS:
            shares[int(full)] += share * (full - int(full)) / full
    return [(low + (cell + 0.5) * width, share) for cell, share in enumerate(shares)]


def promise(backoff: Backoff, attempts: int) -> str:
    """Return what a policy promises, as a table for people."""
    lines = [
        (
            f"initial {backoff.initial_delay:g} s, factor {backoff.backoff_factor:g}, "
            f"at most {backoff.max_delay:g} s, jitter {backoff.jitter}, "
            f"{attempts} attempts"
        ),
        "",
        "after failed attempt    least s    mean s    most s    all so far, s",
    ]
    for failed in range(attempts - 1):
        low, high = backoff.bounds(failed)
        least, most = total_bounds(backoff, failed + 2)
        lines.append(
            f"{failed + 1:20d}   {low:8.3f}  {mean_delay(backoff, failed):8.3f}  "
            f"{high:8.3f}    {least:.3f} to {most:.3f}"
        )
    lines += ["", "share of attempts that succeed    attempts made    given up"]
    for success in (0.9, 0.5, 0.1, 0.0):
        made, lost = expected_attempts(success, attempts), (1 - success) ** attempts
        lines.append(f"{success:>30.0%}    {made:13.2f}    {lost:8.2%}")
    return "\n".join(lines)


def main() -> int:
    """Print the promise of a policy; returns 2 for one that cannot work."""
    parser = argparse.ArgumentParser(prog="python -m voiceutils.backoff_promise")
    parser.add_argument("--initial-delay", type=float, default=1.0)
    parser.add_argument("--backoff-factor", type=float, default=2.0)
    parser.add_argument("--max-delay", type=float, default=10.0)
    parser.add_argument("--jitter", choices=get_args(Jitter), default="none")
    parser.add_argument("--attempts", type=int, default=3)
    given = parser.parse_args()
    try:
        if given.attempts < 1:
            raise SettingError(f"--attempts is {given.attempts}; at least 1 is made")
        backoff = Backoff(
            given.initial_delay, given.backoff_factor, given.max_delay, given.jitter
        )
        print(promise(backoff, given.attempts))
    except SettingError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
