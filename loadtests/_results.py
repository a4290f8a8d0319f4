"""Verdict and figures of a run as JSON, for a machine that compares runs.

The form is `RunResults`; ``results.schema.json`` is its JSON Schema, written anew by
``python -m loadtests._results``.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from fakes.evidence.schema import schema_of
from loadtests._capacity import CapacityStep, Search
from loadtests._tally import Tally
from loadtests._verdict import Judged
from voiceutils.budget import LatencyHistogram

__all__ = ["VERSION", "RunResults", "results", "schema"]

VERSION = 1

_Count = Annotated[int, msgspec.Meta(ge=0)]
_Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Latency(msgspec.Struct, kw_only=True):
    """Percentiles of one latency in seconds; null when it was never measured."""

    count: _Count
    max: _Seconds | None
    p50: _Seconds | None
    p90: _Seconds | None
    p95: _Seconds | None
    p99: _Seconds | None
    p99_9: _Seconds | None = msgspec.field(name="p99.9")


class BudgetTold(msgspec.Struct, kw_only=True):
    """A budget and whether it was met; value is null when nothing was measured."""

    latency: str
    percentile: Annotated[float, msgspec.Meta(gt=0, le=100)]
    limit: _Seconds
    value: _Seconds | None
    met: bool


class Capacity(msgspec.Struct, kw_only=True):
    """What a search found; knee is null while the agent's own limit was not met."""

    held: _Count
    knee: int | None
    finding: str
    steps: list[CapacityStep]


class RunResults(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a load run found, in seconds and whole counts.

    Fields are added without a new version; one that changes its meaning, or goes, makes
    one. Counts that are zero may be absent.
    """

    version: Annotated[int, msgspec.Meta(ge=1)]
    verdict: Annotated[str, msgspec.Meta(pattern="^(OK|MISSED|INVALID)$")]
    exit_code: Annotated[int, msgspec.Meta(ge=0, le=3)]
    reasons: list[str]
    budgets: list[BudgetTold]
    seconds: _Seconds
    counts: dict[str, _Count]
    causes: dict[str, _Count]
    findings: dict[str, _Count]
    latencies: dict[str, Latency]
    capacity: Capacity | None = None


def results(
    tally: Tally, judged: Judged, seconds: float, search: Search | None = None
) -> dict[str, Any]:
    """All that the table says, as plain JSON values.

    Args:
        tally: of the run; in a search for the capacity, of its last step.
        judged: the verdict.
        seconds: how long the run lasted.
        search: the search, if there was one.
    """
    told = RunResults(
        version=VERSION,
        verdict=judged.word,
        exit_code=judged.exit_code,
        reasons=list(judged.reasons),
        budgets=[
            BudgetTold(
                latency=verdict.budget.name,
                percentile=verdict.budget.percentile,
                limit=verdict.budget.limit_seconds,
                value=verdict.value,
                met=verdict.met,
            )
            for verdict in judged.budgets
        ],
        seconds=seconds,
        counts=dict(tally.counts),
        causes=dict(tally.causes),
        findings=dict(tally.findings),
        latencies={name: _latency(one) for name, one in tally.histograms.items()},
    )
    if search is not None:
        told.capacity = Capacity(
            held=search.held,
            knee=search.knee,
            finding=search.finding,
            steps=search.steps,
        )
    plain: dict[str, Any] = msgspec.to_builtins(told)
    return plain


def _latency(histogram: LatencyHistogram) -> Latency:
    of = histogram.percentile
    return Latency(
        count=histogram.count,
        max=histogram.max,
        p50=of(50.0),
        p90=of(90.0),
        p95=of(95.0),
        p99=of(99.0),
        p99_9=of(99.9),
    )


def schema() -> str:
    """The JSON Schema of what `results` returns."""
    return schema_of(RunResults, "Results of locust -f loadtests --results FILE.json")


if __name__ == "__main__":
    from pathlib import Path

    Path(__file__).with_name("results.schema.json").write_text(schema(), "utf-8")
