"""All calls of one engine process: dials them one by one, and hangs them up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fakes.call_record import ENDED_BY_TESTER, CallRecord
from fakes.engine.commands import Dial, Finished, Note, Report
from fakes.twilio.phone import PhoneCall

__all__ = ["DIAL_EVERY", "Exchange"]

# A handshake costs about 1 ms; many at one instant would delay the frames of all the
# other calls.
DIAL_EVERY = 0.0015
MAX_WAITING = 20_000
_ON_TIME = 0.0015  # a pause that took no longer than that more found the loop idle
_LATE_PAUSES = 20


class Exchange:
    """Dials, and keeps the calls.

    Args:
        report: called with each finished call.
        max_calls: how many calls may be up at once; further ones wait.
        dial_every: seconds between two dials.
    """

    def __init__(
        self,
        report: Callable[[Report], None],
        *,
        max_calls: int = 1000,
        dial_every: float = DIAL_EVERY,
    ) -> None:
        self._report = report
        self._dial_every = dial_every
        self._room = asyncio.Semaphore(max_calls)
        self._waiting: asyncio.Queue[Dial] = asyncio.Queue(MAX_WAITING)
        self._calls: dict[int, PhoneCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._dialler = asyncio.ensure_future(self._dial_in_turn())

    def dial(self, order: Dial) -> None:
        """Queue a call; one over the bound fails at once."""
        try:
            self._waiting.put_nowait(order)
        except asyncio.QueueFull:
            text = f"more than {MAX_WAITING} calls wait to be dialled"
            self._report(Finished(order.id, _never_dialled(order, text)))

    def hang_up_all(self) -> None:
        """End every call; each will be reported."""
        while not self._waiting.empty():
            order = self._waiting.get_nowait()
            self._report(Finished(order.id, _never_dialled(order, ENDED_BY_TESTER)))
        for call in self._calls.values():
            call.hang_up()

    async def close(self, within: float) -> None:
        """Hang up all calls and wait until they are reported."""
        self._dialler.cancel()
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

    async def _dial_in_turn(self) -> None:
        while True:
            await self._room.acquire()
            order = await self._waiting.get()
            task = asyncio.ensure_future(self._talk(order))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            await self._let_frames_pass()

    async def _let_frames_pass(self) -> None:
        """Wait for the next dial, longer while this loop runs late."""
        clock = asyncio.get_running_loop().time
        for _ in range(_LATE_PAUSES):
            begun = clock()
            await asyncio.sleep(self._dial_every)
            if clock() - begun < self._dial_every + _ON_TIME:
                return

    async def _talk(self, order: Dial) -> None:
        try:
            call = self._calls[order.id] = PhoneCall(order.order)
            record = await call.run()
        except Exception as error:  # a bug here must not leave a caller waiting
            text = f"media engine failed: {type(error).__name__}: {error}"
            record = _never_dialled(order, text)
        finally:
            self._calls.pop(order.id, None)
            self._room.release()
        self._report(Finished(order.id, record))


def _never_dialled(order: Dial, cause: str) -> CallRecord:
    now = asyncio.get_running_loop().time()
    return CallRecord(
        call=order.order.call,
        call_sid=order.order.call_sid or "",
        agent=order.order.agent,
        outcome="failed",
        cause=cause,
        intended_at=order.order.intended_at,
        placed_at=now,
        duration=0.0,
    )
