"""A heap that stays as large as it was, so that the same work costs the same again."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["pinned"]

_PINS = 200
_PIN_BYTES = 3300  # beyond what Python's own allocator serves


def pinned(work: Callable[[], object]) -> list[bytes]:
    """Do some work once; while the answer lives, its memory stays in this process.

    Otherwise whether ten megabytes of chunks cost 0.6 ms or 14 ms depends on what
    happens to lie above them: freed at the top of the heap, they go back to the system,
    and every page is fetched again the next time.
    """
    result = work()
    pins = [bytes(_PIN_BYTES) for _ in range(_PINS)]
    del result
    return pins
