"""The grid: every provider fault in every phase of a call, each cell a case.

``--grid`` says how much of it is put to the agent; ``--case model/thinking`` selects
cells by the beginning of their names.
"""

from __future__ import annotations

import pytest

from conformance._exchange import Exchange
from conformance._grid import cells, sample
from conformance._grid_case import case_of
from conformance._verdict import CLEAN, Pair

SAMPLED = 6


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make the items: none, some (drawn by the seed), or all."""
    option = metafunc.config.getoption
    every = cells()
    chosen = {"none": [], "whole": every}.get(option("--grid"))
    if "/" in (option("--case") or ""):
        chosen = every
    if chosen is None:
        chosen = sample(every, SAMPLED, option("--seed"))
    pairs = [Pair(case_of(cell), CLEAN) for cell in chosen]
    metafunc.parametrize("pair", pairs, ids=[pair.case.number for pair in pairs])


def test_fault_in_a_phase_of_a_call(exchange: Exchange, pair: Pair) -> None:
    """No fault of a provider leaves a caller in silence, or anything behind."""
    exchange.judge(pair.case)
