"""Calls that wait to be dialled: so many a second, first come, first served."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from fakes.twilio.exchange.call_state import Call

__all__ = ["DiallingQueue"]


class _Waiting(NamedTuple):
    call: Call
    since: float


class DiallingQueue:
    """Spaces the calls of the REST interface; times are monotonic seconds.

    Args:
        rate: calls a second.
        limit: seconds that a call waits at most.
    """

    def __init__(self, *, rate: float, limit: float) -> None:
        self._gap = 1.0 / rate
        self._limit = limit
        self._waiting: deque[_Waiting] = deque()
        self._next_at = float("-inf")

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, call: Call, now: float) -> float:
        """Let a call wait; returns for how many seconds it is going to."""
        at = max(now, self._next_at) + len(self._waiting) * self._gap
        self._waiting.append(_Waiting(call, now))
        return at - now

    def next_timer(self) -> float | None:
        """Return when there is something to do."""
        while self._waiting and self._waiting[0].call.over:
            self._waiting.popleft()
        if not self._waiting:
            return None
        oldest = self._waiting[0].since
        return min(max(oldest, self._next_at), oldest + self._limit)

    def due(self, now: float) -> tuple[list[Call], list[Call]]:
        """Return the calls to dial now, and those that waited too long."""
        dialled: list[Call] = []
        expired: list[Call] = []
        while (at := self.next_timer()) is not None and at <= now:
            call, since = self._waiting.popleft()
            if now >= self._next_at and at <= since + self._limit:
                # A late timer must not thin out the calls, nor bunch them up.
                slot = max(since, self._next_at, now - self._gap / 2)
                self._next_at = slot + self._gap
                dialled.append(call)
            else:
                expired.append(call)
        return dialled, expired
