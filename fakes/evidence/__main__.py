"""``python -m fakes.evidence DIR``: makes a report of a trace, or tells of calls."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from fakes.evidence.call_page import pins_of
from fakes.evidence.report import REPORT, render_report
from fakes.evidence.trace import CallKept, Trace, read_trace
from fakes.evidence.waterfall import waterfall
from voiceutils.errors import VoiceError


def _gap(kept: CallKept) -> float:
    return max((turn.gap or 0.0 for turn in kept.record.turns), default=0.0)


def _chosen(trace: Trace, options: argparse.Namespace) -> list[CallKept]:
    calls = trace.calls
    if options.call is not None:
        calls = [kept for kept in calls if kept.record.call == options.call]
    if options.failed:
        calls = [kept for kept in calls if kept.record.outcome == "failed"]
    if options.slowest is not None:
        calls = sorted(calls, key=_gap, reverse=True)[: options.slowest]
    return calls


def _say(text: str) -> None:
    """Print what a trace says; a trace may hold what a terminal would obey."""
    print("".join(letter if letter.isprintable() else "?" for letter in text))


def _tell(trace: Trace, calls: list[CallKept]) -> None:
    run, end = trace.run, trace.end
    if run is not None:
        _say(f"run       {run.kind} against {run.agent}, seed {run.seed}")
    verdict = end.results.get("verdict", "") if end else "did not come to its end"
    _say(f"verdict   {verdict}")
    _say(f"calls     {len(trace.calls)} whole, {len(trace.passed)} in figures")
    wrong = sum(
        waterfall(kept.record, kept.evidence) != kept.waterfall
        for kept in trace.calls
        if kept.evidence is not None
    )
    known = sum(kept.evidence is not None for kept in trace.calls)
    unknown = len(trace.calls) - known
    _say(
        f"replayed  {known - wrong} waterfalls the same, {wrong} not"
        + (f"; {unknown} calls have no evidence" if unknown else "")
    )
    for problem in trace.problems:
        _say(f"damaged   {problem}")
    for kept in calls:
        record = kept.record
        why = f" ({record.cause})" if record.cause else ""
        _say(
            f"call {record.call}: {record.outcome}{why}, longest gap {_gap(kept):.3f} s"
        )


def main(words: list[str] | None = None) -> int:
    """Do what is asked; return 0, or 2 when there is no such trace."""
    parser = argparse.ArgumentParser(
        prog="python -m fakes.evidence", description=__doc__
    )
    parser.add_argument(
        "trace", type=Path, help="folder of --evidence, or its trace file"
    )
    parser.add_argument(
        "-o", "--output", type=Path, help=f"default: {REPORT} beside it"
    )
    parser.add_argument("--call", type=int, help="only this call, moment by moment")
    parser.add_argument("--failed", action="store_true", help="only calls that failed")
    parser.add_argument("--slowest", type=int, metavar="N", help="only the slowest N")
    parser.add_argument("--lines", action="store_true", help="print them as JSON lines")
    options = parser.parse_args(words)
    try:
        trace = read_trace(options.trace)
        folder = options.trace if options.trace.is_dir() else options.trace.parent
        asked = (
            options.call is not None or options.failed or options.slowest is not None
        )
        calls = _chosen(trace, options) if asked else []
        if options.lines:
            for kept in calls if asked else trace.calls:
                print(msgspec.json.encode(kept).decode())
            return 0
        _tell(trace, calls)
        for kept in calls if options.call is not None else []:
            for pin in pins_of(kept):
                _say(f"{pin.at:9.3f} s  {pin.kind:<11}{pin.text}")
        if not asked:
            path = options.output or folder / REPORT
            path.write_text(render_report(trace, folder), encoding="utf-8")
            print(f"report    {path}")
    except (VoiceError, OSError) as error:
        print(f"cannot read or write: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
