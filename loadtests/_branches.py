"""What master and workers tell each other: tallies up, the order to hang up down."""

from __future__ import annotations

import time
from typing import Any

import gevent

from loadtests._switchboard import Switchboard
from loadtests._tally import Tally

__all__ = [
    "HANG_UP",
    "LAST_TALLY",
    "WORKERS_DEADLINE",
    "await_workers",
    "report",
    "take_last_report",
    "take_report",
]

HANG_UP = "busyhour_hang_up"
LAST_TALLY = "busyhour_last_tally"
TALLY = "busyhour_tally"
WORKERS_DEADLINE = 10.0


def report(board: Switchboard, data: dict[str, Any]) -> None:
    """Put what is new into a worker's regular report, the ``data``."""
    data[TALLY] = board.take_unreported().to_json()


def take_report(board: Switchboard, worker: str, data: dict[str, Any]) -> None:
    """Add a worker's regular report to its master's board."""
    if TALLY in data:
        board.add(Tally.from_json(data[TALLY]))
    if data.get("user_count"):
        board.workers.add(worker)


def take_last_report(board: Switchboard, worker: str, data: dict[str, Any]) -> None:
    """Add the tally that a worker sends when its last call is over."""
    board.add(Tally.from_json(data))
    board.done.add(worker)


def await_workers(board: Switchboard, runner: Any) -> None:
    """Have every worker hang up, and wait for the last tallies of those alive."""
    runner.send_message(HANG_UP)
    until = time.monotonic() + WORKERS_DEADLINE
    while time.monotonic() < until:
        missing = {client.id for client in runner.clients.missing}
        if board.workers <= board.done | missing:
            return
        gevent.sleep(0.05)
