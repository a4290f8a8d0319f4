"""Which items of a session are cases, which of them run, and in which order."""

from __future__ import annotations

import pytest

from conformance._case import Case
from conformance._verdict import CLEAN, Pair

__all__ = ["pair_of", "select"]


def pair_of(item: pytest.Item) -> Pair | None:
    """Return what an item of the cases or of the mutants waits for."""
    declared: Case | None = getattr(getattr(item, "function", None), "case", None)
    if declared is not None:
        return Pair(declared, CLEAN)
    callspec = getattr(item, "callspec", None)
    pair = callspec.params.get("pair") if callspec else None
    return pair if isinstance(pair, Pair) else None


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the cases that ``--case`` names; run calls before anything else.

    Raises:
        UsageError: there is no such case.
    """
    selector = config.getoption("--case")
    if selector is not None:
        kept: list[pytest.Item] = []
        dropped: list[pytest.Item] = []
        for item in items:
            pair = pair_of(item)
            wanted = pair is not None and pair.case.selected_by(selector)
            (kept if wanted else dropped).append(item)
        if not kept:
            raise pytest.UsageError(f"no case {selector}; see conformance/README.md")
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> tuple[int, tuple[int, ...]]:
    """Cases first, then mutants: calls want the process to themselves."""
    pair = pair_of(item)
    if pair is not None:
        return (0 if pair.agent == CLEAN else 1), pair.case.order
    return (2 if "exchange" in getattr(item, "fixturenames", ()) else 3), ()
