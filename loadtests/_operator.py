"""Joins the run to Locust: starts, counts, reports, ends, and sets the exit code.

Who does what:

==============  ===============  ======  ====================================
process         exchange         engine  tallies
==============  ===============  ======  ====================================
only process    yes              yes     counts
master          yes              no      merges what workers report
worker          no, told of it   yes     counts, reports every three seconds
==============  ===============  ======  ====================================
"""

from __future__ import annotations

import atexit
import itertools
import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import msgspec
from locust.runners import MasterRunner, WorkerRunner

from fakes.call_record import CallRecord
from loadtests._attendant import WATCH_EVERY, Attendant
from loadtests._branches import (
    WORKERS_DEADLINE,
    Branches,
    numbers_told,
    place_of,
    tell_workers,
)
from loadtests._conversations import list_of_library
from loadtests._evidence import Evidence
from loadtests._exchange import Exchange
from loadtests._hunt import Hunt
from loadtests._interrupts import INTERRUPTED, take_interrupts
from loadtests._lines import Lines, Numbers, on_our_clock
from loadtests._live import Live
from loadtests._mistakes import read_or_exit, say_and_exit
from loadtests._options import COMMAND_LINE_ONLY, read_options
from loadtests._page import add_page
from loadtests._report import Report
from loadtests._staffing import course_of, run_seconds, staff
from loadtests._switchboard import CALLS_PER_WORKER, Switchboard
from loadtests._verdict import MET
from voiceutils.budget import DEFAULT_BUDGETS
from voiceutils.errors import VoiceError

__all__ = ["Operator"]

log = logging.getLogger("busyhour")

# Phones notice a dead agent by their sockets; the engine then reports them failed.
NOTICE = 1.0
NEVER = 1 << 60


class Operator:
    """One per Locust process; the phones (users) come here to place their calls."""

    def __init__(self, environment: Any) -> None:
        self.environment = environment
        self.runner = environment.runner
        self.is_worker = isinstance(self.runner, WorkerRunner)
        self.is_master = isinstance(self.runner, MasterRunner)
        self.parsed = environment.parsed_options
        if self.parsed.list_conversations:
            print(list_of_library(), flush=True)
            sys.exit(MET)
        self.headless = bool(self.parsed.headless)
        self.board: Switchboard | None = None
        self.attendant: Attendant | None = None
        self.numbers: Numbers | None = None
        self.options = read_or_exit(self.parsed, is_worker=self.is_worker)
        self._fixed = {name: getattr(self.parsed, name) for name in COMMAND_LINE_ONLY}
        self.exchange: Exchange | None = None
        self.hunt: Hunt | None = None
        self.evidence: Evidence | None = None
        self._leaving = False
        self._call_numbers: Iterator[int] | None = None
        self.report = Report(self)
        self.live = Live(self)
        self.branches = Branches(self)
        self._listen()
        if not self.is_worker:
            self.hunt = staff(environment, self.options, self.report)
            if self.headless:
                try:
                    self._open()
                except VoiceError as error:
                    say_and_exit(error)
                except KeyboardInterrupt:
                    sys.exit(INTERRUPTED)
        take_interrupts(self._on_interrupt)

    # -- starting -------------------------------------------------------------

    def _open(self) -> None:
        """Start fakes and agent, and the engine unless workers have theirs."""
        self.exchange = Exchange(self.options)
        atexit.register(self.exchange.close)
        self.numbers = self.exchange.open()
        log.info("calling %s", self.exchange.title)
        self._begin_evidence()
        if not self.is_master:
            self._open_lines()

    def _begin_evidence(self) -> None:
        options, numbers, exchange = self.options, self.numbers, self.exchange
        if options.evidence:
            self.evidence = Evidence(Path(options.evidence), options.budgets)
            if exchange is not None and numbers is not None:  # no worker has one
                phones, policy = self.parsed.num_users or 0, numbers.policy
                seed = options.call_seed
                self.evidence.begin(exchange.title, seed, policy, phones=phones)

    def _open_lines(self) -> None:
        assert self.numbers is not None
        exchange = self.exchange
        self.numbers = on_our_clock(self.numbers)
        lines = Lines(
            self.numbers.agent,
            on_record=self._finished,
            drop_every=self.options.drop_every,
            speech=self.options.speech,
            connect={**self.options.connect, **self.numbers.connect},
            authority=self.options.authority,
            seed=self.options.call_seed,
            recordings=self.evidence.folder if self.evidence else None,
            switch=self.numbers.control,
        )
        self.attendant = Attendant(
            lines,
            self.numbers,
            self.options,
            trouble=self.trouble,
            request=self.environment.events.request,
            sides=exchange.sides if exchange else {},
            evidence=self.evidence,
        )

    def _finished(self, record: CallRecord) -> None:
        if self.attendant is not None:
            self.attendant.finished(record)

    def _listen(self) -> None:
        events = self.environment.events
        events.test_start.add_listener(self._on_start)
        events.test_stopping.add_listener(self._on_stopping)
        events.test_stop.add_listener(self._on_stop)
        events.quitting.add_listener(self._on_quitting)
        events.quit.add_listener(self._on_quit)
        if self.environment.web_ui:
            page = self.report
            add_page(self.environment.web_ui, page, self.live)

    def _on_start(self, **_: Any) -> None:
        if self._leaving or (self.board is not None and self.board.ended is None):
            # A master whose worker left starts anew; for us the run goes on.
            return
        give_up = NEVER if self.is_worker else self.options.give_up_after
        self.board = Switchboard(give_up, self._end_run)
        try:
            self._prepare()
        except (VoiceError, msgspec.DecodeError) as error:
            log.error("cannot start: %s", error)
            self.board.stop(f"cannot start: {error}")
            return
        self.board.began = time.monotonic()
        if not self.is_worker:
            gevent.spawn(self.live.watch, self.board)
        if self.is_master:
            gevent.spawn(self.branches.watch, self.board)
        elif self.attendant is not None and self.numbers is not None:
            workers = self.numbers.workers
            index = place_of(getattr(self.runner, "client_id", ""), workers)
            if self._call_numbers is None:
                self._call_numbers = itertools.count(index * CALLS_PER_WORKER + 1)
            self.attendant.begin(
                self.board,
                course_of(self.options, self.numbers.run_seconds),
                self._call_numbers,
                index=index,
                workers=max(len(workers), 1),
            )

    def _prepare(self) -> None:
        """Have all that a run needs, where no run before it has left it."""
        if self.is_worker:
            # The master's options count, not those on the worker's command line; the
            # files that they name may be on the master's machine only.
            self.parsed.conversations = ""
            self.options = read_options(self.parsed, DEFAULT_BUDGETS)
            self.numbers = numbers_told(self.parsed)
            self._begin_evidence()
            self._open_lines()
        elif not self.headless:
            vars(self.parsed).update(self._fixed)
            self.options = read_options(self.parsed, DEFAULT_BUDGETS)
            self._open()
        elif self.exchange is None:
            self._open()
        elif self.attendant is None and not self.is_master:
            self._open_lines()
        if self.numbers is not None and not self.is_worker:
            seconds = run_seconds(self.parsed)
            self.numbers = msgspec.structs.replace(self.numbers, run_seconds=seconds)
        if self.is_master and self.numbers is not None:
            ready = self.runner.clients.ready
            workers = tuple(sorted(client.id for client in ready))
            if self.board is not None:
                self.board.workers.update(workers)  # lost, if nothing comes of them
            tell_workers(self.parsed, self.numbers, workers)

    # -- calls ----------------------------------------------------------------

    def place_call(self) -> None:
        """Place one call and wait for its end."""
        if self.attendant is None:
            gevent.sleep(WATCH_EVERY)
        else:
            self.attendant.place_call()

    def think(self) -> float:
        """Seconds that a phone waits after a call."""
        return self.attendant.think() if self.attendant else WATCH_EVERY

    def trouble(self) -> str:
        """Why no call can go on; empty while calls can."""
        return self.exchange.trouble() if self.exchange and not self._leaving else ""

    def hang_up_all(self) -> None:
        """End every call of this process."""
        if self.attendant is not None:
            self.attendant.hang_up_all()

    # -- ending ---------------------------------------------------------------

    def _end_run(self) -> None:
        if self.is_worker or self.hunt is not None:
            return  # the search sees for itself that a step is over

        def end() -> None:
            gevent.sleep(NOTICE)
            if self.headless:
                self.runner.quit()
            else:
                self.runner.stop()

        gevent.spawn(end)

    def _on_interrupt(self) -> None:
        self._leaving = True
        if self.is_worker:
            # The master has most likely been interrupted too, and will say so.
            gevent.spawn_later(WORKERS_DEADLINE, self.runner.quit)
            return
        log.info("interrupted: hanging up all calls")
        if self.hunt is not None:
            self.hunt.stopped = "interrupted before the search had its answer"
        if self.environment.web_ui:
            self.environment.web_ui.stop()
        else:
            self.runner.quit()

    def _on_stopping(self, **_: Any) -> None:
        if self.board is None or self.board.ended is not None:
            return
        if self.is_master:
            self.branches.await_workers(self.board)
        else:
            self.branches.hang_up()
        self.board.ended = time.monotonic()
        self.live.last_look()

    def _on_stop(self, **_: Any) -> None:
        self._close_lines()
        if self.hunt is None or self._leaving:
            self._close()
        if not self.headless and not self.is_worker and self.board is not None:
            print(self.report.table(), flush=True)

    def _close_lines(self) -> None:
        if self.attendant is not None:
            self.attendant.lines.close()
            self.attendant = None

    def _close(self) -> None:
        self._close_lines()
        if self.exchange is not None:
            self.exchange.close()

    def _on_quitting(self, **_: Any) -> None:
        """Runs before Locust's own listeners; a run in progress is ended first."""
        self._leaving = True
        if self.board is not None and self.board.ended is None:
            self.runner.quit()
        self._close()
        if self.is_worker:
            self.environment.process_exit_code = MET
        elif self.board is not None:
            self.environment.process_exit_code = self.report.judged().exit_code

    def _on_quit(self, **_: Any) -> None:
        if self.is_worker or self.board is None:
            return
        self.report.write()
        if self.headless:
            # With --json the standard output belongs to Locust's JSON.
            out = sys.stderr if self.parsed.json else sys.stdout
            print(self.report.table(), file=out, flush=True)
