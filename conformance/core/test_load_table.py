"""The table at the end of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.core.test_load_tally import tallies
from conformance.core.test_load_verdict import TERMS, a_run
from loadtests._table import ENOUGH, WIDTH, Headline, render_table, table_rows
from loadtests._tally import Tally
from loadtests._verdict import judge_run

HEADLINE = Headline("http://127.0.0.1:8080/voice (reference agent)", 3, 1, 40.0)


def table(tally: Tally) -> str:
    """The table of ``tally``, judged by the default terms."""
    return render_table(tally, judge_run(tally, TERMS), HEADLINE)


@settings(max_examples=80)
@given(st.lists(tallies, max_size=5))
def test_it_fits_a_terminal(parts: list[Tally]) -> None:
    """Whatever was counted: printable ASCII, at most 100 columns."""
    whole = Tally()
    for part in parts:
        whole.merge(part)

    lines = table(whole).splitlines()

    assert max(map(len, lines)) <= WIDTH
    assert all(line.isascii() and (line.isprintable() or not line) for line in lines)


def test_each_percentile_comes_from_unrounded_data() -> None:
    """1473 ms is shown as 1473 (0.4 % at most), not as 1500."""
    tally = a_run(100, turn_gap=1.473)

    row = table_rows(tally, ())[2]

    assert row["name"] == "turn gap"
    assert row["max"] == "1473"
    assert abs(int(row["p95"]) - 1473) <= 6


@pytest.mark.parametrize(
    ("samples", "withheld"),
    [
        (1, {"p50", "p95", "p99"}),
        (19, {"p95", "p99"}),
        (20, {"p99"}),
        (99, {"p99"}),
        (100, set()),
    ],
)
def test_a_percentile_of_too_few_samples_is_withheld(
    samples: int, withheld: set[str]
) -> None:
    """A star stands for it, and a line explains the star."""
    tally = a_run(samples)

    row = table_rows(tally, ())[2]

    assert {name for name, cell in row.items() if cell == "*"} == withheld
    assert ("too few samples" in table(tally)) == bool(withheld)
    assert all(f"p{percent:g}" in row for percent in ENOUGH)


def test_nothing_measured_is_a_dash_not_a_zero() -> None:
    """None is not zero."""
    row = table_rows(Tally(), ())[0]

    assert {row[key] for key in ("p50", "p95", "p99", "max")} == {"-"}


def test_both_turn_gap_budgets_stand_in_the_row() -> None:
    """Target and limit, each with its outcome."""
    text = table(a_run(100, turn_gap=1.0))

    assert "p50 <= 885 MISSED by 115" in text
    assert "p95 <= 1100 met" in text


def test_the_verdict_and_its_exit_code_are_the_last_lines() -> None:
    """A reader of the log sees what the shell sees."""
    text = table(a_run(100, lateness=0.05))

    assert "INVALID (exit code 3)" in text
    assert "lateness p50 50.0 p99 50.0 max 50.0 ms" in text


def test_an_unseen_ledger_is_not_zero_losses() -> None:
    """An agent with another recogniser gets no clean bill for its audio."""
    tally = a_run()
    tally.counts["ledger_unseen"] = 100

    assert "not measured" in table(tally)


def test_many_causes_are_cut_to_the_commonest() -> None:
    """The rest is summed up in one line."""
    tally = a_run()
    tally.counts["failed"] = 9 + 10
    tally.causes.update({f"cause {letter}": 1 for letter in "abcdefghij"})
    tally.causes["the usual one"] = 9

    text = table(tally)

    assert "failed 9: the usual one" in text
    assert "failed 5: 5 other causes" in text


def test_offered_and_carried_stand_above_the_calls() -> None:
    """In the open model only: what arrived, what was lost, what Erlang expects."""
    tally = a_run()
    assert "offered" not in table(tally)
    tally.counts.update(offered=110, blocked=10, call_ms=400_000)
    tally.histograms["setup"].record(0.25)
    headline = replace(HEADLINE, offered=12.0, phones=14, traffic="0.5 calls/s poisson")

    text = render_table(tally, judge_run(tally, TERMS), headline)

    assert "0.5 calls/s poisson" in text
    assert "offered 110 calls, no free phone for 10 (9.1 %)" in text
    assert "carried 10.0 erlangs of 12.0 offered" in text
    assert "14 phones would lose 12 % of that by Erlang's B" in text
    assert "from the moment a call was due to its answer: p50 250.0" in text
