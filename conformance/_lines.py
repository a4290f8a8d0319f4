"""How many calls go on at once: as many as this machine, with this agent, carries.

Nobody can know that number before: it depends on what the agent costs, and on who else
is working here. So it is found as networks find it (Chiu and Jain, 1989, "Analysis of
the increase and decrease algorithms for congestion avoidance"): halved when calls are
late, raised little by little while they are not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["Lines"]


class Lines:
    """The lines of a test session, lent to cases in the order in which they ask.

    Args:
        most: so many at the begin, and never more.
        apart: seconds between a case that begins and the next.
    """

    def __init__(self, most: int, *, apart: float = 0.0) -> None:
        self.most = most
        self._apart = apart
        self._limit = float(most)
        self._fewer_since = 0.0
        self._taken = 0
        self._order = asyncio.Lock()
        self._change = asyncio.Condition()

    @property
    def limit(self) -> int:
        """How many there are now."""
        return int(self._limit)

    @asynccontextmanager
    async def take(self, lines: int) -> AsyncIterator[None]:
        """Lend so many lines, or all there are at a time when nobody has one."""
        lines = min(lines, self.most)
        async with self._order:  # who needs many is not passed by
            await asyncio.sleep(self._apart)
            async with self._change:
                await self._change.wait_for(
                    lambda: not self._taken or self._taken + lines <= self.limit
                )
            self._taken += lines
        try:
            yield
        finally:
            self._taken -= lines
            await self._changed()

    def late(self, began: float) -> None:
        """A call that began then (monotonic seconds) was late: have fewer lines.

        Calls that go on at the same time are late for one cause, and count once.
        """
        if began >= self._fewer_since:
            self._limit = max(1.0, self._limit / 2)
            self._fewer_since = time.monotonic()

    async def on_time(self) -> None:
        """A case was on time: as many of them as there are lines give one more."""
        self._limit = min(self._limit + 1 / self._limit, float(self.most))
        await self._changed()

    async def _changed(self) -> None:
        async with self._change:
            self._change.notify_all()
