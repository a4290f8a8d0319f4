"""Proof that the grid finds bugs: its cells fail mutants that its cases know, too."""

from __future__ import annotations

import pytest

from conformance._case import CaseFailed
from conformance._exchange import Exchange
from conformance._grid import Cell
from conformance._grid_case import case_of
from conformance._verdict import Pair

_FOUND = {
    "recogniser/connecting/closes-at-once": "reconnects_at_once",
    "recogniser/connecting/refuse-503": "retries_without_delay",
    "recogniser/connecting/refuse-401": "retries_permanent_errors",
    "recogniser/greeting/close": "never_reconnects",
    "model/thinking/no-answer": "waits_for_the_model_for_ever",
    "voice/speaking/empty-audio": "takes_no_audio_for_success",
}
_PAIRS = [
    Pair(case_of(Cell(*name.split("/"))), mutant) for name, mutant in _FOUND.items()
]


@pytest.mark.parametrize(
    "pair", _PAIRS, ids=[f"{pair.case.number}-{pair.agent}" for pair in _PAIRS]
)
def test_a_cell_fails_the_mutant(exchange: Exchange, pair: Pair) -> None:
    """For what the mutant does, and not because the tester broke."""
    failure = exchange.verdict(pair).failure

    assert isinstance(failure, CaseFailed), f"{pair.case.number} passes {pair.agent}"
    print(failure)
