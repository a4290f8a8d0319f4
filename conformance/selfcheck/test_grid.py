"""The grid holds what it promises: every fault, every phase, and no cell for show."""

from __future__ import annotations

from collections import Counter

import pytest

from conformance._grid import PHASES, Cell, cells, sample
from conformance._grid_case import case_of
from conformance._grid_faults import KINDS
from conformance._providers import PROVIDERS
from fakes.fault_rules import Rule, check_rule, works_on
from fakes.ledger import Attempt, FaultFired

CELLS = cells()


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_a_cell_can_be_put(cell: Cell) -> None:
    """The fakes take its faults on some surface, and its case has its reasons."""
    fitting = [
        surface
        for surface in cell.surfaces
        if all(works_on(fault, surface) for fault in cell.faults)
    ]

    assert fitting
    for surface in fitting:
        check_rule(Rule(surface=surface, group="CA1", faults=cell.faults))
    case = case_of(cell)
    assert case.is_cell
    assert case.source.startswith("https://")


def test_names_are_unique() -> None:
    """A name selects one cell."""
    assert max(Counter(cell.name for cell in CELLS).values()) == 1


def test_no_fault_phase_or_provider_is_left_out() -> None:
    """Each of them has its row."""
    assert {cell.fault for cell in CELLS} == set(KINDS)
    assert {cell.phase for cell in CELLS} == set(PHASES)
    assert {cell.provider for cell in CELLS} == set(PROVIDERS)


def test_a_selector_is_the_beginning_of_a_name() -> None:
    """Whole words of it, and a chapter takes cells along."""
    case = case_of(Cell("model", "thinking", "refuse-503"))

    for selector in ("model", "model/thinking", case.number, "6", None):
        assert case.selected_by(selector)
    for selector in ("mod", "model/think", "voice", "6.1", "5"):
        assert not case.selected_by(selector)


def test_a_sample_is_the_seeds_own_and_has_every_provider() -> None:
    """The seed in the header replays it."""
    drawn = sample(CELLS, 6, seed=1)

    assert drawn == sample(CELLS, 6, seed=1)
    assert drawn != sample(CELLS, 6, seed=2)
    assert Counter(cell.provider for cell in drawn) == dict.fromkeys(PROVIDERS, 2)


def attempts(*surfaces: str) -> list[Attempt]:
    """What the ledger has of a call."""
    return [
        Attempt(id=number, surface=surface, at=float(number))
        for number, surface in enumerate(surfaces)
    ]


def test_a_refusal_is_met_by_the_request_that_it_waits_for() -> None:
    """Two requests of the greeting meet nothing."""
    cell = Cell("voice", "speaking", "refuse-503")

    assert not cell.was_met(attempts("speak_rest", "speak_rest", "chat"), [])
    assert cell.was_met(attempts("speak_rest", "speak_rest", "speak_rest"), [])


def test_a_fault_of_a_moment_is_met_when_it_has_happened() -> None:
    """A call that ended before that moment proves nothing."""
    cell = Cell("recogniser", "speaking", "half-open")
    fired = FaultFired(
        fault="HalfOpen", surface="flux", group="CA1", attempt=1, meant_at=10.0
    )

    assert not cell.was_met(attempts("flux"), [fired])
    fired.happened_at = 10.0
    assert cell.was_met(attempts("flux"), [fired])
