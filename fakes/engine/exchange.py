"""All calls of one engine process: dials them one by one, and hangs them up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from fakes.call_record import ENDED_BY_TESTER, CallRecord
from fakes.engine.commands import Dial, Finished, Health, LinesNow, Note, Report
from fakes.engine.health import Vitals
from fakes.engine.lines import LinesWatch
from fakes.engine.wheel import wheel_here
from fakes.twilio.phone import PhoneCall

__all__ = ["MAX_WAITING", "Exchange"]

MAX_WAITING = 20_000
_ON_TIME = 0.001  # a wheel that is later than that has better to do than to dial
_LATE_BEATS = 2  # but for so many beats only, or a busy engine would never fill


class Exchange:
    """Dials, at most one call each millisecond, and keeps the calls.

    A handshake costs about a millisecond: many at one instant, as a load generator
    starts its users, would delay the frames of all the other calls.

    Args:
        report: called with each finished call.
        max_calls: how many calls may be up at once; further ones wait.
    """

    def __init__(
        self, report: Callable[[Report], None], *, max_calls: int = 1000
    ) -> None:
        self._report = report
        self._max_calls = max_calls
        self._wheel = wheel_here()
        self._vitals = Vitals(self._wheel)
        self._watch = LinesWatch()
        self._waiting: dict[int, Dial] = {}
        self._calls: dict[int, PhoneCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._held_back = 0  # beats
        self._closed = False

    def dial(self, order: Dial) -> None:
        """Queue a call; one over the bound fails at once."""
        if self._closed or len(self._waiting) >= MAX_WAITING:
            text = f"more than {MAX_WAITING} calls wait to be dialled"
            cause = ENDED_BY_TESTER if self._closed else text
            self._report(Finished(order.id, _never_dialled(order, cause)))
            return
        self._waiting[order.id] = order
        self._wheel.each_beat(self._dial_next)

    def hang_up(self, number: int) -> None:
        """End one call; one that is over, or unknown, is left alone."""
        order = self._waiting.pop(number, None)
        if order is not None:
            self._report(Finished(number, _never_dialled(order, ENDED_BY_TESTER)))
        elif number in self._calls:
            self._calls[number].hang_up()

    def hang_up_all(self) -> None:
        """End every call; each will be reported."""
        for number in [*self._waiting, *self._calls]:
            self.hang_up(number)

    @property
    def is_idle(self) -> bool:
        """Whether no call is up, nor waits to be dialled."""
        return not self._calls and not self._waiting

    def health(self) -> Health:
        """Return how well time was kept so far."""
        return self._vitals.health(self._calls.values(), waiting=len(self._waiting))

    def lines_now(self) -> LinesNow:
        """Return what the callers are about."""
        return self._watch.now(self._calls, time.monotonic())

    async def close(self, within: float) -> None:
        """Hang up all calls and wait until they are reported."""
        self._closed = True
        self._wheel.no_more(self._dial_next)
        self.hang_up_all()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=within)
            for task in late:
                task.cancel()
            if late:
                text = (
                    f"{len(late)} calls did not end within {within:g} s of hanging up"
                )
                self._report(Note(text))

    def _dial_next(self) -> None:
        if not self._waiting or len(self._calls) >= self._max_calls:
            self._wheel.no_more(self._dial_next)
            return
        if self._wheel.late > _ON_TIME and self._held_back < _LATE_BEATS:
            self._held_back += 1
            return
        self._held_back = 0
        number = next(iter(self._waiting))
        order = self._waiting.pop(number)
        call = self._calls[number] = PhoneCall(order.order)
        task = asyncio.ensure_future(self._talk(order, call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _talk(self, order: Dial, call: PhoneCall) -> None:
        try:
            record = await call.run()
            self._watch.over(order.id, record)
        except Exception as error:  # a bug here must not leave a caller waiting
            text = f"media engine failed: {type(error).__name__}: {error}"
            record = _never_dialled(order, text)
        finally:
            del self._calls[order.id]
            self._vitals.over(call)
            if self._waiting and not self._closed:
                self._wheel.each_beat(self._dial_next)
        self._report(Finished(order.id, record))


def _never_dialled(order: Dial, cause: str) -> CallRecord:
    return CallRecord(
        call=order.order.call,
        call_sid=order.order.call_sid or "",
        agent=order.order.agent,
        outcome="failed",
        cause=cause,
        intended_at=order.order.intended_at,
        placed_at=time.monotonic(),
        duration=0.0,
    )
