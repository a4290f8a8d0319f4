"""What a run of the numbered cases leaves behind, with ``--evidence``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from conformance._report import Status, run_results
from conformance.selfcheck.test_report import outcome
from fakes.evidence.report import REPORT
from fakes.evidence.trace_reading import read_trace


def test_the_verdict_of_a_page_is_that_of_the_run() -> None:
    """Failed cases are reasons; a late tester judges nobody."""
    told = run_results([outcome(Status.PASS), outcome(Status.FAIL, 1)], 1)
    assert told["verdict"] == "MISSED"
    assert len(told["reasons"]) == 1
    assert [case["status"] for case in told["cases"]] == ["PASS", "FAIL"]
    assert run_results([outcome(Status.INVALID)], 7)["verdict"] == "INVALID"
    assert run_results([outcome(Status.PASS)], 0)["verdict"] == "OK"


def test_every_call_of_a_case_is_kept_with_its_recording(tmp_path: Path) -> None:
    """In the same trace, and on the same page, as those of a load run."""
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "conformance/agent", "-q"),
            *("--case", "1.1", "--evidence", str(tmp_path)),
        ],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    trace = read_trace(tmp_path)
    assert trace.run is not None
    assert trace.end is not None
    assert (trace.run.kind, trace.end.results["verdict"]) == ("conformance", "OK")
    assert trace.calls
    assert {kept.label for kept in trace.calls} == {"case 1.1"}
    assert all((tmp_path / kept.audio).is_file() for kept in trace.calls)
    page = (tmp_path / REPORT).read_text(encoding="utf-8")
    assert "case 1.1, call" in page
    assert "data:audio" in page
