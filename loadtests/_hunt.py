"""The search for the capacity as a shape of Locust: one short run for each step.

Every step is a whole run, with its own tallies and an own engine: no call of a step
before it is in its figures, and each ends by hanging up all its calls.
"""

from __future__ import annotations

import logging
import time
from typing import Protocol

from locust import LoadTestShape
from locust.runners import STATE_INIT

from loadtests._capacity import CapacityStep, Search, judge_search
from loadtests._traffic import Traffic
from loadtests._verdict import Judged

__all__ = ["Hunt"]

log = logging.getLogger("busyhour")

START = 5
RAMP = 4.0
"""Seconds over which the phones of a step are started, so that they do not all speak
at the same time."""


MOST = 0.8
LONGEST_WAIT = 20.0
"""Seconds after which a step begins whoever talks: an agent may refuse calls."""


class Runs(Protocol):
    """What the search needs of the process that runs the steps."""

    def talking(self) -> int:
        """How many callers are connected at the moment."""

    def is_over(self) -> bool:
        """Whether the run that goes on has ended by itself."""

    def step(self, phones: int) -> CapacityStep:
        """What the run that has just ended measured."""

    def trouble(self) -> str:
        """Why no further run makes sense; empty while it does."""


class Hunt(LoadTestShape):  # type: ignore[misc]  # Locust comes without types
    """Steps through numbers of phones as the search wants them.

    Attributes:
        search: what is known so far.
        stopped: why it ended before its answer; empty when it did not.
    """

    use_common_options = True

    def __init__(self, runs: Runs, traffic: Traffic) -> None:
        super().__init__()
        self.search = Search(START, traffic.max_calls)
        self.stopped = ""
        self._runs = runs
        self._traffic = traffic
        self._now: tuple[int, float] | None = None
        self._ends: float | None = None
        self._waited_since: float | None = None

    def tick(self) -> tuple[int, float] | None:
        """End a step that is over, and say what comes now; None at the very end."""
        if self._now is None:
            return self._begin()
        if self._ends is None and self._are_up(self._now[0]):
            self._ends = time.monotonic() + self._traffic.step_time
        ended = self._ends is not None and time.monotonic() >= self._ends
        if not ended and not self._runs.is_over():
            return self._now
        self.runner.stop()
        step = self._runs.step(self._now[0])
        self.stopped = self._runs.trouble()
        self.search.took(step)
        why = f": {step.reasons[0]}" if step.reasons else ""
        log.info("capacity: %d calls %s%s", step.phones, step.word, why)
        coming = None if self.stopped else self._begin()
        if coming is not None:
            # Locust ends a shape whose runner is stopped when it looks again after a
            # second, and an engine may take longer than that to come up.
            self.runner.update_state(STATE_INIT)
        return coming

    def _are_up(self, phones: int) -> bool:
        """Whether the step's clock may start: all phones were started, and most talk.

        Where an engine is slow to come up its phones wait, and a step that ran
        meanwhile would end before the first turn.
        """
        if self._waited_since is None:
            self._waited_since = time.monotonic()
        waited = time.monotonic() - self._waited_since
        return self._runs.talking() >= MOST * phones or waited > LONGEST_WAIT

    def _begin(self) -> tuple[int, float] | None:
        phones = self.search.next_phones
        if phones is None:
            return None
        self._ends = self._waited_since = None
        # Locust starts nothing for what it was told last time already.
        rate = max(phones / RAMP, 1.0) + 1e-6 * len(self.search.steps)
        self._now = (phones, rate)
        return self._now

    def judged(self) -> Judged:
        """The verdict on the search as it stands."""
        stopped = self.stopped
        if not stopped and self.search.next_phones is not None:
            stopped = "the search was ended before it had its answer"
        return judge_search(self.search, self._traffic.need_calls, stopped)
