"""How long to wait before trying again: exponential backoff with jitter."""

from __future__ import annotations

from dataclasses import dataclass
from sys import float_info
from typing import Literal, get_args

from voiceutils.errors import SettingError

__all__ = ["DEFAULT_MAX_DELAY", "Backoff", "Jitter"]

Jitter = Literal["none", "full", "equal", "decorrelated"]

DEFAULT_MAX_DELAY = 10.0  # whoever waits longer on a phone has hung up
_SPREAD = 3  # of decorrelated jitter, as published


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait after each failed attempt; pure, so that an oracle can use it.

    The schedule is ``min(initial_delay * backoff_factor ** attempt, max_delay)`` with
    attempts counted from 0, spread by jitter as described in
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/:

    * ``none``: exactly the schedule; all calls of a lost server come back at once.
    * ``full``: anything from 0 to the schedule.
    * ``equal``: anything from half of the schedule to all of it.
    * ``decorrelated``: from ``initial_delay`` to three times the delay before;
      ``backoff_factor`` plays no part. The range is cut at ``max_delay`` before the
      draw; cut after it, as published, many calls would wait exactly that long.

    Args:
        initial_delay: seconds after the first failure.
        backoff_factor: growth from each delay to the next, at least 1.
        max_delay: no delay is longer, the first included.
        jitter: how delays are spread.

    Raises:
        SettingError: a value that cannot work.
    """

    initial_delay: float = 1.0
    backoff_factor: float = 2.0
    max_delay: float = DEFAULT_MAX_DELAY
    jitter: Jitter = "none"

    def __post_init__(self) -> None:
        # As floats: an int to a large power would be computed in full.
        for name, least in (
            ("initial_delay", 0),
            ("backoff_factor", 1),
            ("max_delay", 0),
        ):
            value = number(name, getattr(self, name), least)
            object.__setattr__(self, name, value)
        if self.jitter not in get_args(Jitter):
            known = ", ".join(get_args(Jitter))
            raise SettingError(f"jitter is {self.jitter!r}; choose from {known}")

    def bounds(self, attempt: int) -> tuple[float, float]:
        """Return the least and the most that ``delay(attempt)`` can be, in seconds."""
        if self.jitter == "decorrelated":
            low = min(self.initial_delay, self.max_delay)
            return low, self._grown(_SPREAD, attempt + 1)
        high = self._grown(self.backoff_factor, attempt)
        low = {"none": high, "full": 0.0, "equal": high / 2}[self.jitter]
        return low, high

    def delay(
        self, attempt: int, draw: float = 1.0, previous: float | None = None
    ) -> float:
        """Return the seconds to wait after a failed attempt.

        Args:
            attempt: which one failed, counted from 0.
            draw: a random number from 0 to 1; the default gives the longest delay.
            previous: the delay before this one, for decorrelated jitter.
        """
        low, high = self.bounds(attempt)
        if self.jitter == "decorrelated" and previous is not None:
            high = min(high, max(low, previous * _SPREAD))
        return min(high, low + (high - low) * draw)

    def _grown(self, factor: float, times: int) -> float:
        if times < 0:
            raise ValueError(f"attempts are counted from 0, not {times}")
        try:
            return min(self.initial_delay * float(factor) ** times, self.max_delay)
        except OverflowError:  # factor 2 reaches the largest float at attempt 1024
            return self.max_delay if self.initial_delay else 0.0


def number(name: str, value: object, least: float) -> float:
    """Return a setting as a float; raises SettingError unless finite, not too small."""
    if isinstance(value, int | float) and least <= value <= float_info.max:
        return float(value)
    raise SettingError(f"{name} is {value!r}; give a finite number, at least {least:g}")
