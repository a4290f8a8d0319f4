"""What a client declares about its retries, and the bounds that follow from it.

The bounds are written down anew instead of asking the client's own backoff for them, so
that a slip in one of the two shows. With ``base(n) = min(initial * factor ** n, max)``
the delay before retry ``n`` (counted from 0) must lie

===============  =====================================================
no jitter        at ``base(n)``
full jitter      between 0 and ``base(n)``
equal jitter     between half of ``base(n)`` and ``base(n)``
decorrelated     between ``initial`` and three times the delay before,
                 never above ``max``
===============  =====================================================
"""

from __future__ import annotations

from math import isfinite

import msgspec

from fakes.backoff.reconnects import SHORT_LIFE
from voiceutils.errors import SettingError

__all__ = ["JITTERS", "Policy", "declared_policy", "parse_policy"]

JITTERS = ("none", "full", "equal", "decorrelated")

_SPREAD = 3  # of decorrelated jitter, as published
_SHAPE = f"initial=S,factor=F,max=S,attempts=N[,jitter={'|'.join(JITTERS)}][,healthy=S]"


class Policy(msgspec.Struct, frozen=True):
    """A declared policy; times in seconds.

    Attributes:
        attempts: attempts in all, the first one included.
        healthy: how long a link must have lasted for its loss to be no failure, so that
            counting begins anew.

    Raises:
        SettingError: a figure that cannot be.
    """

    initial: float
    factor: float
    max_delay: float
    jitter: str = "none"
    attempts: int = 3
    healthy: float = SHORT_LIFE

    def __post_init__(self) -> None:
        for name, value, least in (
            ("initial", self.initial, 0.0),
            ("factor", self.factor, 1.0),
            ("max", self.max_delay, 0.0),
            ("attempts", self.attempts, 1.0),
            ("healthy", self.healthy, 0.0),
        ):
            if not (isfinite(value) and value >= least):
                raise SettingError(
                    f"backoff {name} is {value!r}; give a number, {least:g} or more"
                )
        if self.jitter not in JITTERS:
            known = ", ".join(JITTERS)
            raise SettingError(f"backoff jitter {self.jitter!r} is none of {known}")

    def bounds(self, retry: int, before: float | None) -> tuple[float, float]:
        """Return the shortest and the longest delay.

        Args:
            retry: which retry, from 0.
            before: the delay before it; None if there was none or it is not known.
        """
        if self.jitter == "decorrelated":
            longest = self._grown(_SPREAD, retry + 1)
            if retry and before is not None:
                longest = min(longest, max(self.initial, _SPREAD * before))
            return min(self.initial, self.max_delay), longest
        base = self._grown(self.factor, retry)
        return {"full": 0.0, "equal": base / 2}.get(self.jitter, base), base

    def _grown(self, factor: float, times: int) -> float:
        try:
            return min(self.initial * float(factor) ** times, self.max_delay)
        except OverflowError:
            return self.max_delay if self.initial else 0.0

    def __str__(self) -> str:
        return (
            f"{self.initial:g} s x {self.factor:g}, at most {self.max_delay:g} s, "
            f"jitter {self.jitter}, {self.attempts} attempts"
        )


def parse_policy(text: str) -> Policy:
    """Read ``initial=0.25,factor=1.5,max=5,jitter=equal,attempts=5,healthy=2``.

    Raises:
        SettingError: a word is unknown, missing, given twice or not a number.
    """
    needed = {"initial", "factor", "max", "attempts"}
    parts = [word.partition("=") for word in text.split(",")]
    words = {name.strip(): value.strip() for name, _, value in parts}
    unknown = set(words) - needed - {"jitter", "healthy"}
    if unknown or needed - set(words) or len(words) < len(parts):
        raise SettingError(f"--backoff {text!r} does not read as {_SHAPE}")
    try:
        return Policy(
            initial=float(words["initial"]),
            factor=float(words["factor"]),
            max_delay=float(words["max"]),
            jitter=words.get("jitter", "none"),
            attempts=int(words["attempts"]),
            healthy=float(words.get("healthy", SHORT_LIFE)),
        )
    except SettingError as error:
        raise SettingError(f"--backoff {text!r}: {error}") from None
    except ValueError:
        raise SettingError(f"--backoff {text!r} does not read as {_SHAPE}") from None


def declared_policy(declared: object) -> Policy | None:
    """Return what an agent's line of JSON says under ``backoff``, if that reads."""
    try:
        return msgspec.convert(declared, Policy)
    except (msgspec.ValidationError, SettingError):
        return None
