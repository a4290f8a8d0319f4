"""Whether the figures of a trace are such as a run can have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voiceutils.budget import LatencyHistogram
from voiceutils.errors import WireError

__all__ = ["check_figures", "check_moments"]

_LONGEST = 1e9  # seconds; more than any clock here has counted


def check_moments(*seconds: float | None) -> None:
    """Refuse moments and durations beyond all clocks.

    Raises:
        WireError: the first such.
    """
    for moment in seconds:
        if moment is not None and not -_LONGEST < moment < _LONGEST:
            raise WireError("not a moment", repr(moment))


def check_figures(
    results: Mapping[str, Any], histograms: Mapping[str, dict[str, int]]
) -> None:
    """Refuse results that have not the form of a run's own.

    Raises:
        WireError: which.
    """
    cases = results.get("cases", [])
    if not isinstance(cases, list) or not all(isinstance(c, dict) for c in cases):
        raise WireError("cases of the wrong kind", repr(cases)[:80])
    reasons, causes = results.get("reasons", []), results.get("causes", {})
    if not isinstance(reasons, list) or not isinstance(results.get("verdict", ""), str):
        raise WireError("reasons or verdict of the wrong kind", repr(reasons)[:80])
    if not isinstance(causes, dict) or not all(
        isinstance(count, int) for count in causes.values()
    ):
        raise WireError("causes without counts", repr(causes)[:80])
    for counts in histograms.values():
        LatencyHistogram.from_counts(counts)
