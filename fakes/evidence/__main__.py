"""``python -m fakes.evidence DIR``: makes a report of a trace, or tells of its calls.

Calls are chosen by number, outcome, case or words; a chosen one can be placed again.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from fakes.evidence.call_page import pins_of
from fakes.evidence.own_figures import compare
from fakes.evidence.replay import beside, order_of, place_again
from fakes.evidence.report import REPORT, render_report
from fakes.evidence.trace import CallKept
from fakes.evidence.trace_reading import Trace, read_trace
from fakes.evidence.waterfall import waterfall
from fakes.loopback import is_loopback
from voiceutils.errors import SettingError, VoiceError


def _gap(kept: CallKept) -> float:
    return max((turn.gap or 0.0 for turn in kept.record.turns), default=0.0)


def _chosen(trace: Trace, options: argparse.Namespace) -> list[CallKept]:
    calls = trace.calls
    if options.call is not None:
        calls = [kept for kept in calls if kept.record.call == options.call]
    if options.failed:
        calls = [kept for kept in calls if kept.record.outcome == "failed"]
    if options.label is not None:
        calls = [kept for kept in calls if kept.label == options.label]
    if options.words is not None:
        calls = [kept for kept in calls if _says(kept, options.words)]
    if options.over is not None:
        calls = [kept for kept in calls if _gap(kept) * 1000 > options.over]
    if options.slowest is not None:
        calls = sorted(calls, key=_gap, reverse=True)[: options.slowest]
    return calls


def _says(kept: CallKept, words: str) -> bool:
    """Tell whether words are in what was said, heard or found wrong in a call."""
    record = kept.record
    texts = [record.cause, *(finding.text for finding in record.findings)]
    texts += [text for turn in record.turns for text in (turn.said, turn.heard)]
    return any(words.lower() in text.lower() for text in texts)


def _replay(trace: Trace, calls: list[CallKept], agent: str, remote: bool) -> int:
    """Place the one call that was chosen again; return the exit code."""
    if len(calls) != 1:
        raise SettingError(f"--replay needs one call, {len(calls)} are chosen")
    if not is_loopback(urlsplit(agent).hostname or "") and not remote:
        raise SettingError(
            f"--replay {agent}: not on this machine, where a call has real side"
            " effects; --allow-remote if that is meant"
        )
    order = order_of(calls[0], agent, trace.run.seed if trace.run else 0)
    record = asyncio.run(place_again(order))
    for line in beside(calls[0].record, record):
        _say(line)
    return int(record.outcome != "completed")


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
    add = parser.add_argument
    add("--call", type=int, help="only this call, moment by moment")
    add("--failed", action="store_true", help="only calls that failed")
    add("--label", metavar="TEXT", help="only those of a case, as 'case 4.2'")
    add("--words", metavar="TEXT", help="only those in which that was said or found")
    add("--over", type=float, metavar="MS", help="only those with a longer turn gap")
    add("--slowest", type=int, metavar="N", help="only the slowest N of them")
    add("--lines", action="store_true", help="print them as JSON lines")
    add(
        "--replay",
        metavar="AGENT",
        help="place the call again, to this agent: voice webhook or media socket",
    )
    add("--allow-remote", action="store_true", help="even to another machine")
    options = parser.parse_args(words)
    try:
        trace = read_trace(options.trace)
        folder = options.trace if options.trace.is_dir() else options.trace.parent
        asked = options.failed or any(
            getattr(options, name) is not None
            for name in ("call", "label", "words", "over", "slowest")
        )
        calls = _chosen(trace, options) if asked else []
        if options.replay:
            remote = options.allow_remote
            chosen = calls if asked else trace.calls
            return _replay(trace, chosen, options.replay, remote)
        if options.lines:
            for kept in calls if asked else trace.calls:
                print(msgspec.json.encode(kept).decode())
            return 0
        _tell(trace, calls)
        for kept in calls if options.call is not None else []:
            for pin in pins_of(kept):
                _say(f"{pin.at:9.3f} s  {pin.kind:<11}{pin.text}")
            told = trace.own.get(kept.record.call_sid)
            if told is not None and kept.evidence is not None:
                for one in compare(kept.record, kept.evidence, told) or ():
                    _say(f"turn {one.turn}: {one}")
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
