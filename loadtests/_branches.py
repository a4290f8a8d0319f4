"""What master and workers tell each other: tallies up, the order to hang up down."""

from __future__ import annotations

import logging
import time
from argparse import Namespace
from typing import Any, Protocol

import gevent
import msgspec

from fakes.engine.commands import LinesNow
from loadtests._attendant import LOOK_EVERY, WATCH_EVERY, Attendant
from loadtests._cost import Meter
from loadtests._exchange import Exchange
from loadtests._lines import Numbers
from loadtests._switchboard import Switchboard
from loadtests._tally import Tally

__all__ = [
    "HANG_UP",
    "LAST_TALLY",
    "WORKERS_DEADLINE",
    "Branches",
    "Office",
    "note_missing",
    "numbers_told",
    "place_of",
    "report",
    "take_last_report",
    "take_report",
    "tell_workers",
]

log = logging.getLogger("busyhour")

HANG_UP = "busyhour_hang_up"
NUMBERS = "busyhour_numbers"
LAST_TALLY = "busyhour_last_tally"
TALLY = "busyhour_tally"
LINES = "busyhour_lines"
CALLS_OVER = "busyhour_calls_over"
CALLS_UP = "busyhour_calls_up"
WORKERS_DEADLINE = 10.0
TELL_EVERY = 0.2
"""Seconds after which a finished call is the master's: of a worker that is killed, no
more is lost. Locust's own reports come every three seconds."""


def tell_workers(parsed: Namespace, numbers: Numbers, workers: tuple[str, ...]) -> None:
    """Have every worker know what this master knows, and who the workers are."""
    told = msgspec.structs.replace(numbers, workers=workers)
    # Locust hands the options of its master to every worker.
    setattr(parsed, NUMBERS, msgspec.json.encode(told).decode())


def numbers_told(parsed: Namespace) -> Numbers:
    """What the master told this worker; raises DecodeError if that does not read."""
    return msgspec.json.decode(getattr(parsed, NUMBERS, ""), type=Numbers)


def report(board: Switchboard, calls_up: int, data: dict[str, Any]) -> None:
    """Put what is new into a worker's regular report, the ``data``."""
    data[CALLS_UP] = calls_up
    data[TALLY] = board.take_unreported().to_json()
    data[LINES] = msgspec.json.encode(board.take_lines()).decode()


def take_report(board: Switchboard, worker: str, data: dict[str, Any]) -> None:
    """Add a worker's regular report to its master's board."""
    if TALLY in data:
        board.add(Tally.from_json(data[TALLY]))
        board.last_seen[worker] = (board.seconds, int(data.get(CALLS_UP, 0)))
    if LINES in data:
        board.note_lines(worker, msgspec.json.decode(data[LINES], type=LinesNow))
    if data.get("user_count"):
        board.workers.add(worker)


def take_last_report(board: Switchboard, worker: str, data: dict[str, Any]) -> None:
    """Add the tally that a worker sends when its last call is over."""
    board.add(Tally.from_json(data))
    board.done.add(worker)


def note_missing(board: Switchboard, runner: Any) -> None:
    """Take down which workers have stopped answering in mid run."""
    gone = {client.id for client in runner.clients.missing}
    # A worker that the master has given up no longer stands in any list of its own.
    gone |= board.workers - {client.id for client in runner.clients.values()}
    board.missing |= (gone & board.workers) - board.done


def place_of(worker: str, workers: tuple[str, ...]) -> int:
    """The place of a worker among those that share the load; 0 for one process.

    One that came later, and shares in nothing, is behind the last.
    """
    if not workers:
        return 0
    return workers.index(worker) if worker in workers else len(workers)


class Office(Protocol):
    """What the branches need of the process they stand in."""

    runner: Any
    environment: Any
    is_worker: bool
    is_master: bool
    board: Switchboard | None
    attendant: Attendant | None
    exchange: Exchange | None

    def trouble(self) -> str:
        """Why no call can go on; empty while calls can."""

    def hang_up_all(self) -> None:
        """End every call of this process."""


class Branches:
    """The messages between a master and its workers, whichever this process is.

    Args:
        office: the process.
    """

    def __init__(self, office: Office) -> None:
        self._office = office
        events, runner = office.environment.events, office.runner
        if office.is_worker:
            events.report_to_master.add_listener(self._on_report)
            runner.register_message(HANG_UP, self.hang_up, concurrent=True)
            gevent.spawn(self._tell)
        if office.is_master:
            events.worker_report.add_listener(self._on_worker_report)
            runner.register_message(LAST_TALLY, self._on_last_tally)
            runner.register_message(CALLS_OVER, self._on_calls_over)

    # -- as worker, or as only process ----------------------------------------

    def hang_up(self, **_: Any) -> None:
        """End every call of this process; the last of a worker is reported."""
        office = self._office
        office.hang_up_all()
        if office.is_worker:
            # One that had nothing to do says so; silence would count as its loss.
            last = office.board.take_unreported() if office.board else Tally()
            office.runner.send_message(LAST_TALLY, last.to_json())

    def _tell(self) -> None:
        """Tell the master of calls that are over, soon after each."""
        office = self._office
        while True:
            gevent.sleep(TELL_EVERY)
            board, attendant = office.board, office.attendant
            if board is None or attendant is None or board.ended is not None:
                continue
            if any(board.unreported.counts.values()):
                data: dict[str, Any] = {}
                report(board, attendant.lines.up, data)
                office.runner.send_message(CALLS_OVER, data)

    def _on_report(self, data: dict[str, Any], **_: Any) -> None:
        board, attendant = self._office.board, self._office.attendant
        if board is not None and attendant is not None:
            report(board, attendant.lines.up, data)

    # -- as master ------------------------------------------------------------

    def watch(self, board: Switchboard) -> None:
        """Watch what was started and who works, until the run is over."""
        office = self._office
        meter = Meter(office.exchange.sides if office.exchange else {})
        looked = 0.0
        while board.ended is None and not board.stopped:
            if trouble := office.trouble():
                log.error("%s", trouble)
                board.stop(trouble)
            before = board.losses()
            note_missing(board, office.runner)
            for loss in board.losses():
                if loss not in before:
                    log.error("%s", loss)
            if time.monotonic() - looked > LOOK_EVERY:
                looked = time.monotonic()
                meter.sample(0)
                board.costs = meter.tally()
            gevent.sleep(WATCH_EVERY)

    def await_workers(self, board: Switchboard) -> None:
        """Have every worker hang up, and wait for the last tallies of those alive."""
        runner = self._office.runner
        runner.send_message(HANG_UP)
        until = time.monotonic() + WORKERS_DEADLINE
        while time.monotonic() < until:
            note_missing(board, runner)
            if board.workers <= board.done | board.missing:
                break
            gevent.sleep(0.05)
        board.add(board.costs)

    def _on_worker_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        if self._office.board is not None:
            take_report(self._office.board, client_id, data)

    def _on_calls_over(self, msg: Any, **_: Any) -> None:
        if self._office.board is not None:
            take_report(self._office.board, msg.node_id, msg.data)

    def _on_last_tally(self, msg: Any, **_: Any) -> None:
        if self._office.board is not None:
            take_last_report(self._office.board, msg.node_id, msg.data)
