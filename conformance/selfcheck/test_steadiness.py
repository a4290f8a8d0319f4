"""Whether runs of the suite are compared rightly; the runs themselves are made up."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from conformance.matrix.reports import Case, Exit, Report
from conformance.steadiness import __main__ as steadiness
from voiceutils.errors import SettingError


def _report(verdicts: dict[str, str]) -> Report:
    cases = [
        Case(
            number=number,
            level="MUST",
            title="",
            because="",
            source="",
            status=status,
            seconds=1.0,
            lateness=0.0,
            expected="an answer",
            got="silence",
        )
        for number, status in verdicts.items()
    ]
    return Report(1, "an agent", 1, Exit(0, "an end"), {}, cases)


def _runs(monkeypatch: pytest.MonkeyPatch, *runs: dict[str, str]) -> list[list[str]]:
    """Let the runs end like that; returns the words they are given."""
    left, given = list(runs), []

    def run(words: Sequence[str]) -> Report:
        given.append(list(words))
        return _report(left.pop(0))

    monkeypatch.setattr(steadiness, "run_suite", run)
    return given


@pytest.mark.parametrize(
    ("first", "second", "code", "said"),
    [
        ("PASS", "PASS", 0, "1 cases: 0 flap, 0 were INVALID"),
        ("FAIL", "FAIL", 0, "1 cases: 0 flap"),
        ("PASS", "FAIL", 1, "flaps    1.1"),
        ("PASS", "ERROR", 1, "flaps    1.1"),
        ("PASS", "INVALID", 0, "0 were INVALID in all runs, 1 in some"),
        ("INVALID", "INVALID", 7, "void     1.1"),
    ],
)
def test_a_verdict_that_changes_is_told(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    first: str,
    second: str,
    code: int,
    said: str,
) -> None:
    """What is INVALID says nothing, so it contradicts nothing."""
    _runs(monkeypatch, {"1.1": first}, {"1.1": second})
    assert steadiness.main(["--runs", "2"]) == code
    assert said in capsys.readouterr().out


def test_each_run_has_a_seed_of_its_own_and_what_pytest_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What depends on the seed would otherwise be steady by chance."""
    given = _runs(monkeypatch, *[{"1.1": "PASS"}] * 3)
    assert steadiness.main(["--runs", "3", "--busy", "1", "--case", "6"]) == 0
    assert [words[0] for words in given] == ["--seed=1", "--seed=2", "--seed=3"]
    assert all(words[-2:] == ["--case", "6"] for words in given)


def test_a_run_without_a_report_is_no_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said, and the exit code is that of usage."""

    def fail(words: Sequence[str]) -> Report:
        raise SettingError("no report")

    monkeypatch.setattr(steadiness, "run_suite", fail)
    assert steadiness.main([]) == 2
    assert "no report" in capsys.readouterr().err


def test_a_run_that_put_no_case_is_no_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As when the agent did not start; nothing would have changed."""
    _runs(monkeypatch, {}, {})
    assert steadiness.main(["--runs", "2"]) == 2
    assert "run 1: an end" in capsys.readouterr().err


def test_a_failure_is_named_even_where_nothing_is_compared_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each seed draws cells of the grid of its own."""
    _runs(monkeypatch, {"1.1": "PASS"}, {"1.1": "PASS", "model/thinking": "FAIL"})
    assert steadiness.main(["--runs", "2"]) == 0
    out = capsys.readouterr().out
    assert "  FAIL model/thinking: expected an answer; got silence\n" in out
    assert "0 in some, 1 were put only once" in out
