"""What the figures of the table say, and whether the published table is of today."""

from __future__ import annotations

import pytest

from conformance._case import MUST, SHOULD
from conformance.mutants._recall import (
    DATA,
    PAGE,
    Table,
    figures,
    missing,
    page,
    read_table,
)

LEVELS = {"1.1": MUST, "1.2": MUST, "1.3": SHOULD}
GOOD: Table = {
    "1.1 clean": {"1": "passed", "2": "passed"},
    "1.2 clean": {"1": "passed", "2": "invalid"},
    "1.1 a": {"1": "failed", "2": "failed"},
    "1.2 b": {"1": "failed", "2": "invalid"},
}


def test_a_suite_that_finds_everything_has_full_marks() -> None:
    """An INVALID verdict says nothing, neither good nor bad."""
    found = figures(GOOD, LEVELS, ["a", "b"])
    assert (found.recall, found.precision, found.invalid) == (1.0, 1.0, 2)
    assert not found.unseen + found.blind + found.alarms + found.differing


@pytest.mark.parametrize(
    ("key", "by_seed", "shows"),
    [
        ("1.1 a", {"1": "passed", "2": "passed"}, "unseen"),
        ("1.2 b", {"1": "failed", "2": "passed"}, "differing"),
        ("1.1 clean", {"1": "passed", "2": "failed"}, "alarms"),
        ("1.1 clean", {"1": "broke", "2": "broke"}, "alarms"),
        ("1.1 a", {"1": "invalid", "2": "invalid"}, "blind"),
        ("1.1 a", {"1": "broke", "2": "broke"}, "unseen"),
    ],
)
def test_what_is_wrong_is_named(key: str, by_seed: dict[str, str], shows: str) -> None:
    """A mutant unseen, a case blind, a false alarm, a verdict that flaps."""
    found = figures({**GOOD, key: by_seed}, LEVELS, ["a", "b"])
    assert getattr(found, shows)
    assert key.split()[0] in " ".join(found.lines()) or shows == "unseen"


def test_what_was_not_measured_is_not_counted() -> None:
    """Half a table speaks for its half alone."""
    found = figures(GOOD, LEVELS, ["a", "b", "c"])
    assert found.mutants == 2
    assert found.must == 2


def test_the_page_shows_each_mutant_with_its_cases() -> None:
    """In how many seeds, of how many that could be told."""
    shown = page(GOOD, figures(GOOD, LEVELS, ["a", "b"]))
    assert "| `a` | 1.1 (2/2) |" in shown
    assert "| `b` | 1.2 (1/1) |" in shown


@pytest.mark.skipif(not DATA.exists(), reason="no table was kept here")
def test_published_grid_is_of_today() -> None:
    """Every pair that a case names was measured; the page is that of the data."""
    table = read_table()
    again = "python -m conformance.mutants recall --seeds 5 --missing --keep"
    assert not missing(table), f"{missing(table)[:5]} ... were never measured: {again}"
    assert PAGE.read_text("utf-8").startswith("# Which case finds which mutant")
