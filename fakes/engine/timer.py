"""A beat of one millisecond for an event loop, as exact as the system allows.

Linux has timer files (https://man7.org/linux/man-pages/man2/timerfd_create.2.html),
which the loop watches like a socket: exact to some ten microseconds. Elsewhere the
loop's own timers serve, which uvloop counts in whole milliseconds.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any, Protocol

__all__ = ["BEAT", "LoopTimer", "Timer", "TimerFile", "new_timer"]

BEAT = 0.001
_CLOCK_MONOTONIC = 1
_NONBLOCK = 0o4000
_CLOSE_ON_EXEC = 0o2000000
_ABSOLUTE = 1
_BILLION = 1_000_000_000


class Timer(Protocol):
    """Calls back about every millisecond; a late call stands for all that it missed."""

    def stop(self) -> None:
        """Call back no more, and let go of everything."""


def new_timer(since: float, call: Callable[[], None]) -> Timer:
    """Start a timer on the running loop, by the best means there is.

    Args:
        since: moment (monotonic seconds) from which beats are counted.
        call: called on the loop.
    """
    with suppress(OSError, NotImplementedError, AttributeError):
        return TimerFile(since, call)
    return LoopTimer(since, call)


class TimerFile:
    """A timer of the Linux kernel; see :func:`new_timer`.

    Raises:
        OSError: there is none, or no more file descriptors.
        NotImplementedError: the loop watches no files.
    """

    def __init__(self, since: float, call: Callable[[], None]) -> None:
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._file = _open_timer(since + BEAT)
        try:
            self._loop.add_reader(self._file, self._expired)
        except BaseException:
            os.close(self._file)
            raise

    def stop(self) -> None:
        """Close the file."""
        if self._file >= 0:
            self._loop.remove_reader(self._file)
            os.close(self._file)
            self._file = -1

    def _expired(self) -> None:
        # Expirations that were not read merge into one; how many, the clock tells
        # whoever is called better than this count.
        try:
            os.read(self._file, 8)
        except BlockingIOError:
            return  # it did not expire
        self._call()


class LoopTimer:
    """The timers of the event loop; see :func:`new_timer`."""

    def __init__(self, since: float, call: Callable[[], None]) -> None:
        self._since = since
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        self._wind()

    def stop(self) -> None:
        """Cancel what is to come."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _wind(self) -> None:
        # Relative, since the clock of uvloop is a cached one in whole milliseconds: an
        # absolute moment can be up to one early, and asking again for the same moment
        # would then spin without any wait. Hence never less than a millisecond.
        past = (time.monotonic() - self._since) % BEAT
        self._handle = self._loop.call_later(max(0.001, BEAT - past), self._expired)

    def _expired(self) -> None:
        self._wind()
        self._call()


def _open_timer(first: float) -> int:
    """Return a timer file that expires first then, and every beat after it."""
    if hasattr(os, "timerfd_create"):  # Python 3.13
        made: Any = os
        file: int = made.timerfd_create(
            time.CLOCK_MONOTONIC, flags=made.TFD_NONBLOCK | made.TFD_CLOEXEC
        )
        made.timerfd_settime(
            file, flags=made.TFD_TIMER_ABSTIME, initial=first, interval=BEAT
        )
        return file
    if not sys.platform.startswith("linux"):
        raise OSError("no timer files on this system")
    return _open_by_libc(first)


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Setting(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("first", _Timespec))


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _open_by_libc(first: float) -> int:
    libc = _libc()
    file: int = libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK | _CLOSE_ON_EXEC)
    if file < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create")
    seconds, nanoseconds = divmod(round(first * _BILLION), _BILLION)
    setting = _Setting(
        _Timespec(0, round(BEAT * _BILLION)), _Timespec(seconds, nanoseconds)
    )
    if libc.timerfd_settime(file, _ABSOLUTE, ctypes.byref(setting), None) < 0:
        error = ctypes.get_errno()
        os.close(file)
        raise OSError(error, "timerfd_settime")
    return file
