"""How a run goes, moment by moment, as charts: for its page, live and afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fakes.evidence.charts import Series, lines
from fakes.evidence.trace import Moment

__all__ = ["moment_charts"]

MOST_POINTS = 600
_TIME = "seconds of the run"


def moment_charts(
    moments: Sequence[Moment],
    began: float,
    *,
    gap_limits: Iterable[tuple[float, str]] = (),
    late_limits: Iterable[tuple[float, str]] = (),
) -> dict[str, str]:
    """Return the charts by name: up, gaps, outcomes, lateness.

    Args:
        moments: in order; of many, evenly spread ones are drawn.
        began: monotonic seconds at which the axis of time begins.
        gap_limits: budgets of the turn gap in ms, with their names.
        late_limits: likewise of the generator's lateness.
    """
    shown = moments[:: -(-len(moments) // MOST_POINTS) or 1]
    at = [max(moment.at - began, 0.0) for moment in shown]

    def series(
        name: str, kind: str, values: Iterable[float | None], scale: float = 1.0
    ) -> Series:
        scaled = (None if value is None else value * scale for value in values)
        return Series(name, kind, list(zip(at, scaled, strict=True)))

    return {
        "up": lines(
            [
                series("up", "", (moment.up for moment in shown)),
                series(
                    "waiting for the agent",
                    "second",
                    (moment.doing.get("waiting", 0) for moment in shown),
                ),
            ],
            name="calls up over the run",
            x_title=_TIME,
            y_title="calls",
        ),
        "gaps": lines(
            [
                series("p50", "", (moment.gap_p50 for moment in shown), 1000),
                series("p95", "second", (moment.gap_p95 for moment in shown), 1000),
            ],
            name="percentiles of the turn gap over the run",
            x_title=f"{_TIME}; of the turns answered in the ten seconds before",
            y_title="turn gap, ms",
            limits=gap_limits,
        ),
        "outcomes": lines(
            [
                series("completed", "", (moment.completed for moment in shown)),
                series("failed", "bad", (moment.failed for moment in shown)),
            ],
            name="calls completed and failed so far",
            x_title=_TIME,
            y_title="calls so far",
        ),
        "lateness": lines(
            [
                series("p50", "", (moment.late_p50 for moment in shown), 1000),
                series("p99", "second", (moment.late_p99 for moment in shown), 1000),
                series("slowest", "bad", (moment.late_max for moment in shown), 1000),
            ],
            name="lateness of the generator's frames over the run",
            x_title=f"{_TIME}; of calls that ended in the ten seconds before",
            y_title="late by, ms",
            limits=late_limits,
        ),
    }
