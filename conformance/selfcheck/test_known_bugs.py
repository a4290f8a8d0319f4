"""What is said to find a bug is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conformance._index import all_cases
from conformance._known_bugs import PAGE, bugs_page, read_bugs

ROOT = Path(__file__).parents[2]
FOUND = read_bugs()


def test_page_is_current() -> None:
    """Whoever changes the list makes it anew."""
    assert PAGE.read_text("utf-8") == bugs_page(FOUND), (
        "run python -m conformance.index"
    )


def test_every_bug_is_found_by_something_or_has_a_reason() -> None:
    """Never both, and no bug twice."""
    numbers = {case.number for case in all_cases()}
    for bug in FOUND.bug:
        assert bool(bug.cases or bug.tests) != bool(bug.why), bug.id
        assert set(bug.cases) <= numbers, bug.id
        assert bug.source.startswith("https://"), bug.id
    ids = [bug.id for bug in FOUND.bug] + [error.id for error in FOUND.tester]
    assert len(ids) == len(set(ids))


NAMED = [
    *(test for bug in FOUND.bug for test in bug.tests),
    *(test for error in FOUND.tester for test in error.tests),
]


@pytest.mark.parametrize("test", sorted(set(NAMED)))
def test_a_test_that_is_named_is_there(test: str) -> None:
    """File and function; a test that was renamed is told."""
    file, _, name = test.partition("::")
    content = (ROOT / file).read_text("utf-8")
    assert re.search(rf"^(async )?def {name or 'test_'}", content, re.MULTILINE), test
