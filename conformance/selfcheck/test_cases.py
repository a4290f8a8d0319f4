"""What the cases themselves promise: form, index and failure text."""

from __future__ import annotations

import pytest

from conformance._case import MUST, SHOULD, CaseFailed, case
from conformance._index import README, all_cases, page
from conformance._line import Line
from conformance._verdict import Verdict

SOURCE = "https://example.org/bug"


def test_index_is_current() -> None:
    """The README lists the cases as they are."""
    current = README.read_text("utf-8")

    assert page(current, all_cases()) == current, "run python -m conformance.index"


def test_failure_says_what_was_expected_and_how_to_see_it_again() -> None:
    """A failed case shows expected, got, the trace, and one line to reproduce it."""
    failure = CaseFailed("4.1", "silence", "speech", ("   1.00  caller barges in",))

    assert str(failure).splitlines() == [
        "case 4.1",
        "  expected  silence",
        "  got       speech",
        "  trace (seconds since the call was placed)",
        "       1.00  caller barges in",
        "  reproduce  pytest conformance/agent --case 4.1",
    ]


async def _undocumented(line: Line) -> None: ...


async def _without_because(line: Line) -> None:
    """Something happens.

    Do: something.
    Expect: something.
    """


async def _complete(line: Line) -> None:
    """Something happens.

    Do: something
        and more.
    Expect: something.
    Because: of something.
    """


@pytest.mark.parametrize(
    ("body", "number", "mutants", "source", "complaint"),
    [
        (_undocumented, "99.1", ("m",), SOURCE, "lacks Do, Expect, Because"),
        (_without_because, "99.1", ("m",), SOURCE, "lacks Because"),
        (_complete, "99", ("m",), SOURCE, "is no case number"),
        (_complete, "99.1", (), SOURCE, "must name a mutant"),
        (_complete, "99.1", ("m",), "a friend", "source that starts https://"),
    ],
)
def test_incomplete_case_cannot_be_declared(
    body: object, number: str, mutants: tuple[str, ...], source: str, complaint: str
) -> None:
    """A case without number, reason, source or mutant fails when it is imported."""
    with pytest.raises(TypeError, match=complaint):
        case(number, level=MUST, source=source, mutants=mutants)(body)  # type: ignore[arg-type]


def test_numbers_are_given_once() -> None:
    """Two functions cannot share a number."""

    async def other(line: Line) -> None:
        """Something else happens.

        Do: something.
        Expect: something.
        Because: of something.
        """

    taken = all_cases()[0].number
    with pytest.raises(TypeError, match="declared twice"):
        case(taken, level=SHOULD, source=SOURCE)(other)


@pytest.mark.parametrize(
    ("selector", "wanted"), [("4", True), ("4.1", True), ("4.10", False), ("1", False)]
)
def test_selector_means_a_chapter_or_a_case(selector: str, wanted: bool) -> None:
    """``--case 4`` selects 4.1 and not 14.1 or 4.10."""
    found = next(known for known in all_cases() if known.number == "4.1")

    assert found.selected_by(selector) is wanted


@pytest.mark.parametrize(
    ("lateness", "surprises", "valid"),
    [(0.001, True, True), (0.100, False, True), (0.100, True, False)],
)
def test_surprise_on_a_busy_machine_is_no_verdict(
    lateness: float, surprises: bool, valid: bool
) -> None:
    """A failure counts only if the phone's own frames were in time."""
    verdict = Verdict(CaseFailed("4.1", "a", "b"), 9.0, lateness, surprises)

    assert verdict.is_valid is valid
