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
from typing import Any, NoReturn

import gevent
import msgspec
from locust.runners import MasterRunner, WorkerRunner

from fakes.call_record import CallRecord
from fakes.twilio.script import conversation
from loadtests._branches import (
    HANG_UP,
    LAST_TALLY,
    WORKERS_DEADLINE,
    await_workers,
    report,
    take_last_report,
    take_report,
)
from loadtests._exchange import Exchange
from loadtests._interrupts import INTERRUPTED, take_interrupts
from loadtests._lines import Lines, Numbers, settle
from loadtests._options import COMMAND_LINE_ONLY, LoadOptions, read_options
from loadtests._page import add_page
from loadtests._report import judge_board, rows_of, table_of
from loadtests._switchboard import CALLS_PER_WORKER, Switchboard, fire_figures
from loadtests._verdict import CANNOT_START, MET
from voiceutils.budget import DEFAULT_BUDGETS
from voiceutils.errors import VoiceError

__all__ = ["Operator"]

log = logging.getLogger("busyhour")

NUMBERS = "busyhour_numbers"

WATCH_EVERY = 0.25
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
        self.headless = bool(self.parsed.headless)
        self.board: Switchboard | None = None
        self.lines: Lines | None = None
        self.numbers: Numbers | None = None
        self.options = self._read_options_or_exit()
        self._fixed = {name: getattr(self.parsed, name) for name in COMMAND_LINE_ONLY}
        self.exchange: Exchange | None = None
        self._leaving = False
        self._call_numbers: Iterator[int] = itertools.count(1)
        self._listen()
        if self.headless and not self.is_worker:
            self._open_or_exit()
        take_interrupts(self._on_interrupt)

    # -- starting -------------------------------------------------------------

    def _read_options_or_exit(self) -> LoadOptions:
        try:
            return read_options(self.parsed, DEFAULT_BUDGETS)
        except VoiceError as error:
            _say_and_exit(error)

    def _open_or_exit(self) -> None:
        try:
            self._open()
        except VoiceError as error:
            _say_and_exit(error)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)

    def _open(self) -> None:
        """Start fakes and agent, and the engine unless workers have theirs."""
        self.exchange = Exchange(self.options)
        atexit.register(self.exchange.close)
        self.numbers = self.exchange.open()
        log.info("calling %s", self.exchange.title)
        if self.is_master:
            # Locust hands the options of its master to every worker.
            setattr(self.parsed, NUMBERS, msgspec.json.encode(self.numbers).decode())
        else:
            self._open_lines()

    def _open_lines(self) -> None:
        assert self.numbers is not None
        self.lines = Lines(
            self.numbers.agent,
            on_record=self._finished,
            drop_every=self.options.drop_every,
            connect=self.options.connect,
            authority=self.options.authority,
            seed=self.options.call_seed,
        )

    def _listen(self) -> None:
        events = self.environment.events
        events.test_start.add_listener(self._on_start)
        events.test_stopping.add_listener(self._on_stopping)
        events.test_stop.add_listener(self._on_stop)
        events.quitting.add_listener(self._on_quitting)
        events.quit.add_listener(self._on_quit)
        if self.is_worker:
            events.report_to_master.add_listener(self._on_report)
            self.runner.register_message(HANG_UP, self._hang_up_all, concurrent=True)
        if self.is_master:
            events.worker_report.add_listener(self._on_worker_report)
            self.runner.register_message(LAST_TALLY, self._on_last_tally)
        if self.environment.web_ui:
            add_page(self.environment.web_ui, self.table, self.rows)

    def _on_start(self, **_: Any) -> None:
        if self._leaving or (self.board is not None and self.board.ended is None):
            # A master whose worker left starts anew; for us the run goes on.
            return
        give_up = NEVER if self.is_worker else self.options.give_up_after
        self.board = Switchboard(give_up, self._end_run)
        try:
            if self.is_worker:
                # The master's options count, not those on the worker's command line.
                self.options = read_options(self.parsed, DEFAULT_BUDGETS)
                told = getattr(self.parsed, NUMBERS, "")
                self.numbers = msgspec.json.decode(told, type=Numbers)
                self._open_lines()
            elif not self.headless or self.numbers is None:
                vars(self.parsed).update(self._fixed)
                self.options = read_options(self.parsed, DEFAULT_BUDGETS)
                self._open()
        except (VoiceError, msgspec.DecodeError) as error:
            log.error("cannot start: %s", error)
            self.board.stop(f"cannot start: {error}")
            return
        self.board.began = time.monotonic()
        first = max(getattr(self.runner, "worker_index", 0), 0) * CALLS_PER_WORKER
        self._call_numbers = itertools.count(first + 1)
        gevent.spawn(self._watch, self.board)

    # -- calls ----------------------------------------------------------------

    def place_call(self) -> None:
        """Place one call and wait for its end."""
        lines, board = self.lines, self.board
        if lines is None or lines.closing or board is None or board.stopped:
            gevent.sleep(WATCH_EVERY)
            return
        number = next(self._call_numbers)
        script = conversation(number, self.options.turns, self.options.call_seed)
        try:
            lines.place(number, script)
        except VoiceError as error:  # the engine is gone, which the watch reports
            log.debug("%s", error)
            gevent.sleep(WATCH_EVERY)

    def _finished(self, record: CallRecord) -> None:
        if self.board is None or self.numbers is None:
            return
        self.board.add(settle(record, self.numbers))
        fire_figures(self.environment.events.request, record)

    def _watch(self, board: Switchboard) -> None:
        while board.ended is None and not board.stopped:
            exchange, lines = self.exchange, self.lines
            trouble = exchange.trouble() if exchange else ""
            trouble = trouble or (lines.trouble() if lines else "")
            if trouble and not self._leaving:
                log.error("%s", trouble)
                board.stop(trouble)
            gevent.sleep(WATCH_EVERY)

    # -- several processes ----------------------------------------------------

    def _on_report(self, data: dict[str, Any], **_: Any) -> None:
        if self.board is not None:
            report(self.board, data)

    def _on_worker_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        if self.board is not None:
            take_report(self.board, client_id, data)

    def _on_last_tally(self, msg: Any, **_: Any) -> None:
        if self.board is not None:
            take_last_report(self.board, msg.node_id, msg.data)

    def _hang_up_all(self, **_: Any) -> None:
        """End every call of this process; the last of a worker is reported."""
        if self.lines is None or self.board is None:
            return
        self.lines.hang_up_all()
        if self.is_worker:
            self.runner.send_message(LAST_TALLY, self.board.take_unreported().to_json())

    # -- ending ---------------------------------------------------------------

    def _end_run(self) -> None:
        if self.is_worker:
            return

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
        if self.environment.web_ui:
            self.environment.web_ui.stop()
        else:
            self.runner.quit()

    def _on_stopping(self, **_: Any) -> None:
        if self.board is None or self.board.ended is not None:
            return
        if self.is_master:
            await_workers(self.board, self.runner)
        else:
            self._hang_up_all()
        self.board.ended = time.monotonic()

    def _on_stop(self, **_: Any) -> None:
        self._close()
        if not self.headless and not self.is_worker and self.board is not None:
            print(self.table(), flush=True)

    def _close(self) -> None:
        if self.lines is not None:
            self.lines.close()
            self.lines = None
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
            self.environment.process_exit_code = judge_board(
                self.board, self.options
            ).exit_code

    def _on_quit(self, **_: Any) -> None:
        if self.headless and not self.is_worker and self.board is not None:
            # With --json the standard output belongs to Locust's JSON.
            out = sys.stderr if self.parsed.json else sys.stdout
            print(self.table(), file=out, flush=True)

    # -- the table ------------------------------------------------------------

    def table(self) -> str:
        """The table as it stands."""
        if self.board is None or self.exchange is None:
            return "no run yet"
        policy = self.numbers.policy if self.numbers else None
        return table_of(self.board, self.options, self.exchange.title, policy)

    def rows(self) -> list[dict[str, str]]:
        """The latency rows of the table as it stands, for the web page."""
        return rows_of(self.board, self.options) if self.board else []


def _say_and_exit(error: VoiceError) -> NoReturn:
    print(f"busyhour: {error}", file=sys.stderr, flush=True)
    sys.exit(CANNOT_START)
