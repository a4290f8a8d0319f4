"""``python -m conformance.steadiness``: run the suite again and again, and compare.

A verdict that changes is worth nothing, whichever of the two was right. INVALID is no
change: it says that nothing can be said. Further words go to pytest (``--case 6``,
``--agent-command ...``). Exit code 1 where a verdict changed, 7 where a case was
INVALID in all runs, 2 where a run put no case.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from conformance._report import INVALID, Status
from conformance._suite_run import run_suite
from conformance.steadiness._verdicts import told, verdicts_of
from voiceutils.errors import VoiceError

__all__ = ["main"]

_SPIN = """
import os
while os.getppid() == {parent}:  # never longer than whoever started it
    sum(range(100_000))
"""


def main(words: Sequence[str] | None = None) -> int:
    """Run it several times; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m conformance.steadiness", description=__doc__
    )
    add = parser.add_argument
    add("--runs", type=int, default=10, help="how often, default %(default)s")
    add(
        "--busy",
        type=int,
        default=0,
        metavar="N",
        help="processes that do nothing but keep the machine busy meanwhile",
    )
    options, further = parser.parse_known_args(words)
    if options.runs < 2 or options.busy < 0:
        parser.error("it takes two runs to compare, and a number of processes")
    reports = []
    with _busy(options.busy):
        for number in range(1, options.runs + 1):
            began = time.monotonic()
            try:
                report = run_suite([f"--seed={number}", "conformance/agent", *further])
            except VoiceError as error:
                print(f"run {number}: {error}", file=sys.stderr)
                return 2
            if not report.cases:
                print(f"run {number}: {report.exit.meaning}", file=sys.stderr)
                return 2
            reports.append(report)
            counts = Counter(case.status for case in report.cases)
            shown = ", ".join(f"{n} {status}" for status, n in counts.items())
            took = time.monotonic() - began
            print(f"run {number}, seed {number}, {took:.0f} s: {shown}", flush=True)
            # A cell of the grid that only this seed draws is compared with nothing.
            for case in report.cases:
                if case.status == Status.FAIL:
                    said = f"expected {case.expected}; got {case.got}"
                    print(f"  FAIL {case.number}: {said}", flush=True)
    verdicts = verdicts_of(reports)
    print("\n".join(told(verdicts)))
    if any(one.flaps for one in verdicts):
        return 1
    return INVALID if any(one.is_void for one in verdicts) else 0


@contextlib.contextmanager
def _busy(count: int) -> Iterator[None]:
    spin = _SPIN.format(parent=os.getpid())
    processes = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
