"""A run watched while it goes: its moments, the line in the terminal, the charts."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fakes.engine.commands import LinesNow
from fakes.evidence.moment_charts import moment_charts
from fakes.evidence.trace import Moment
from loadtests._branches import report, take_report
from loadtests._moments import MOST_KEPT, WINDOW, Moments, in_words
from loadtests._switchboard import Switchboard
from loadtests._tally import Tally
from voiceutils.budget import LatencyHistogram


def a_board() -> Switchboard:
    """A run that nothing ends."""
    return Switchboard(1, lambda: None)


def late(*seconds: float) -> LatencyHistogram:
    """Lateness of so many frames."""
    histogram = LatencyHistogram()
    for one in seconds:
        histogram.record(one)
    return histogram


def test_a_moment_tells_of_the_last_seconds_only() -> None:
    """A slow turn is in the figures for the window, and no longer."""
    moments, whole = Moments(), Tally()
    first = moments.take(0.0, LinesNow(gaps=[3.0, -0.2]), late(0.004), whole)
    then = moments.take(WINDOW - 0.1, LinesNow(gaps=[0.5]), late(), whole)
    last = moments.take(WINDOW, LinesNow(gaps=[]), late(), whole)
    assert (first.turns, first.gap_p95) == (1, 3.0)
    assert (then.turns, then.gap_p95, then.late_max) == (2, 3.0, 0.004)
    assert (last.turns, last.gap_p95, last.late_max) == (1, 0.5, None)


@given(st.integers(1, 5000))
def test_a_long_run_keeps_a_bounded_number_of_moments(count: int) -> None:
    """Spread over all of it, the last one among them."""
    moments = Moments()
    for second in range(count):
        moments._keep(Moment(at=float(second)))
    at = [moment.at for moment in moments.kept]
    assert len(at) <= MOST_KEPT + 1
    assert at == sorted(set(at))
    assert at[-1] == count - 1
    steps = [after - before for before, after in pairwise(at)]
    assert not steps or max(steps) <= 2 * max(1, count / (MOST_KEPT / 2))


def test_workers_lines_are_added_up_and_their_gaps_are_told_once() -> None:
    """As the master sees them."""
    master = a_board()
    for worker, waiting in (("a", 2), ("b", 1)):
        own = a_board()
        data: dict[str, Any] = {}
        own.note_lines("", LinesNow({"waiting": waiting}, waiting / 2, [0.7]))
        report(own, waiting, data)
        take_report(master, worker, data)
    assert master.take_lines() == LinesNow({"waiting": 3}, 1.0, [0.7, 0.7])
    assert master.take_lines().gaps == []
    master.missing.add("a")
    assert master.take_lines().doing == {"waiting": 1}


def test_a_moment_in_words_is_ascii_and_says_no_percentile_of_few() -> None:
    """Who waits, and how long."""
    moment = Moment(
        at=9.0, doing={"waiting": 2, "speaking": 1}, longest_wait=4.25, turns=3
    )
    text = in_words(moment, 9.0)
    assert text.isascii()
    assert "3 calls up (1 speaking, 2 waiting, longest wait 4.2 s)" in text
    assert "no turn answered lately" in text
    moment = msgspec.structs.replace(moment, gap_p50=0.7, gap_p95=0.9)
    assert "p50 700 ms" in in_words(moment, 9.0)
    assert "p95" not in in_words(moment, 9.0)


def test_charts_leave_out_what_was_not_measured() -> None:
    """A hole in the line, not a fall to zero."""
    moments = [
        Moment(at=float(n), gap_p50=None if n == 2 else 0.5, doing={"waiting": n})
        for n in range(5)
    ]
    charts = moment_charts(moments, 0.0)
    assert set(charts) == {"up", "gaps", "outcomes", "lateness"}
    runs = re.findall(r'class="line " points="([^"]+)"', charts["gaps"])
    assert [len(run.split()) for run in runs] == [2, 2]
    assert "nan" not in "".join(charts.values())
    assert moment_charts([], 0.0)
