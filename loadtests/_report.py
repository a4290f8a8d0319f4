"""The table and the verdict of a run, from its switchboard and its options."""

from __future__ import annotations

from loadtests._backoff import Policy
from loadtests._options import LoadOptions
from loadtests._switchboard import Switchboard
from loadtests._table import Headline, render_table, table_rows
from loadtests._verdict import Judged, Terms, judge_run

__all__ = ["judge_board", "rows_of", "table_of"]

# The usual conversation interrupts one reply, from this many turns on.
TURNS_WITH_BARGE_IN = 3


def judge_board(board: Switchboard, options: LoadOptions) -> Judged:
    """The verdict as it stands; a worker counts as lost only when the run is over."""
    lost = board.workers - board.done if board.ended else set()
    terms = Terms(
        options.budgets,
        options.max_failed,
        board.stopped,
        len(lost),
        calls_barge_in=options.turns >= TURNS_WITH_BARGE_IN,
    )
    return judge_run(board.whole, terms)


def table_of(
    board: Switchboard, options: LoadOptions, agent: str, policy: Policy | None
) -> str:
    """The table as it stands, for the ``agent`` named so."""
    headline = Headline(
        agent=agent,
        turns=options.turns,
        seed=options.call_seed,
        seconds=board.seconds,
        backoff=str(policy) if policy else "general bounds",
        dropped_on_purpose=options.drop_every or 0,
        running=board.ended is None,
    )
    return render_table(board.whole, judge_board(board, options), headline)


def rows_of(board: Switchboard, options: LoadOptions) -> list[dict[str, str]]:
    """The latency rows of the table as it stands."""
    return table_rows(board.whole, judge_board(board, options).budgets)
