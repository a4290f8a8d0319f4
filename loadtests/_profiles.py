"""How the load changes during a run: shares of the peak over time.

A profile is a line through a few points, so that both its height (how many phones) and
the area under it (how many calls have arrived) are exact at every moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt

__all__ = ["PROFILES", "Profile", "flat", "profile"]

_SHAPES: dict[str, tuple[tuple[float, float], ...]] = {
    # share of the run, share of the peak
    "ramp": ((0.0, 0.0), (0.8, 1.0), (1.0, 1.0)),
    "spike": (
        *((0.0, 0.2), (0.45, 0.2), (0.475, 1.0)),
        *((0.6, 1.0), (0.625, 0.2), (1.0, 0.2)),
    ),
    "soak": ((0.0, 0.0), (0.05, 1.0), (1.0, 1.0)),
    # The hour for which an exchange is dimensioned, with the rise and fall around it.
    "busy-hour": (
        *((0.0, 0.4), (0.2, 0.75), (0.4, 1.0)),
        *((0.6, 1.0), (0.8, 0.8), (1.0, 0.5)),
    ),
}
PROFILES = tuple(_SHAPES)


@dataclass(frozen=True, slots=True)
class Profile:
    """A line through ``points``: (seconds, share of the peak), from second 0 on.

    After its last point it stays as high as there.
    """

    points: tuple[tuple[float, float], ...]

    def level(self, seconds: float) -> float:
        """The share of the peak at that moment."""
        for (begin, low), (end, high) in zip(
            self.points, self.points[1:], strict=False
        ):
            if seconds < end:
                return low + (high - low) * max(seconds - begin, 0.0) / (end - begin)
        return self.points[-1][1]

    def when(self, area: float) -> float:
        """The moment at which the area under the line (in peak seconds) reaches it.

        Infinite when it never does.
        """
        for (begin, low), (end, high) in zip(
            self.points, self.points[1:], strict=False
        ):
            whole = (low + high) / 2 * (end - begin)
            if area <= whole and whole:
                return begin + _into(area, low, (high - low) / (end - begin))
            area -= whole
        last, level = self.points[-1]
        return last + area / level if level else inf


def _into(area: float, low: float, slope: float) -> float:
    """Solve ``low * t + slope * t**2 / 2 == area`` for ``t``."""
    if not area:
        return 0.0
    # The form of the root that does not subtract equals when the slope is small.
    return 2 * area / (low + sqrt(max(low * low + 2 * slope * area, 0.0)))


def flat() -> Profile:
    """The peak all the time."""
    return Profile(((0.0, 1.0),))


def profile(name: str, seconds: float) -> Profile:
    """The profile of that name, stretched over a run of so many seconds."""
    return Profile(tuple((share * seconds, level) for share, level in _SHAPES[name]))
