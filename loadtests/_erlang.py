"""The arithmetic of lines and traffic, after A. K. Erlang."""

from __future__ import annotations

__all__ = ["blocking", "lines_for"]

_MOST_LINES = 100_000


def blocking(erlangs: float, lines: int) -> float:
    """The share of calls that find all lines taken (Erlang's B formula)."""
    share = 1.0
    for taken in range(1, lines + 1):
        share = erlangs * share / (taken + erlangs * share)
    return share


def lines_for(erlangs: float, lost: float = 0.0001) -> int:
    """The fewest lines that lose at most that share of the traffic offered."""
    share, lines = 1.0, 0
    while share > lost and lines < _MOST_LINES:
        lines += 1
        share = erlangs * share / (lines + erlangs * share)
    return max(lines, 1)
