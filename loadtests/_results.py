"""Verdict and figures of a run as JSON, for a machine that compares runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from loadtests._capacity import Search
from loadtests._tally import Tally
from loadtests._verdict import Judged

__all__ = ["results"]

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)


def results(
    tally: Tally, judged: Judged, seconds: float, search: Search | None = None
) -> dict[str, Any]:
    """All that the table says, in seconds and whole counts.

    Args:
        tally: of the run; in a search for the capacity, of its last step.
        judged: the verdict.
        seconds: how long the run lasted.
        search: the search, if there was one.
    """
    told: dict[str, Any] = {
        "verdict": judged.word,
        "exit_code": judged.exit_code,
        "reasons": list(judged.reasons),
        "seconds": seconds,
        "counts": dict(tally.counts),
        "causes": dict(tally.causes),
        "findings": dict(tally.findings),
        "latencies": {
            name: {
                "count": histogram.count,
                "max": histogram.max,
                **{f"p{p:g}": histogram.percentile(p) for p in PERCENTILES},
            }
            for name, histogram in tally.histograms.items()
        },
    }
    if search is not None:
        told["capacity"] = {
            "held": search.held,
            "knee": search.knee,
            "finding": search.finding,
            "steps": [asdict(step) for step in search.steps],
        }
    return told
