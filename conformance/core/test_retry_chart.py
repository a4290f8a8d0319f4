"""Reconnections of a run against the bounds that were promised."""

from __future__ import annotations

import msgspec
import pytest

from conformance.core.test_evidence import RUN, a_call
from fakes.evidence.retries import chains_of, retry_chart
from fakes.evidence.trace import CallKept
from fakes.evidence.trace_reading import Trace
from fakes.ledger_entries import Attempt


def attempts_of(*moments: float, let_in: bool = True) -> CallKept:
    """A call whose attempts at the recogniser came at these seconds."""
    kept = a_call()
    assert kept.evidence is not None
    outcomes = ["refused 503"] * (len(moments) - 1)
    outcomes.append("accepted" if let_in else "refused 503")
    kept.evidence.attempts[:0] = [
        Attempt(id=50 + n, surface="listen", at=1000.0 + at, outcome=outcome)
        for n, (at, outcome) in enumerate(zip(moments, outcomes, strict=True))
    ]
    return kept


BOUNDS = [(0.125, 0.25), (0.1875, 0.375)]


@pytest.mark.parametrize(
    ("moments", "wrong"),
    [
        ((0.0, 0.2, 0.5), []),
        ((0.0, 0.05, 0.35), [1]),
        ((0.0, 0.2, 0.9), [2]),
        ((0.0, 0.6, 0.61, 9.0), [1, 2]),  # nothing was promised of a third
    ],
)
def test_retries_are_held_against_their_bounds(
    moments: tuple[float, ...], wrong: list[int]
) -> None:
    """Too early, too late; a quarter of a second is the road's."""
    (chain,) = chains_of(attempts_of(*moments))
    assert chain.out_of(BOUNDS) == wrong
    trace = Trace()
    trace.take(msgspec.structs.replace(RUN, delays=BOUNDS))
    trace.take(attempts_of(*moments))
    chart = retry_chart(trace)
    assert chart.count('class="mark bad"') == len(wrong)
    assert chart.count('class="span"') == min(2, len(moments) - 1)


def test_a_provider_that_asks_to_wait_sets_the_bound() -> None:
    """Its word goes before the policy's."""
    kept = attempts_of(0.0, 0.2)
    assert kept.evidence is not None
    kept.evidence.attempts[0].retry_after = 2.0
    (chain,) = chains_of(kept)
    assert chain.out_of(BOUNDS) == [1]


def test_an_attempt_that_was_let_in_begins_anew() -> None:
    """What follows is a reconnection, whose first delay is the first again."""
    kept = attempts_of(0.0, 0.2)
    assert kept.evidence is not None
    kept.evidence.attempts += attempts_of(5.0, 5.2).evidence.attempts  # type: ignore[union-attr]
    assert [len(chain.attempts) for chain in chains_of(kept)] == [2, 2]
