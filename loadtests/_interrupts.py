"""Ctrl-C as an orderly end instead of a blow to whichever greenlet runs."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

import gevent

__all__ = ["INTERRUPTED", "take_interrupts"]

INTERRUPTED = 128 + signal.SIGINT
"""Exit code of a run that was interrupted before it began, or twice."""


def take_interrupts(end: Callable[[], None]) -> None:
    """Have the first Ctrl-C call ``end`` in a greenlet of its own; a second one exits.

    A process that was started deaf to Ctrl-C (in the background) stays so.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return
    calls = 0

    def interrupted() -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            sys.exit(INTERRUPTED)
        end()

    gevent.signal_handler(signal.SIGINT, interrupted)
