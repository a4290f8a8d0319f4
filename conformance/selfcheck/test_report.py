"""What a run says at its end is never better than what happened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from conformance._case import CaseFailed
from conformance._figures import Figure
from conformance._index import all_cases
from conformance._report import EXITS, Outcome, Status, exit_code, report, summary

SCHEMA = json.loads((Path(__file__).parent.parent / "report.schema.json").read_text())


def outcome(status: Status, place: int = 0) -> Outcome:
    """Return how a case ended; all but a PASS tell why."""
    failed = CaseFailed("4.1", "silence", "speech", ("   1.00  caller barges in",))
    failure = None if status is Status.PASS else failed
    figures = (Figure("gap", 1.25, "s"),)
    return Outcome.of(all_cases()[place], status, failure, 9.0, 0.001, figures)


@pytest.mark.parametrize(
    ("ended", "statuses", "failures", "started", "code"),
    [
        (0, [Status.PASS], 0, True, 0),
        (0, [Status.PASS, Status.UNSUPPORTED, Status.NON_STRICT], 0, True, 0),
        (1, [Status.PASS, Status.FAIL], 1, True, 1),
        (1, [Status.PASS, Status.INVALID], 1, True, 7),
        (1, [Status.FAIL, Status.INVALID], 2, True, 1),
        (1, [Status.INVALID], 2, True, 1),  # something that is no case failed, too
        (1, [], 5, False, 6),
        (0, [Status.UNSUPPORTED, Status.UNSUPPORTED], 0, True, 8),
        (2, [Status.PASS], 0, True, 2),
        (4, [], 0, True, 4),
        (5, [], 0, True, 5),
    ],
)
def test_exit_code_tells_who_fell_short(
    ended: int, statuses: list[Status], failures: int, started: bool, code: int
) -> None:
    """Failed, could not start, tester late, and nothing judged are told apart."""
    outcomes = [outcome(status) for status in statuses]
    got = exit_code(ended, outcomes, failures=failures, started=started)

    assert got == code
    assert code in EXITS
    assert got != 0 or ended == 0  # never greener than pytest itself


def test_report_has_the_published_form() -> None:
    """The JSON report fits its schema, whatever the statuses."""
    outcomes = [outcome(status, place) for place, status in enumerate(Status)]
    content = json.loads(
        json.dumps(report(outcomes, code=1, agent="the reference agent", seed=7))
    )

    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA).validate(content)
    assert content["counts"]["FAIL"] == 1


def test_summary_begins_with_what_the_caller_suffers() -> None:
    """A failure is told in words first, then in figures; passes are only counted."""
    lines = summary([outcome(Status.PASS, 1), outcome(Status.FAIL)])
    failed = all_cases()[0]

    assert failed.title in lines[0]
    assert failed.because in lines[1]
    assert "expected silence; got speech" in lines[2]
    assert lines[-1] == "cases: 1 PASS, 1 FAIL"


def test_every_family_has_a_chapter() -> None:
    """There are thirteen chapters, and none is empty."""
    assert {case.chapter for case in all_cases()} == set(range(1, 14))
