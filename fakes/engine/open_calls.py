"""The calls that an engine was told to place and whose records have not come yet."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from fakes.call_record import CallRecord, Finding
from fakes.twilio.phone import CallOrder
from voiceutils.errors import DeadlineExceeded

__all__ = ["OpenCalls"]

_GRACE = 30.0  # seconds beyond a call's own deadline until its record is here


class _Open:
    def __init__(self, order: CallOrder) -> None:
        self.order = order
        self.over = threading.Event()
        self.record: CallRecord | None = None
        self.awaited = True


class OpenCalls:
    """Takes records as they come and hands each to whoever waits for it.

    Args:
        on_record: called with id and record of each call that ends, whoever waits.
        notes: takes what a listener did wrong.
    """

    def __init__(
        self, on_record: Callable[[int, CallRecord], None] | None, notes: deque[str]
    ) -> None:
        self._on_record = on_record
        self._notes = notes
        self._calls: dict[int, _Open] = {}

    def add(self, number: int, order: CallOrder) -> None:
        """Expect the record of a call."""
        self._calls[number] = _Open(order)

    def forget(self, number: int) -> None:
        """Expect it no more: the call was never placed."""
        self._calls.pop(number, None)

    def unawaited(self, number: int) -> None:
        """Do not keep the record of a call for anybody."""
        call = self._calls.get(number)
        if call is not None:
            call.awaited = False
            if call.record is not None:
                self.forget(number)

    def wait(self, number: int, within: float | None) -> CallRecord:
        """Return the record of a call when it is over; ask once a call.

        Raises:
            DeadlineExceeded: none came in time.
        """
        call = self._calls[number]
        seconds = call.order.deadline + _GRACE if within is None else within
        if not call.over.wait(seconds) or call.record is None:
            raise DeadlineExceeded(f"the record of call {number}", seconds)
        del self._calls[number]
        return call.record

    def finish(self, number: int, record: CallRecord) -> None:
        """Take the record of a call; the first one counts."""
        call = self._calls.get(number)
        if call is None or call.record is not None:
            return
        call.record = record
        if self._on_record is not None:
            try:
                self._on_record(number, record)
            except Exception as error:  # the listener's fault must not stop the reader
                self._notes.append(f"listener failed: {error!r}")
        call.over.set()
        if not call.awaited:
            self.forget(number)

    def bury(self, died: str, last_words: str) -> None:
        """Report every call that is left as failed: its engine has died."""
        left = [(n, call) for n, call in self._calls.items() if call.record is None]
        for number, call in left:
            self.finish(number, _obituary(call.order, died, last_words))


def _obituary(order: CallOrder, died: str, last_words: str) -> CallRecord:
    return CallRecord(
        call=order.call,
        call_sid=order.call_sid or "",
        agent=order.agent,
        outcome="failed",
        cause=died,
        intended_at=order.intended_at,
        placed_at=time.monotonic(),
        duration=0.0,
        findings=[Finding("engine", died, 0.0, last_words[-400:])],
    )
