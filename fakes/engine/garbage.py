"""When an engine's process looks for garbage: seldom, and best when nobody talks.

To look through the memory of 800 calls takes a tenth of a second, for which all their
frames wait, and Python looks again whenever that memory has grown by a quarter. A call
that is over refers to nothing that refers to it, so its memory is free without a look;
the collector is left for what nobody has thought of.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

__all__ = ["Garbage"]

_WHEN_IDLE = 100  # calls that ended since the last look; of one it would find nothing
_IN_ANY_CASE = 10_000


class Garbage:
    """Decides when to look.

    Args:
        look: looks.
    """

    def __init__(self, look: Callable[[], object] = gc.collect) -> None:
        self._look = look
        self._ended = 0

    @staticmethod
    def leave_to_us() -> None:
        """Stop Python from looking by itself; what is there now will stay."""
        gc.collect()
        gc.freeze()
        gc.disable()

    def call_ended(self, *, idle: bool) -> None:
        """Note it, and look if it is time.

        Args:
            idle: whether no call is up, nor about to be.
        """
        self._ended += 1
        if self._ended >= (_WHEN_IDLE if idle else _IN_ANY_CASE):
            self._ended = 0
            self._look()
