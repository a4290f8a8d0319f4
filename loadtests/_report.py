"""The table and the verdict of a run, from its switchboard and its options."""

from __future__ import annotations

import json
import logging
import os
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from fakes.backoff.policy import Policy
from fakes.engine.commands import LinesNow
from fakes.engine.lines import CONNECTING
from fakes.stand_in.visits import Visit, What, account_of
from loadtests._capacity import CapacityStep, step_of
from loadtests._curve import draw_curve, render_steps
from loadtests._evidence import Evidence
from loadtests._exchange import Exchange
from loadtests._hunt import Hunt
from loadtests._lines import Numbers
from loadtests._options import LoadOptions
from loadtests._prometheus import prometheus_text
from loadtests._results import results
from loadtests._switchboard import Switchboard
from loadtests._table import Headline, render_table, table_rows
from loadtests._table_load import describe
from loadtests._verdict import Judged, Terms, judge_run

__all__ = ["Report", "Subject", "judge_board"]

log = logging.getLogger("busyhour")


def judge_board(
    board: Switchboard,
    options: LoadOptions,
    policy: Policy | None,
    visits: Sequence[Visit] = (),
) -> Judged:
    """The verdict as it stands; a worker counts as lost only when the run is over."""
    elsewhere = [visit.host for visit in visits if visit.what is What.ELSEWHERE]
    terms = Terms(
        options.budgets,
        options.max_failed,
        board.stopped,
        board.losses(),
        calls_barge_in=_barges_in(board, options),
        whole_calls=not options.traffic.find_capacity,
        policy=policy,
        elsewhere=elsewhere if options.only_declared_hosts else (),
    )
    return judge_run(board.whole, terms)


def _barges_in(board: Switchboard, options: LoadOptions) -> bool:
    """Whether a barge-in must have been measured."""
    traffic = options.traffic
    if not traffic.mix.barges_in(options.turns):
        return False
    certain = not traffic.mix.written and traffic.holding is None
    # A caller who may leave earlier, or do something else, may come to none.
    return certain or bool(board.whole.counts["barge_ins"])


class Subject(Protocol):
    """What a report is about."""

    board: Switchboard | None
    options: LoadOptions
    parsed: Namespace
    numbers: Numbers | None
    exchange: Exchange | None
    hunt: Hunt | None
    evidence: Evidence | None

    def trouble(self) -> str:
        """Why no call can go on; empty while calls can."""


class Report:
    """What a person, a web page or a program is told of the run.

    Args:
        subject: the process whose run it is.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    @property
    def _policy(self) -> Policy | None:
        numbers = self._subject.numbers
        return numbers.policy if numbers else None

    def judged(self) -> Judged:
        """The verdict as it stands."""
        subject = self._subject
        if subject.hunt is not None:
            return subject.hunt.judged()
        visits = subject.exchange.visits if subject.exchange else ()
        board = subject.board or _no_run()
        return judge_board(board, subject.options, self._policy, visits)

    def is_over(self) -> bool:
        """Whether the run has ended by itself."""
        return self._subject.board is not None and bool(self._subject.board.stopped)

    def talking(self) -> int:
        """How many callers are connected, as last heard."""
        board = self._subject.board
        doing = board.lines_now().doing if board is not None else {}
        return sum(doing.values()) - doing.get(CONNECTING, 0)

    def trouble(self) -> str:
        """Why no further run makes sense; empty while it does."""
        return self._subject.trouble()

    def step(self, phones: int) -> CapacityStep:
        """What the run that has just ended measured, as a step of a search."""
        board = self._subject.board or _no_run()
        judged = judge_board(board, self._subject.options, self._policy)
        return step_of(phones, board.whole, judged, board.seconds)

    def table(self) -> str:
        """The table as it stands."""
        subject = self._subject
        board, options = subject.board, subject.options
        if board is None or subject.exchange is None:
            return "no run yet"
        policy = self._policy
        headline = Headline(
            agent=subject.exchange.title,
            turns=options.turns,
            seed=options.call_seed,
            seconds=board.seconds,
            backoff=str(policy) if policy else "general bounds",
            dropped_on_purpose=options.drop_every or 0,
            running=board.ended is None,
            traffic=describe(options.traffic),
            offered=options.traffic.erlangs or 0.0,
            phones=subject.parsed.num_users or 0,
            steps=render_steps(subject.hunt.search) if subject.hunt else "",
            visits=account_of(subject.exchange.visits),
        )
        return render_table(board.whole, self.judged(), headline)

    def rows(self) -> list[dict[str, str]]:
        """The latency rows of the table as it stands, for the web page."""
        board, options = self._subject.board, self._subject.options
        if board is None:
            return []
        judged = judge_board(board, options, self._policy)
        return table_rows(board.whole, judged.budgets)

    def metrics(self) -> str:
        """The figures as they stand, as Prometheus reads them.

        Raises:
            SettingError: its library is not installed.
        """
        board = self._subject.board or _no_run()
        lines = board.lines_now() if board.ended is None else LinesNow()
        return prometheus_text(board.whole, lines, self.judged())

    def write_metrics(self) -> None:
        """Write them to the file asked for, as a whole or not at all."""
        if not (name := self._subject.options.prometheus):
            return
        path = Path(name)
        try:
            draft = path.with_name(f".{path.name}.{os.getpid()}")
            draft.write_text(self.metrics(), encoding="utf-8")
            draft.replace(path)
        except OSError as error:
            log.error("--prometheus: %s", error)

    def write(self) -> None:
        """Write the files asked for; one that cannot be written is only told."""
        board, options = self._subject.board, self._subject.options
        search = self._subject.hunt.search if self._subject.hunt else None
        if board is not None and (options.results or self._subject.evidence):
            told = results(board.whole, self.judged(), board.seconds, search)
            if options.results:
                text = json.dumps(told, indent=1) + "\n"
                _write("--results", options.results, text)
            if self._subject.evidence is not None:
                self._subject.evidence.end(told, board.whole)
        if board is not None:
            self.write_metrics()
        if search is not None and options.traffic.curve:
            curve = draw_curve(search, options.budgets)
            _write("--curve", options.traffic.curve, curve)


def _no_run() -> Switchboard:
    return Switchboard(1, lambda: None)


def _write(flag: str, path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        log.error("%s: %s", flag, error)
    else:
        log.info("%s written to %s", flag.removeprefix("--"), path)
