"""A run of the suite in a process of its own, for who compares several."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from conformance.matrix.reports import Report, read_report

__all__ = ["run_suite"]


def run_suite(words: Sequence[str]) -> Report:
    """Run pytest with these words and return its report, however it ended.

    Raises:
        VoiceError: it wrote no report.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        subprocess.run(
            [sys.executable, "-m", "pytest", f"--report={path}", *words],
            cwd=Path(__file__).parents[1],
            stdout=subprocess.DEVNULL,
            check=False,  # agents that fail are what it is for
        )
        return read_report(path)
