"""What is happening on the lines of an engine: for whoever watches a run."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping

from fakes.call_record import CallRecord
from fakes.engine.commands import LinesNow
from fakes.twilio.phone import PhoneCall

__all__ = ["CONNECTING", "LinesWatch"]

CONNECTING = "connecting"

_MOST_GAPS = 5000  # kept for somebody who asks; who never does, needs none


class LinesWatch:
    """Looks at calls when it is asked; nothing is done per frame."""

    def __init__(self) -> None:
        self._told: dict[int, int] = {}  # by call, how many of its gaps
        self._rest: deque[float] = deque(maxlen=_MOST_GAPS)  # of calls that are over

    def over(self, number: int, record: CallRecord) -> None:
        """Keep what has not been told of a call that has ended."""
        gaps = [turn.gap for turn in record.turns if turn.gap is not None]
        self._rest.extend(gaps[self._told.pop(number, 0) :])

    def now(self, calls: Mapping[int, PhoneCall], now: float) -> LinesNow:
        """Return what the callers are about, and the gaps since this was asked."""
        doing: Counter[str] = Counter()
        longest = 0.0
        gaps = list(self._rest)
        self._rest.clear()
        for number, call in calls.items():
            caller = call.caller
            if caller is None:
                doing[CONNECTING] += 1
                continue
            doing[caller.doing] += 1
            if caller.waits_since is not None:
                longest = max(longest, now - caller.waits_since)
            found = caller.gaps
            gaps += found[self._told.get(number, 0) :]
            self._told[number] = len(found)
        return LinesNow(dict(doing), longest, gaps)
