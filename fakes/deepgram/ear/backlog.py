"""How far the recogniser has come: audio that arrives faster than it listens waits."""

from __future__ import annotations

__all__ = ["Backlog"]


class Backlog:
    """The audio that was received but not yet listened to.

    Args:
        pace: audio is heard at most this many times faster than it plays; 0 is without
            limit.
        now: when the connection was opened.
    """

    def __init__(self, pace: float, now: float) -> None:
        self._pace = pace
        self.heard_until = now

    def add(self, seconds: float, now: float) -> None:
        """Account for audio that arrived; ``heard_until`` is when it was heard."""
        listened = self.heard_until + seconds / self._pace if self._pace else now
        self.heard_until = max(now, listened)
