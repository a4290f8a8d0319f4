"""A clock that moves only when somebody sleeps."""

from __future__ import annotations


class VirtualTime:
    """Clock and both kinds of sleep over one number; nothing waits in real time.

    Attributes:
        now: the time in seconds.
        sleeps: every sleep asked for, in order.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    async def async_sleep(self, seconds: float) -> None:
        self.sleep(seconds)
