"""The charts of a run: turn gaps over time and as distribution, calls up, waterfall."""

from __future__ import annotations

from collections import Counter
from math import ceil
from statistics import mean
from typing import NamedTuple

from markupsafe import Markup

from fakes.evidence.charts import Dot, bars, dots
from fakes.evidence.moment_charts import moment_charts
from fakes.evidence.row_charts import Lane, stacked
from fakes.evidence.trace_reading import Trace
from fakes.evidence.waterfall import PARTS, TurnParts

__all__ = ["charts_of"]

WORST_TURNS = 8
MOST_DOTS = 3000
_LATE_LIMITS = ((5.0, "p99 limit 5 ms"),)  # beyond it a run is INVALID


class _Gap(NamedTuple):
    at: float
    seconds: float
    call: int
    turn: int


def charts_of(trace: Trace) -> dict[str, Markup]:
    """Return them by name; the waterfall is empty when no turn was taken apart."""
    gaps = _gaps(trace)
    limits = _limits(trace)
    worst = max((limit for limit, _ in limits), default=float("inf"))
    # All alike: to spare only the slow ones would make a good run look bad.
    every = ceil(len(gaps) / MOST_DOTS) or 1
    left_out = f"; one dot for {every} turns" if every > 1 else ""
    over_time = dots(
        [
            Dot(
                gap.at,
                gap.seconds * 1000,
                "bad" if gap.seconds * 1000 > worst else "",
                f"call {gap.call}, turn {gap.turn}: {gap.seconds * 1000:.0f} ms",
            )
            for gap in gaps[::every]
        ],
        name="turn gaps over the run",
        x_title=f"seconds of the run{left_out}",
        y_title="turn gap, ms",
        limits=limits,
    )
    moments = moment_charts(
        trace.moments, _began(trace), gap_limits=limits, late_limits=_LATE_LIMITS
    )
    charts = {"over_time": over_time, "up": _calls_up(trace)}
    if trace.moments:
        charts |= moments
    charts["distribution"] = bars(
        _buckets([gap.seconds * 1000 for gap in gaps]),
        name="how turn gaps are distributed",
        x_title="turn gap, ms",
        y_title="turns",
        limits=limits,
    )
    charts["waterfall"] = _waterfalls(trace)
    # Every text in a chart was escaped where it was written.
    return {name: Markup(chart) for name, chart in charts.items()}


def _buckets(values: list[float]) -> list[tuple[float, float, int]]:
    if not values:
        return []
    width = max(20.0, max(values) / 60)
    count = Counter(int(value / width) for value in values)
    return [(n * width, (n + 1) * width, count[n]) for n in sorted(count)]


def _calls_up(trace: Trace) -> str:
    began = _began(trace)
    spans = [
        (k.record.placed_at, k.record.duration, k.record.outcome) for k in trace.calls
    ]
    spans += [(p.placed_at, p.duration, p.outcome) for p in trace.passed]
    changes = sorted(
        change for at, seconds, _ in spans for change in ((at, 1), (at + seconds, -1))
    )
    points, up = [], 0
    every = max(1, len(changes) // 1000)
    for number, (at, change) in enumerate(changes):
        up += change
        if number % every == 0:
            # A step: what was up until now, and what is from now on.
            x = max(at - began, 0.0)
            points += [Dot(x, up - change), Dot(x, up)]
    return dots(
        points,
        name="calls up over the run",
        x_title="seconds of the run",
        y_title="calls up",
        height=150,
        joined=True,
    )


def _waterfalls(trace: Trace) -> str:
    turns = [
        (kept.record.call, parts)
        for kept in trace.calls
        for parts in kept.waterfall
        if parts.whole
    ]
    if not turns:
        return ""
    turns.sort(key=lambda turn: turn[1].gap)
    names = list(PARTS)
    means = [
        (1000 * mean(parts.parts[n].seconds for _, parts in turns), name)
        for n, name in enumerate(names)
    ]
    lanes = [
        Lane(
            f"mean of {len(turns)} turns",
            [(ms, _kind(name), f"{name}: {ms:.0f} ms") for ms, name in means],
            f"{sum(ms for ms, _ in means):.0f} ms",
        )
    ]
    lanes.append(_lane("median turn", *turns[len(turns) // 2]))
    lanes += [_lane("", *turn) for turn in turns[::-1][:WORST_TURNS]]
    return stacked(lanes, name="the turn gap in its parts", x_title="ms")


def _lane(label: str, call: int, parts: TurnParts) -> Lane:
    pieces = [
        (
            part.seconds * 1000,
            _kind(part.name),
            f"{part.name} ({part.owner}): {part.seconds * 1000:.0f} ms",
        )
        for part in parts.parts
    ]
    text = label or f"call {call}, turn {parts.turn}"
    return Lane(text, pieces, f"{parts.gap * 1000:.0f} ms, own {parts.own * 1000:.0f}")


def _kind(name: str) -> str:
    return "part-" + name.replace(" ", "-")


def _began(trace: Trace) -> float:
    placed = [kept.record.placed_at for kept in trace.calls]
    placed += [passed.placed_at for passed in trace.passed]
    return trace.run.at if trace.run else min(placed, default=0.0)


def _gaps(trace: Trace) -> list[_Gap]:
    began = _began(trace)
    found = [
        _Gap(
            kept.record.placed_at + turn.reply_at - began,
            turn.gap,
            kept.record.call,
            turn.turn,
        )
        for kept in trace.calls
        for turn in kept.record.turns
        if turn.gap is not None and turn.reply_at is not None and turn.gap >= 0
    ]
    for passed in trace.passed:
        # Where in the call a turn was is not kept; its end is near enough for a chart.
        at = passed.placed_at + passed.duration - began
        found += [
            _Gap(at, gap, passed.call, number)
            for number, gap in enumerate(passed.gaps, 1)
            if gap >= 0
        ]
    return sorted(found)


def _limits(trace: Trace) -> list[tuple[float, str]]:
    budgets = trace.run.budgets if trace.run else {}
    return [
        (
            seconds * 1000,
            f"{name.removeprefix('turn_gap ')} budget {seconds * 1000:.0f} ms",
        )
        for name, seconds in budgets.items()
        if name.startswith("turn_gap")
    ]
