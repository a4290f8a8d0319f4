"""What a run says at its end is never better than what happened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from conformance._case import MUST, SHOULD, CaseFailed, Level, Unsupported
from conformance._figures import Figure
from conformance._index import all_cases
from conformance._known_failing import read_known_failing
from conformance._report import EXITS, Outcome, Status, exit_code, report, summary
from conformance._verdict import Judge, Verdict
from conformance.matrix.__main__ import main as matrix
from voiceutils.errors import SettingError

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


def test_a_list_of_known_failures_is_read_with_its_reasons(tmp_path: Path) -> None:
    """Comments and empty lines are left out."""
    file = tmp_path / "known"
    file.write_text("# ours\n\n4.1  clears late  # soon\n2.1 lost frames\n", "utf-8")

    known = read_known_failing(file, {"4.1", "2.1"})

    assert known == {"4.1": "clears late", "2.1": "lost frames"}


@pytest.mark.parametrize("line", ["99.9 no such case", "4.1", "4.1 a\n4.1 b", "x y"])
def test_a_wrong_list_is_named_with_its_line(tmp_path: Path, line: str) -> None:
    """Unknown numbers, missing reasons, repetitions."""
    file = tmp_path / "known"
    file.write_text(f"# ours\n{line}\n", "utf-8")
    with pytest.raises(SettingError, match=rf"known:{line.count(chr(10)) + 2}: "):
        read_known_failing(file, {"4.1", "2.1"})


@pytest.mark.parametrize(
    ("level", "failed", "status"),
    [
        (MUST, True, Status.KNOWN_FAILING),
        (SHOULD, True, Status.KNOWN_FAILING),
        (MUST, False, Status.UNEXPECTED_PASS),
    ],
)
def test_what_is_listed_must_fail(level: Level, failed: bool, status: Status) -> None:
    """A pass is told, so that the list stays true."""
    case = all_cases()[0]._replace(level=level)
    reasons = {case.number: "we know"}
    failure = CaseFailed(case.number, "silence", "speech") if failed else None
    verdict = Verdict(failure, 1.0, 0.0, surprises=failed)
    judge = Judge(strict=False, known_failing=reasons)
    assert judge.status(case, verdict) is status


@pytest.mark.parametrize(
    ("lateness", "status"), [(0.001, Status.UNSUPPORTED), (0.170, Status.INVALID)]
)
def test_a_fault_that_a_late_run_did_not_meet_tells_nothing(
    lateness: float, status: Status
) -> None:
    """It may be the machine that kept the agent from meeting it."""
    unmet = Unsupported("the agent never met it")
    verdict = Verdict(unmet, 1.0, lateness, surprises=True)
    assert Judge(strict=True).status(all_cases()[0], verdict) is status


def test_the_matrix_shows_every_case_of_every_agent(tmp_path: Path) -> None:
    """Side by side, whatever the statuses, and words stay words."""
    hostile = "<script>alert(1)</script>"
    files = []
    for number, agent in enumerate(("first agent", hostile)):
        outcomes = [outcome(status, place) for place, status in enumerate(Status)]
        content = report(outcomes, code=1, agent=agent, seed=7)
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps(content), "utf-8")
        files.append(str(file))
    page, badge = tmp_path / "matrix.html", tmp_path / "badge.json"

    assert matrix([*files, "-o", str(page), "--badge", str(badge)]) == 0

    text = page.read_text("utf-8")
    assert hostile not in text
    assert "<script" not in text
    for place, status in enumerate(Status):
        assert text.count(f'class="verdict {status}" title') == 2
        assert all_cases()[place].number in text
    assert json.loads(badge.read_text("utf-8"))["color"] == "red"


def test_what_is_no_report_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, the file named, no traceback."""
    file = tmp_path / "none.json"
    for content in ("", "[]", '{"version": 99}', "{" * 5000):
        file.write_text(content, "utf-8")
        assert matrix([str(file)]) == 2
        assert "none.json is no report" in capsys.readouterr().err


def test_every_family_has_a_chapter() -> None:
    """There are thirteen chapters, and none is empty."""
    assert {case.chapter for case in all_cases()} == set(range(1, 14))
