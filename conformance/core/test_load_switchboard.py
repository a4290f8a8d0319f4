"""The switchboard: what becomes of each call, and when a run ends itself."""

from __future__ import annotations

from conformance.core.test_load_tally import a_call
from fakes.call_record import ENDED_BY_TESTER, TurnRecord
from loadtests._switchboard import Switchboard, figures
from loadtests._tally import tally_call

GOOD = tally_call(a_call())
FAILED = tally_call(a_call(outcome="failed", cause="refused"))


def a_board() -> tuple[Switchboard, list[str]]:
    """A board that gives up after three failed calls, and a list of its endings."""
    endings: list[str] = []
    return Switchboard(3, lambda: endings.append("ended")), endings


def test_a_call_gives_one_figure_each() -> None:
    """One for the call, one for its greeting, one a turn, one a barge-in."""
    names = [figure.name for figure in figures(a_call())]

    assert names == [
        "call",
        "answer to greeting",
        "turn gap",
        "turn gap",
        "barge-in to silence",
    ]


def test_a_failed_call_is_a_failure_with_its_cause() -> None:
    """Locust shows the cause in its list of errors."""
    found = figures(a_call(outcome="failed", cause="refused"))

    assert [figure.failure for figure in found if figure.failure] == ["refused"]


def test_an_unanswered_turn_is_a_failure_without_a_time() -> None:
    """None is not zero."""
    turn = TurnRecord(turn=1, said="Hello.", spoke_until=5.0)

    found = [f for f in figures(a_call(turns=[turn])) if f.name == "turn gap"]

    assert [(figure.seconds, figure.failure) for figure in found] == [
        (None, "never answered")
    ]


def test_a_call_cut_by_the_end_is_not_in_the_statistics() -> None:
    """What was measured before the cut still is."""
    found = figures(a_call(outcome="failed", cause=ENDED_BY_TESTER))

    assert "call" not in [figure.name for figure in found]
    assert not [figure for figure in found if figure.failure]


def test_a_run_of_failures_ends_the_run_once() -> None:
    """The third failed call in a row ends it; the reason names the commonest cause."""
    board, endings = a_board()

    for _ in range(5):
        board.add(FAILED)

    assert endings == ["ended"]
    assert board.stopped == "gave up after 3 failed calls in a row: refused"


def test_one_good_call_starts_the_count_anew() -> None:
    """Failures spread among good calls do not end a run."""
    board, endings = a_board()

    for tally in (FAILED, FAILED, GOOD, FAILED, FAILED):
        board.add(tally)

    assert endings == []


def test_a_report_holds_what_is_new() -> None:
    """Every call travels once, and the worker's own sum stays whole."""
    board, _ = a_board()

    board.add(GOOD)
    first = board.take_unreported()
    board.add(FAILED)
    second = board.take_unreported()

    assert (first.counts["placed"], second.counts["placed"]) == (1, 1)
    assert second.counts["failed"] == 1
    assert board.whole.counts["placed"] == 2
