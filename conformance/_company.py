"""The lines of one case, where the agent does not say whose request is whose.

Such a case has the agent and the fakes for itself. What reaches the providers is then
of its only call, or of the call that was placed last; between calls that are in the air
at once nothing but the code in the callers' audio can decide.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from conformance._case import Unsupported
from fakes.ledger_entries import Attempt

__all__ = ["Company"]

_WHO = (
    "needs the call's sid in each request: tag=<CallSid> on Deepgram's, user=<CallSid>"
)


class Company:
    """Who of a case's callers was there when; callers are known by their numbers.

    All moments are monotonic seconds.
    """

    def __init__(self) -> None:
        self._began: dict[int, float] = {}
        self._talking: set[int] = set()
        self._mixed = False
        self._faulty: dict[str, int] = {}

    def talks(self, call: int, now: float) -> None:
        """A call is placed.

        Raises:
            Unsupported: it would meet faults that were meant for another one.
        """
        self._check_faults_are_of(call)
        self._mixed = self._mixed or bool(self._talking)
        self._began.setdefault(call, now)
        self._talking.add(call)

    def leaves(self, call: int) -> None:
        """The call is over."""
        self._talking.discard(call)

    def sets_faults(self, call: int, surface: str) -> None:
        """Faults are set for the next attempts of a call.

        Raises:
            Unsupported: those of another call would meet them, or lose theirs.
        """
        self._check_faults_are_of(call)
        if self._talking - {call}:
            raise Unsupported(f"a fault for one of several calls {_WHO}")
        self._faulty[surface] = call

    def lifts_faults(self) -> None:
        """No fault waits any more."""
        self._faulty.clear()

    def _check_faults_are_of(self, call: int) -> None:
        if set(self._faulty.values()) - {call}:
            raise Unsupported(f"a fault for one of several calls {_WHO}")

    def of(self, call: int, attempts: Iterable[Attempt]) -> list[Attempt]:
        """Return the attempts of a call among all those of the case.

        Raises:
            Unsupported: calls were in the air at once, and the audio does not tell.
        """
        found: list[Attempt] = []
        since = self._began.get(call, -math.inf)
        until = min((at for at in self._began.values() if at > since), default=math.inf)
        for attempt in attempts:
            if attempt.calls:
                mine = call in attempt.calls
            elif self._mixed:
                raise Unsupported(f"to tell {attempt.surface} of several calls {_WHO}")
            else:
                mine = since <= attempt.at < until
            if mine:
                found.append(attempt)
        return found
