"""Master and workers: what they tell each other adds up to one run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.core.test_load_tally import a_call, lateness, records, tallies
from fakes.call_record import CallRecord
from loadtests._switchboard import Switchboard
from loadtests._tally import Tally, tally_call
from voiceutils.budget import LatencyHistogram


def a_board() -> Switchboard:
    """A board that never gives up."""
    return Switchboard(10**9, lambda: None)


@dataclass
class Worker:
    """One worker: counts calls, and reports them as JSON when asked."""

    board: Switchboard = field(default_factory=a_board)

    def report(self) -> Any:
        """What goes to the master, through the wire's own form."""
        return json.loads(json.dumps(self.board.take_unreported().to_json()))


plans = st.lists(
    st.tuples(st.integers(0, 3), records, st.booleans()), min_size=1, max_size=12
)


@settings(max_examples=60)
@given(plans)
def test_percentiles_are_those_of_the_raw_values(
    plan: list[tuple[int, CallRecord, bool]],
) -> None:
    """However calls fall on workers and reports: as if one process had them all."""
    workers = [Worker() for _ in range(4)]
    master, alone = a_board(), a_board()
    for index, record, reports in plan:
        tally = tally_call(record)
        alone.add(tally)
        workers[index].board.add(tally)
        if reports:
            master.add(Tally.from_json(workers[index].report()))
    for worker in workers:
        master.add(Tally.from_json(worker.report()))

    assert master.whole.histograms == alone.whole.histograms
    assert master.whole.examples == alone.whole.examples
    for ours, theirs in (
        (master.whole.counts, alone.whole.counts),
        (master.whole.causes, alone.whole.causes),
        (master.whole.findings, alone.whole.findings),
    ):
        assert +ours == +theirs
    raw = LatencyHistogram()
    for _, record, _ in plan:
        if record.greeting_after is not None:
            raw.record(record.greeting_after)
    for percent in (50.0, 95.0, 99.0, 100.0):
        merged = master.whole.histograms["greeting"].percentile(percent)
        assert merged == raw.percentile(percent)


@given(tallies)
def test_a_report_travels_unchanged(tally: Tally) -> None:
    """As Locust's wire carries it: numbers, text, lists and tables."""
    told = json.loads(json.dumps(tally.to_json()))

    assert Tally.from_json(told).to_json() == tally.to_json()


def test_a_lost_worker_is_told_with_what_is_missing() -> None:
    """Its name, when it was last heard, and the calls that it had up."""
    board = a_board()
    board.workers = {"host_aaaaaaaaaa", "host_bbbbbbbbbb"}
    board.last_seen = {"host_aaaaaaaaaa": (12.2, 20), "host_bbbbbbbbbb": (14.0, 3)}
    assert board.losses() == ()

    board.missing = {"host_aaaaaaaaaa"}

    (loss,) = board.losses()
    assert "host_aaaaaa lost: last heard 12 s into the run with 20 calls up" in loss
    board.done = {"host_bbbbbbbbbb"}
    board.ended = board.began + 20
    assert len(board.losses()) == 1


def test_a_worker_without_its_last_tally_is_lost_at_the_end() -> None:
    """Even if it answered Locust's heartbeats to the end."""
    board = a_board()
    board.workers = {"host_a"}
    board.ended = board.began + 5

    assert "nothing of it is here" in board.losses()[0]


def test_a_call_that_waits_when_it_is_cut_counts_with_its_wait() -> None:
    """Else the end of the run would hide the slowest replies."""
    waiting = a_call(cause="hung up by the tester before its end", outcome="failed")
    waiting.duration = 20.0
    waiting.turns[1].gap = None
    waiting.turns[1].spoke_until = 16.5

    tally = tally_call(waiting)

    assert tally.counts["turns_overdue"] == 1
    assert tally.histograms["turn_gap"].max == 3.5
    waiting.turns[1].spoke_until = 19.0
    assert tally_call(waiting).histograms["turn_gap"].count == 1


def test_a_reply_that_nobody_awaits_is_not_missing() -> None:
    """A caller who says a word and hangs up is not left unanswered."""
    call = a_call()
    call.turns[0].gap = None
    call.turns[0].awaited = False

    assert tally_call(call).counts["turns_unanswered"] == 0


def test_waiting_for_a_phone_is_not_dialling() -> None:
    """The one is a matter of the load, the other of the generator."""
    call = a_call(intended_at=49.0, lateness=lateness())

    tally = tally_call(call, waited=0.75)

    assert tally.histograms["dialling"].max == 0.25
    assert tally.histograms["setup"].max == pytest.approx(1.01)
