"""Places the calls of one Locust process during one run, and counts what they give.

In the closed model each phone calls again when its call is over. In the open model
calls arrive by themselves and ring the next free phone; those that find none in time
are counted as such.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
from gevent.lock import Semaphore

from fakes.call_record import CallRecord, encode_record
from loadtests._arrivals import DueCalls, arrivals, holding_time, share_of
from loadtests._conversations import deadline_of, script_of
from loadtests._cost import GENERATOR, Meter
from loadtests._evidence import Evidence
from loadtests._lines import EngineFull, Lines, Numbers, settle
from loadtests._options import LoadOptions
from loadtests._profiles import Profile
from loadtests._switchboard import Switchboard, fire_figures
from loadtests._tally import Tally
from voiceutils.errors import VoiceError

__all__ = ["LOOK_EVERY", "WATCH_EVERY", "Attendant"]

log = logging.getLogger("busyhour")

WATCH_EVERY = 0.25
LOOK_EVERY = 2.0
LONGEST_NAP = 0.25


class Attendant:
    """One per run and Locust process that places calls.

    Args:
        lines: through which calls are placed.
        numbers: what is known of the exchange.
        options: of the run.
        trouble: says why the run cannot go on, empty while it can.
        request: Locust's event for a figure.
        sides: processes of which to measure the cost, by side, beside the generator's.
        evidence: keeps the calls, if anybody wants them.
    """

    def __init__(
        self,
        lines: Lines,
        numbers: Numbers,
        options: LoadOptions,
        *,
        trouble: Callable[[], str],
        request: Any,
        sides: dict[str, tuple[int, ...]],
        evidence: Evidence | None = None,
    ) -> None:
        self._evidence = evidence
        self.lines = lines
        self._numbers = numbers
        self._options = options
        self._traffic = options.traffic
        self._mix = numbers.conversations
        self._trouble = trouble
        self._request = request
        generator = {GENERATOR: (lines.engine_pid,)}
        self._meter = Meter({**generator, **sides}, alone=(os.getpid(),))
        self._chance = random.Random(options.call_seed)
        self._call_numbers: Iterator[int] = iter(())
        self._hung_up = False
        self._due: DueCalls | None = None
        self._told = (0, 0)
        self._waited: dict[int, float] = {}  # for a phone, seconds by call number
        self._ringing = Semaphore(0)
        self.board: Switchboard | None = None

    # -- the run --------------------------------------------------------------

    def begin(
        self,
        board: Switchboard,
        course: Profile,
        call_numbers: Iterator[int],
        *,
        index: int,
        workers: int,
    ) -> None:
        """Let the run begin.

        Args:
            board: takes what is counted.
            course: how the rate of arrivals changes.
            call_numbers: of the calls of phones that call by themselves; none may
                come twice while the fakes are up, for their ledger knows calls by it.
            index: which of the workers this process is, from 0.
            workers: how many share the arrivals; a process with a higher index came
                later and takes none.
        """
        self.board = board
        board.began = time.monotonic()
        self._call_numbers = call_numbers
        if self._traffic.rate is not None:
            seed = self._options.call_seed
            moments = arrivals(
                self._traffic.rate, self._traffic.arrivals, course, seed=seed
            )
            own = share_of(moments, index, workers) if index < workers else iter(())
            self._due = DueCalls(own, self._traffic.late_by)
            gevent.spawn(self._ring, board, self._due)
        gevent.spawn(self._watch, board)

    def think(self) -> float:
        """How long a phone waits after a call."""
        return 0.0 if self._due else self._chance.uniform(*self._traffic.think)

    def place_call(self) -> None:
        """Place one call and wait for its end."""
        board = self.board
        if board is None or self.lines.closing or board.stopped:
            gevent.sleep(WATCH_EVERY)
            return
        if self._due is None:
            self._place(board, next(self._call_numbers), None)
        elif self._ringing.acquire(timeout=WATCH_EVERY):
            taken = self._due.take(time.monotonic() - board.began)
            if taken is not None:
                number, moment = taken
                self._place(board, number + 1, board.began + moment)

    def hang_up_all(self) -> None:
        """End every call; all is counted when this returns. Harmless when repeated."""
        if self._hung_up or self.board is None:
            return
        self._hung_up = True
        self._count_due(self.board)
        self._meter.sample(self.lines.up)
        self.lines.hang_up_all()
        self.board.add(self._meter.tally())

    def _place(self, board: Switchboard, number: int, moment: float | None) -> None:
        options, traffic = self._options, self._traffic
        holding = None
        if moment is not None:
            self._waited[number] = max(time.monotonic() - moment, 0.0)
        if traffic.holding is not None:
            kind, seed = traffic.holding_kind, options.call_seed
            holding = holding_time(kind, traffic.holding, number, seed)
        turns, seed = options.turns, options.call_seed
        script = script_of(self._mix, number, turns=turns, seed=seed, holding=holding)
        try:
            self.lines.place(
                number,
                script,
                deadline_of(self._mix, number, seed),
                intended_at=moment,
                holding=holding,
            )
        except EngineFull:
            full = Tally()
            full.counts["engine_full"] = 1
            board.add(full)
            gevent.sleep(WATCH_EVERY)
        except VoiceError as error:  # the engine is gone, which the watch reports
            log.debug("%s", error)
            gevent.sleep(WATCH_EVERY)

    # -- what happens meanwhile -----------------------------------------------

    def finished(self, record: CallRecord) -> None:
        """Count a call that is over; runs in a greenlet of its own."""
        board = self.board
        if board is None:
            return
        waited = self._waited.pop(record.call, 0.0)
        settled = settle(record, self._numbers, waited)
        tally = settled.tally
        dialling = tally.histograms["dialling"].max
        if self._due is not None and dialling is not None:
            tally.counts["placed_late"] = int(dialling > self._traffic.late_by)
        board.add(tally)
        if self._options.record_calls:
            _append(self._options.record_calls, encode_record(record))
        if self._evidence is not None:
            self._evidence.keep(settled)
        fire_figures(self._request, record)

    def _ring(self, board: Switchboard, due: DueCalls) -> None:
        """Ring a phone at each arrival, whatever the calls before it do."""
        while board.ended is None and not board.stopped and not self.lines.closing:
            now = time.monotonic() - board.began
            for _ in range(due.advance(now)):
                self._ringing.release()
            rest = LONGEST_NAP if due.next_at is None else due.next_at - now
            gevent.sleep(min(max(rest, 0.0), LONGEST_NAP))

    def _count_due(self, board: Switchboard) -> None:
        due = self._due
        if due is None:
            return
        due.advance(time.monotonic() - board.began)
        tally = Tally()
        tally.counts["offered"] = due.offered - self._told[0]
        tally.counts["blocked"] = due.blocked - self._told[1]
        self._told = (due.offered, due.blocked)
        board.add(tally)

    def _watch(self, board: Switchboard) -> None:
        looked = 0.0
        while board.ended is None and not board.stopped and not self.lines.closing:
            trouble = self._trouble() or self.lines.trouble()
            if trouble:
                log.error("%s", trouble)
                board.stop(trouble)
            self._count_due(board)
            if time.monotonic() - looked > LOOK_EVERY:
                looked = time.monotonic()
                self._meter.sample(self.lines.up)
                if (now := self.lines.now()) is not None:
                    board.note_lines("", now)
            gevent.sleep(WATCH_EVERY)


def _append(path: str, line: str) -> None:
    # One write each, at the end of the file: workers of this machine share it.
    try:
        with Path(path).open("ab", buffering=0) as file:
            file.write(line.encode() + b"\n")
    except OSError as error:
        log.error("--record-calls: %s", error)
