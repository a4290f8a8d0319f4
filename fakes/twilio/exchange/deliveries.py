"""Sends callbacks: those of one call in order, unless one is to be late."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fakes.twilio.exchange.switch_orders import Deliver
from fakes.twilio.web.call_failed import CallFailed
from fakes.twilio.web.dial import Reach
from fakes.twilio.web.fetching import fetch

__all__ = ["Deliveries"]

_MOST = 10_000  # under way at one time; more than that are lost


class Deliveries:
    """Callbacks under way.

    Args:
        reach: how applications are reached.
        failed: is told of each that did not arrive.
    """

    def __init__(
        self, reach: Reach, failed: Callable[[Deliver, CallFailed], None]
    ) -> None:
        self._reach = reach
        self._failed = failed
        self._last: dict[str, asyncio.Future[None]] = {}
        self._under_way = 0

    async def deliver(self, order: Deliver) -> None:
        """Send a callback, after the one before it unless it is to be late."""
        if self._under_way >= _MOST:
            self._failed(order, CallFailed("15003", "too many callbacks wait"))
            return
        sid = order.call_sid
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        before = None if order.delay else self._last.get(sid)
        if not order.delay:
            self._last[sid] = done
        self._under_way += 1
        try:
            if before is not None:
                await asyncio.wait([before])
            await asyncio.sleep(order.delay)
            await self._send(order)
        finally:
            self._under_way -= 1
            done.set_result(None)
            if self._last.get(sid) is done:
                del self._last[sid]

    async def _send(self, order: Deliver) -> None:
        reach = self._reach
        try:
            await fetch(
                order.request,
                via=reach.via,
                authority=reach.authority,
                anywhere=reach.anywhere,
            )
        except CallFailed as failure:
            self._failed(order, failure)
