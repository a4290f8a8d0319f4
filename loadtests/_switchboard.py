"""Counts what happened in one Locust process, and what other processes report.

No Locust in here: the locustfile hands in what to do with each figure.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fakes.call_record import ENDED_BY_TESTER, CallRecord
from fakes.engine.commands import LinesNow
from loadtests._moments import joined
from loadtests._tally import Tally
from voiceutils.budget import LatencyHistogram
from voiceutils.errors import VoiceError

__all__ = ["CALLS_PER_WORKER", "Figure", "Switchboard", "figures", "fire_figures"]

_MOST_GAPS = 20_000  # kept for somebody who watches
CALLS_PER_WORKER = 100_000
"""Call numbers set aside for each worker; 24 bits of call number give 167 of them."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line for Locust's statistics; a figure without seconds only has failed."""

    kind: str
    name: str
    seconds: float | None
    failure: str = ""


def figures(record: CallRecord) -> list[Figure]:
    """What one call adds to Locust's statistics."""
    if record.cause == ENDED_BY_TESTER:
        found = []
    elif record.outcome == "completed":
        found = [Figure("CALL", "call", record.duration)]
    else:
        found = [Figure("CALL", "call", record.duration, record.cause or "failed")]
    if record.greeting_after is not None:
        found.append(Figure("HEARD", "answer to greeting", record.greeting_after))
    for turn in record.turns:
        if turn.gap is not None:
            found.append(Figure("HEARD", "turn gap", max(turn.gap, 0.0)))
        elif record.outcome == "completed" and turn.awaited:
            found.append(Figure("HEARD", "turn gap", None, "never answered"))
        if turn.barge_in and turn.stopped_after is not None:
            found.append(Figure("HEARD", "barge-in to silence", turn.stopped_after))
    return found


def fire_figures(request: Any, record: CallRecord) -> None:
    """Fire Locust's ``request`` event for each figure of a call; times in ms."""
    for figure in figures(record):
        request.fire(
            request_type=figure.kind,
            name=figure.name,
            response_time=None if figure.seconds is None else figure.seconds * 1000,
            response_length=0,
            exception=VoiceError(figure.failure) if figure.failure else None,
            context={},
        )


@dataclass
class Switchboard:
    """The run as this process knows it.

    Attributes:
        whole: everything counted or reported so far.
        unreported: what a worker has not yet sent to its master.
        stopped: why the run ends before its time; empty while it need not.
        workers: workers that took part; those in ``done`` have sent their last tally.
        costs: what the processes used that a master started.
        missing: workers that are gone although the run goes on.
        lines: what each engine said last of its calls, by worker; "" is our own.
        last_seen: for each worker when it last reported (seconds of the run), and
            how many calls it had up then.
    """

    give_up_after: int
    end_run: Callable[[], None]
    whole: Tally = field(default_factory=Tally)
    unreported: Tally = field(default_factory=Tally)
    stopped: str = ""
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    workers: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    costs: Tally = field(default_factory=Tally)
    lines: dict[str, LinesNow] = field(default_factory=dict)
    last_seen: dict[str, tuple[float, int]] = field(default_factory=dict)
    _gaps: list[float] = field(default_factory=list)  # not yet taken
    _lateness: LatencyHistogram = field(default_factory=LatencyHistogram)
    _failed_in_a_row: int = 0

    def add(self, tally: Tally) -> None:
        """Count a call, or the calls that a worker reports."""
        self.whole.merge(tally)
        self.unreported.merge(tally)
        self._lateness.merge(tally.histograms["lateness"])
        if tally.counts["completed"]:
            self._failed_in_a_row = 0
            return
        self._failed_in_a_row += tally.counts["failed"]
        if self._failed_in_a_row >= self.give_up_after:
            cause = max(self.whole.causes, key=lambda c: self.whole.causes[c])
            self.stop(
                f"gave up after {self._failed_in_a_row} failed calls in a row: {cause}"
            )

    def stop(self, why: str) -> None:
        """End the run before its time; the first reason stands."""
        if not self.stopped and self.ended is None:
            self.stopped = why
            self.end_run()

    def take_unreported(self) -> Tally:
        """What is new since the last report; a worker sends it to its master."""
        taken, self.unreported = self.unreported, Tally()
        return taken

    def note_lines(self, worker: str, lines: LinesNow) -> None:
        """Take down what an engine says of its calls."""
        self.lines[worker] = lines
        self._gaps.extend(lines.gaps)
        del self._gaps[:-_MOST_GAPS]

    def lines_now(self) -> LinesNow:
        """What happens on all lines, as last heard of them."""
        gone = self.missing | self.done
        return joined([one for who, one in self.lines.items() if who not in gone])

    def take_lines(self) -> LinesNow:
        """The same, with the gaps since the last time."""
        gaps, self._gaps = self._gaps, []
        return msgspec.structs.replace(self.lines_now(), gaps=gaps)

    def take_lateness(self) -> LatencyHistogram:
        """Lateness of the frames of calls that ended since the last time."""
        taken, self._lateness = self._lateness, LatencyHistogram()
        return taken

    def losses(self) -> tuple[str, ...]:
        """What is missing of the workers that were lost, one line each."""
        lost = self.missing - self.done
        if self.ended is not None:
            lost |= self.workers - self.done
        return tuple(self._loss(worker) for worker in sorted(lost))

    def _loss(self, worker: str) -> str:
        name = worker.rpartition("_")[0] + "_" + worker.rpartition("_")[2][:6]
        if worker not in self.last_seen:
            return f"worker {name} lost before its first report: nothing of it is here"
        at, up = self.last_seen[worker]
        return (
            f"worker {name} lost: last heard {at:.0f} s into the run with {up} calls "
            "up; they and its part of the load are missing since"
        )

    @property
    def seconds(self) -> float:
        """How long the run has lasted, or did last."""
        return (self.ended or time.monotonic()) - self.began
