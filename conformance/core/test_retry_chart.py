"""Reconnections of a run, drawn against the bounds that were promised."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from conformance.core.test_evidence import RUN, a_call
from fakes.backoff.policy import Policy
from fakes.evidence.report import render_report
from fakes.evidence.retries import chains_of, retry_chart, retry_rows
from fakes.evidence.trace import FILE, CallKept, append
from fakes.evidence.trace_reading import read_trace
from fakes.ledger_entries import Attempt

POLICY = Policy(0.25, 1.5, 5.0, "equal", 4)


def attempts_of(*moments: float) -> CallKept:
    """A call whose attempts at the recogniser came then; the last was let in."""
    kept = a_call()
    assert kept.evidence is not None
    kept.evidence.attempts[:0] = [
        Attempt(
            id=50 + number,
            surface="listen",
            at=1000.0 + at,
            closed=1000.0 + at,
            outcome="refused 503",
        )
        for number, at in enumerate(moments)
    ]
    last = kept.evidence.attempts[len(moments) - 1]
    last.outcome, last.opened, last.closed = "accepted", last.at, last.at + 9.0
    last.closed_by = "client"
    return kept


@pytest.mark.parametrize(
    ("moments", "wrong"),
    [
        ((0.0, 0.2, 0.5), []),
        ((0.0, 0.05, 0.35), [1]),
        ((0.0, 0.2, 0.9), [2]),
        ((0.0, 0.6, 0.61), [1, 2]),
    ],
)
def test_what_is_drawn_as_wrong_is_what_the_oracle_finds(
    moments: tuple[float, ...], wrong: list[int]
) -> None:
    """Too early, too late; a quarter of a second is the road's."""
    (chain,) = chains_of(attempts_of(*moments), POLICY)
    drawn = [n for n, one in enumerate(chain.retries, 1) if not one.in_bounds]
    assert drawn == wrong
    assert len(chain.violations) == len(wrong)
    chart = retry_chart([chain])
    assert chart.count('class="mark bad"') == len(wrong)
    assert chart.count('class="span"') == len(moments) - 1
    (row,) = retry_rows([chain])
    assert str(row["attempts"]).startswith("refused 503, +")
    assert bool(row["violations"]) == bool(wrong)


def test_where_nothing_was_promised_nothing_is_shaded() -> None:
    """The attempts are there all the same."""
    chart = retry_chart(chains_of(attempts_of(0.0, 0.2, 0.5), None))
    assert "span" not in chart
    assert chart.count("<circle") == 3


def test_a_provider_that_asks_to_wait_sets_the_bound() -> None:
    """Its word goes before the policy's."""
    kept = attempts_of(0.0, 0.2)
    assert kept.evidence is not None
    kept.evidence.attempts[0].retry_after = 2.0
    (chain,) = chains_of(kept, POLICY)
    assert (chain.retries[0].shortest, chain.retries[0].in_bounds) == (2.0, False)
    assert len(chain.violations) == 1


def test_an_attempt_that_was_let_in_begins_anew() -> None:
    """What follows is a reconnection, whose first delay is the first again."""
    kept, later = attempts_of(0.0, 0.2), attempts_of(20.0, 20.2)
    assert kept.evidence is not None
    assert later.evidence is not None
    kept.evidence.attempts += later.evidence.attempts
    chains = chains_of(kept, POLICY)
    assert [len(chain.retries) for chain in chains] == [1, 1]
    assert all(chain.retries[0].in_bounds for chain in chains)


def test_a_policy_travels_with_the_trace(tmp_path: Path) -> None:
    """One that cannot be is a damaged line, and no more."""
    append(tmp_path, msgspec.structs.replace(RUN, policy=POLICY))
    append(tmp_path, attempts_of(0.0, 0.05, 0.35))
    trace = read_trace(tmp_path)
    assert trace.run is not None
    assert trace.run.policy == POLICY
    page = render_report(trace, tmp_path)
    assert "0.125 s at the least was promised" in page
    file = tmp_path / FILE
    file.write_bytes(file.read_bytes().replace(b'"equal"', b'"often"'))
    damaged = read_trace(tmp_path)
    assert (damaged.run, damaged.bad_lines, len(damaged.calls)) == (None, 1, 1)
