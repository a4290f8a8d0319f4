"""How late the fakes themselves were: a figure that stands beside every other."""

from __future__ import annotations

import msgspec

from voiceutils.budget import LatencyHistogram

__all__ = ["Lateness", "Punctuality"]


class Lateness(msgspec.Struct, frozen=True):
    """How late messages went out, in seconds after they were due; None without any.

    Attributes:
        messages: how many there were.
    """

    messages: int
    p50: float | None
    p99: float | None
    max: float | None


class Punctuality:
    """Compares when messages went out with when their core had them due."""

    def __init__(self) -> None:
        self._late = LatencyHistogram()

    def sent(self, due: float, at: float) -> None:
        """Count a message, or several that went out together."""
        self._late.record(at - due if at > due else 0.0)

    def report(self) -> Lateness:
        """Return the figures since the last reset."""
        late = self._late
        return Lateness(late.count, late.percentile(50), late.percentile(99), late.max)

    def reset(self) -> None:
        """Begin anew."""
        self._late = LatencyHistogram()
