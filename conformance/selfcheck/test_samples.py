"""The sample report says what was found, of cases that there are."""

from __future__ import annotations

from conformance._index import all_cases
from conformance.matrix.reports import Case, Exit, Report
from conformance.samples import _sample_report as sample_report


def test_page_is_what_was_kept() -> None:
    """Nobody has written a verdict into it."""
    current = sample_report.README.read_text("utf-8")
    kept = sample_report.read_kept()

    wanted = sample_report.page(current, kept, all_cases())
    assert wanted == current, "run python -m conformance.samples"


def test_what_was_kept_is_of_cases_that_there_are() -> None:
    """Numbers never change their meaning."""
    kept = sample_report.read_kept()
    known = {case.number for case in all_cases()}

    assert set(kept) <= set(sample_report.SAMPLES)
    for one in kept.values():
        assert set(one.verdicts) <= known


def test_no_mistake_that_a_sample_confesses_was_taken_for_right() -> None:
    """A sample report that misses them was made on a machine that was too busy."""
    kept = sample_report.read_kept()
    for sample, numbers in _MISTAKES.items():
        verdicts = kept[sample].verdicts if sample in kept else {}
        found = {n: verdicts[n].status for n in numbers if n in verdicts}
        assert set(found.values()) <= {"FAIL", "NON-STRICT"}, (sample, found)


# From the words at the top of each sample.
_MISTAKES = {
    "starlette_and_sdk": {
        "8.1": "module globals for stream and conversation",
        "2.3": "400 ms of audio in a message",
        "2.2": "the tail of it never sent",
        "4.1": "no clear when the caller speaks up",
        "7.1": "nothing cancelled when he hangs up",
        "6.1": "one attempt at everything",
    },
    "websockets_alone": {
        "3.2": "a WAV header before each sentence",
        "6.1": "retries without a pause",
    },
}


def test_a_verdict_that_changed_is_told_and_a_busy_machine_is_not() -> None:
    """What is INVALID says nothing, in either run."""
    cases = [
        Case(number, "MUST", "t", "b", "https://example.org", status, 1.0, 0.0)
        for number, status in (("1.1", "FAIL"), ("1.2", "INVALID"), ("1.3", "PASS"))
    ]
    report = Report(1, "a", 1, Exit(1, "a case failed"), {}, cases)
    kept = sample_report.kept_of(report, 61.4)

    assert kept.seconds == 61
    now = [("1.1", "PASS"), ("1.2", "PASS"), ("1.3", "INVALID"), ("9.9", "FAIL")]
    assert sample_report.differences(kept, now) == ["1.1: FAIL is now PASS"]
