"""The report of a run: one HTML file that needs no network, made from its trace."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from fakes.call_record import ENDED_BY_TESTER
from fakes.evidence.call_page import (
    LONGEST_TEXT,
    CallShown,
    outcome_of,
    show_call,
)
from fakes.evidence.own_rows import own_told
from fakes.evidence.recordings import LONGEST
from fakes.evidence.retries import all_chains, retry_chart, retry_rows
from fakes.evidence.run_charts import charts_of
from fakes.evidence.trace import CallKept
from fakes.evidence.trace_reading import Trace, read_trace
from fakes.evidence.waterfall import PARTS
from voiceutils.budget import LatencyHistogram

__all__ = ["REPORT", "render_report", "write_report"]

REPORT = "report.html"
WORST_CALLS = 10
MOST_SOUND = 300.0  # seconds of recordings in one page, which take 21 KB each
MOST_ROWS = 1000
MOST_CAUSES = 20
_CASE = ("number", "status", "level", "title", "got")
LATENCIES = ("answer", "greeting", "turn_gap", "barge_in", "lateness")


def write_report(folder: Path) -> Path:
    """Write the report beside the trace of a folder; return its path.

    Raises:
        SettingError: there is no trace that could be read.
        OSError: the report cannot be written.
    """
    page = render_report(read_trace(folder), folder)
    path = folder / REPORT
    path.write_text(page, encoding="utf-8")
    return path


def render_report(trace: Trace, folder: Path) -> str:
    """Return the page.

    Args:
        trace: what it is about; one without an end says so.
        folder: where the recordings are.
    """
    # autoescape: whatever a caller said, or an agent answered, stays text.
    pages = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = pages.from_string(_file("page.html.j2"))
    chosen, chains = _worst(trace), all_chains(trace)
    longest = min(LONGEST, MOST_SOUND / max(len(chosen), 1))
    worst = [
        show_call(kept, folder, longest, trace.own.get(kept.record.call_sid))
        for kept in chosen
    ]
    return template.render(
        style=Markup(_file("charts.css") + _file("page.css")),
        script=Markup(_file("page.js")),
        run=trace.run,
        results=trace.end.results if trace.end else {},
        figures=_figures(trace),
        ended=trace.end is not None,
        bad_lines=trace.bad_lines,
        problems=trace.problems,
        charts=charts_of(trace),
        parts=PARTS,
        causes=_causes(trace),
        retries=retry_rows(chains),
        retry_chart=Markup(retry_chart(chains)),
        calls=worst,
        own=own_told(trace),
        cases=_cases(trace),
        rows=_rows(trace, worst),
        kept=Counter(kept.kept for kept in trace.calls),
        passed=len(trace.passed),
        left_out=max(0, len(trace.calls) - MOST_ROWS),
    )


def _file(name: str) -> str:
    return files("fakes.evidence").joinpath(name).read_text(encoding="utf-8")


def _worst(trace: Trace) -> list[CallKept]:
    def badness(kept: CallKept) -> tuple[int, float]:
        gaps = [turn.gap for turn in kept.record.turns if turn.gap is not None]
        return ("sample", "slow", "failed").index(kept.kept), max(gaps, default=0.0)

    known = [kept for kept in trace.calls if kept.kept in ("sample", "slow", "failed")]
    return sorted(known, key=badness, reverse=True)[:WORST_CALLS]


def _figures(trace: Trace) -> list[dict[str, Any]]:
    told = trace.end.histograms if trace.end else {}
    rows = []
    for name in LATENCIES:
        histogram = LatencyHistogram.from_counts(told.get(name, {}))
        if not histogram.count:
            continue
        cells = {
            f"p{p:g}": f"{(histogram.percentile(p) or 0.0) * 1000:.1f}"
            for p in (50, 95, 99)
        }
        most = f"{(histogram.max or 0.0) * 1000:.1f}"
        rows.append(
            {"name": name.replace("_", " "), "n": histogram.count, "max": most} | cells
        )
    return rows


def _causes(trace: Trace) -> list[tuple[str, int]]:
    told = trace.end.results.get("causes") if trace.end else None
    if isinstance(told, dict):
        return sorted(
            ((str(cause)[:LONGEST_TEXT], count) for cause, count in told.items()),
            key=lambda told: -told[1],
        )[:MOST_CAUSES]
    failed = (k.record.cause for k in trace.calls if outcome_of(k.record) == "failed")
    return Counter(cause[:LONGEST_TEXT] for cause in failed).most_common(MOST_CAUSES)


def _cases(trace: Trace) -> list[dict[str, str]]:
    """Return the verdicts of numbered cases, the worst first."""
    told = trace.end.results.get("cases", []) if trace.end else []
    good = ("PASS", "INFO", "UNSUPPORTED")
    rows = [
        {key: str(case.get(key, ""))[:LONGEST_TEXT] for key in _CASE} for case in told
    ]
    return sorted(rows, key=lambda row: row["status"] in good)[:MOST_ROWS]


def _rows(trace: Trace, worst: list[CallShown]) -> list[dict[str, Any]]:
    shown = {call.kept.record.call for call in worst}
    rows = []
    for kept in trace.calls[:MOST_ROWS]:
        record = kept.record
        gaps = [turn.gap for turn in record.turns if turn.gap is not None]
        rows.append(
            {
                "call": record.call,
                "outcome": outcome_of(record),
                "cause": ""
                if record.cause == ENDED_BY_TESTER
                else record.cause[:LONGEST_TEXT],
                "seconds": f"{record.duration:.1f}",
                "turns": len(record.turns),
                "worst": f"{max(gaps) * 1000:.0f}" if gaps else "",
                "said": " / ".join(turn.said for turn in record.turns)[:160],
                "label": kept.label[:LONGEST_TEXT],
                "shown": record.call in shown,
            }
        )
    return rows
