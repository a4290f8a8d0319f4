"""A load run's figures held against the raw values in the records of its calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fakes.call_record import decode_record
from voiceutils.budget import LatencyHistogram

__all__ = ["check_merged"]


def check_merged(results: Path, calls: Path) -> None:
    """Check that the merged figures of two workers are those of all their calls."""
    records = [decode_record(line) for line in calls.read_text().splitlines()]
    told: dict[str, Any] = json.loads(results.read_text())
    assert told["counts"]["placed"] == len(records) >= 4
    assert len({record.call // 100_000 for record in records}) == 2  # both took part
    raw = {
        "greeting": [r.greeting_after for r in records],
        "answer": [r.answered_after for r in records],
        "turn_gap": [turn.gap for r in records for turn in r.turns],
    }
    for name, values in raw.items():
        histogram = LatencyHistogram()
        for value in values:
            if value is not None:
                histogram.record(value)
        for percent in (50.0, 95.0, 99.0):
            merged = told["latencies"][name][f"p{percent:g}"]
            assert merged == histogram.percentile(percent), name
