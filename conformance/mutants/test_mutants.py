"""Proof that the cases find what they claim: each fails the mutants that it names."""

from __future__ import annotations

import pytest

from conformance._case import MUST, CaseFailed
from conformance._exchange import Exchange
from conformance._index import all_cases
from conformance._verdict import Pair
from conformance.mutants._registry import registered_mutants
from voiceutils.errors import DeadlineExceeded

_MUTANTS = registered_mutants()
_PAIRS = [Pair(case, name) for case in all_cases() for name in case.mutants]


@pytest.mark.parametrize(
    "pair", _PAIRS, ids=[f"{pair.case.number}-{pair.agent}" for pair in _PAIRS]
)
def test_mutant_is_failed(exchange: Exchange, pair: Pair) -> None:
    """A case fails the mutant that it names, for what the mutant does."""
    verdict = exchange.verdict(pair)

    if verdict.failure is None:
        pytest.fail(
            f"case {pair.case.number} ({pair.case.title}) passes the mutant "
            f"{pair.agent}: {_MUTANTS[pair.agent].source}",
            pytrace=False,
        )
    if not isinstance(verdict.failure, CaseFailed | DeadlineExceeded):
        raise verdict.failure
    print(verdict.failure)


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.number)
def test_case_names_known_mutants(case: object) -> None:
    """A case names mutants that exist, and a MUST names at least one."""
    named = case.mutants  # type: ignore[attr-defined]
    level = case.level  # type: ignore[attr-defined]

    assert set(named) <= set(_MUTANTS)
    assert named or level is not MUST


@pytest.mark.parametrize("name", _MUTANTS)
def test_mutant_is_named_by_a_case(name: str) -> None:
    """No mutant is left that nothing finds."""
    assert any(name in case.mutants for case in all_cases())
