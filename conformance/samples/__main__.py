"""``python -m conformance.samples``: put the suite to the samples, show what it said.

Without ``--check`` what was said is kept and the README renewed; with it, the exit code
is 1 when a case ends otherwise than what is kept says.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Container, Sequence
from pathlib import Path

from conformance._index import all_cases
from conformance._suite_run import run_suite
from conformance.matrix.page import render_matrix
from conformance.matrix.reports import Report
from conformance.samples._sample_report import (
    KEPT,
    README,
    SAMPLES,
    differences,
    kept_of,
    page,
    read_kept,
    write_kept,
)

# A busy machine makes verdicts INVALID; those are asked for again.
_ROUNDS = 3
_REFERENCE = "reference agent"


def main(words: list[str] | None = None) -> int:
    """Run the suite against some samples or all; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m conformance.samples", description=__doc__
    )
    add = parser.add_argument
    add("samples", nargs="*", metavar="NAME", help=", ".join(SAMPLES))
    add("--case", help="one case or chapter; nothing is kept then")
    add("--check", action="store_true", help="compare with what is kept")
    add("--page", type=Path, help="a matrix of the reference agent and the samples")
    options = parser.parse_args(words)
    if unknown := sorted(set(options.samples) - set(SAMPLES)):
        parser.error(f"no sample {', '.join(unknown)}; there are {', '.join(SAMPLES)}")
    keeps = not options.check and not options.case
    kept = read_kept() if KEPT.exists() else {}
    reports, wrong = [], 0
    if options.page:
        reports.append(_put(_REFERENCE, options.case))
    for name in options.samples or SAMPLES:
        began = time.monotonic()
        report = _put(name, options.case)
        reports.append(report)
        print(f"{name}: {report.counts}", flush=True)
        if keeps:
            kept[name] = kept_of(report, time.monotonic() - began)
            write_kept(kept)
        elif options.check and name in kept:
            now = ((case.number, case.status) for case in report.cases)
            for line in differences(kept[name], now):
                print(f"{name} {line}")
                wrong += 1
    if keeps:
        README.write_text(page(README.read_text("utf-8"), kept, all_cases()), "utf-8")
    if options.page:
        options.page.write_text(render_matrix(reports), "utf-8")
    return 1 if wrong else 0


def _put(name: str, case: str | None) -> Report:
    """Put the suite to a sample; what was INVALID is put again."""
    report = _run(name, [f"--case={case}"] if case else [])
    for _ in range(_ROUNDS - 1):
        late = {one.number for one in report.cases if one.status == "INVALID"}
        if late:
            again = {one.number: one for one in _run(name, _items(late)).cases}
            report.cases = [again.get(one.number, one) for one in report.cases]
    report.counts = Counter(one.status for one in report.cases)
    return report


def _items(numbers: Container[str]) -> list[str]:
    """Return the items of some cases, as pytest names them."""
    return [
        f"{case.body.__module__.replace('.', '/')}.py::{case.body.__name__}"
        for case in all_cases()
        if case.number in numbers
    ]


def _run(name: str, selected: Sequence[str]) -> Report:
    words = ["--seed=1", "--grid=none", *selected]
    words += [] if any("::" in word for word in words) else ["conformance/agent"]
    if name != _REFERENCE:
        module = [sys.executable, "-m", f"conformance.samples.{name}"]
        command = " ".join([*module, *SAMPLES[name]])
        words.append(f"--agent-command={command}")
    report = run_suite(words)
    report.agent = name
    return report


if __name__ == "__main__":
    sys.exit(main())
