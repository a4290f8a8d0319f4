"""The agent's own figures beside the wire's, as rows of the report."""

from __future__ import annotations

from statistics import mean, median
from typing import NamedTuple

from fakes.evidence.own_figures import MATTERS, NAMES, Compared, compare
from fakes.evidence.trace_reading import Trace

__all__ = ["OwnTold", "own_told"]

_WORST = 3  # turns that are named


class OwnTold(NamedTuple):
    """What a report says of it.

    Attributes:
        rows: one for each figure, cells by name.
        unsure: calls whose sets of figures are not as many as their answered turns.
    """

    rows: list[dict[str, str | int]]
    unsure: int


def own_told(trace: Trace) -> OwnTold:
    """Compare what is known of calls that were kept whole."""
    found: list[tuple[int, Compared]] = []
    unsure = 0
    for kept in trace.calls:
        told = trace.own.get(kept.record.call_sid)
        if told is None or kept.evidence is None:
            continue
        compared = compare(kept.record, kept.evidence, told)
        if compared is None:
            unsure += 1
        else:
            found += [(kept.record.call, one) for one in compared]
    rows = [_row(name, [f for f in found if f[1].name == name]) for name in NAMES]
    return OwnTold([row for row in rows if row], unsure)


def _row(name: str, found: list[tuple[int, Compared]]) -> dict[str, str | int]:
    if not found:
        return {}
    by_size = sorted(found, key=lambda f: abs(f[1].said - f[1].wire), reverse=True)
    apart = [one.said - one.wire for _, one in by_size]
    matter = [(call, one) for call, one in by_size if one.matters]
    worst = ", ".join(
        f"call {call}, turn {one.turn} said {one.said * 1000:.0f} for "
        f"{one.wire * 1000:.0f}"
        for call, one in matter[:_WORST]
    )
    return {
        "name": name,
        "owner": NAMES[name],
        "turns": len(found),
        "said": f"{1000 * mean(one.said for _, one in found):.0f}",
        "wire": f"{1000 * mean(one.wire for _, one in found):.0f}",
        "middle": f"{1000 * median(apart):+.0f}",
        "largest": f"{1000 * apart[0]:+.0f}",
        "matter": len(matter),
        "worst": worst,
        "limit": f"{1000 * MATTERS:g}",
    }
