"""Places that a limited number of connections can take; no socket, no clock."""

from __future__ import annotations

from fakes.ledger import Attempt

__all__ = ["Slots"]


class Slots:
    """Places for connections, each taken until its attempt ended and ``linger`` later.

    Args:
        limit: how many there are.
        linger: seconds.
    """

    def __init__(self, limit: int, linger: float = 0.0) -> None:
        self._limit = limit
        self._linger = linger
        self._held: list[Attempt] = []

    def take(self, attempt: Attempt) -> bool:
        """Take a slot for an attempt as it knocks; False if none is free."""
        self._held = [held for held in self._held if self._is_taken(held, attempt.at)]
        if len(self._held) >= self._limit:
            return False
        self._held.append(attempt)
        return True

    def _is_taken(self, held: Attempt, now: float) -> bool:
        if held.closed is None:
            return True
        # An attempt that was refused for another reason never opened.
        return held.opened is not None and now < held.closed + self._linger
