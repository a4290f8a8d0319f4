"""Watches a run while it goes, and tells the terminal, the web page and the trace."""

from __future__ import annotations

import logging
import time
from typing import Protocol

import gevent

from fakes.evidence.moment_charts import moment_charts
from fakes.evidence.trace import Moment
from loadtests._agent_metrics import AgentMetrics
from loadtests._evidence import Evidence
from loadtests._lines import Numbers
from loadtests._moments import Moments, in_words
from loadtests._options import LoadOptions
from loadtests._report import Report
from loadtests._switchboard import Switchboard
from loadtests._verdict import LATENESS_LIMIT

__all__ = ["Live"]

log = logging.getLogger("busyhour")

EVERY = 2.0
TELL_EVERY = 5.0
_NAP = 0.25


class Watched(Protocol):
    """What is needed of the process whose run it is."""

    report: Report
    numbers: Numbers | None
    headless: bool
    evidence: Evidence | None
    options: LoadOptions


class Live:
    """The course of the run that goes on, or of the last one.

    Args:
        watched: the process; not a worker, whose master watches.
    """

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._moments = Moments()
        self._began = 0.0
        self._metrics: AgentMetrics | None = None

    def watch(self, board: Switchboard) -> None:
        """Watch a run to its end; in a greenlet of its own."""
        self._moments, self._began = Moments(), board.began
        evidence, numbers = self._watched.evidence, self._watched.numbers
        if evidence is not None and numbers is not None:
            self._metrics = AgentMetrics(numbers.agent, evidence.note)
        looked = told = time.monotonic()
        while board.ended is None:
            gevent.sleep(_NAP)
            now = time.monotonic()
            if now - looked < EVERY and board.ended is None:
                continue
            looked = now
            moment = self._look(board, now)
            if self._watched.headless and now - told >= TELL_EVERY:
                told = now
                log.info("%s", in_words(moment, now - board.began))

    def last_look(self) -> None:
        """Ask what will soon not answer any more."""
        if self._metrics is not None:
            self._metrics.ask(time.monotonic(), at_once=True)

    def _look(self, board: Switchboard, now: float) -> Moment:
        lines, lateness = board.take_lines(), board.take_lateness()
        moment = self._moments.take(now, lines, lateness, board.whole)
        self._watched.report.write_metrics()
        if self._watched.evidence is not None:
            self._watched.evidence.note(moment)
        if self._metrics is not None:
            self._metrics.ask(now)
        return moment

    def words(self) -> str:
        """The last moment in words."""
        kept = self._moments.kept
        return in_words(kept[-1], kept[-1].at - self._began) if kept else "no run yet"

    def charts(self) -> dict[str, str]:
        """The run so far as charts."""
        gaps = [
            (budget.limit_seconds * 1000, f"p{budget.percentile:g} budget")
            for budget in self._watched.options.budgets
            if budget.name == "turn_gap"
        ]
        return moment_charts(
            self._moments.kept,
            self._began,
            gap_limits=gaps,
            late_limits=[(LATENESS_LIMIT * 1000, "p99 limit")],
        )
