"""An event loop whose clock moves only when everything waits; nothing sleeps."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from voiceutils.errors import VoiceError

__all__ = ["VirtualLoop", "run_virtually"]

T = TypeVar("T")
# A burst of audio, read byte by byte, takes a few thousand.
MOST_ROUNDS = 20_000


class _Waiting(selectors.DefaultSelector):
    """Lets virtual time pass where a selector would wait for real."""

    def __init__(self, advance: Callable[[float | None], None]) -> None:
        super().__init__()
        self._advance = advance
        self._rounds = 0  # since time passed

    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        self._rounds += 1
        if not ready and (timeout is None or timeout > 0):
            self._advance(timeout)
            self._rounds = 0
        elif self._rounds == MOST_ROUNDS:
            raise VoiceError(f"{MOST_ROUNDS} rounds of the loop without a pause")
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Begins at 0.0; real sockets on it would starve, so there must be none.

    Raises:
        VoiceError: from whatever runs it, when all tasks wait for each other, or one
            of them spins so that time stands still.
    """

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Waiting(self._pass))

    def time(self) -> float:
        """Return virtual seconds."""
        return self._now

    def _pass(self, seconds: float | None) -> None:
        if seconds is None:
            raise VoiceError(f"after {self._now:.3f} s nothing can happen any more")
        self._now += seconds


def run_virtually(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end on a loop of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())
