"""Counts calls instead of seconds: the same on every machine, at every load."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

__all__ = ["Calls", "calls_of"]

_ROOT = str(Path(__file__).parents[2])
_OURS = tuple(f"{_ROOT}/{name}/" for name in ("voiceutils", "fakes"))


class Calls(NamedTuple):
    """What was called.

    Attributes:
        own: functions of voiceutils and fakes, by qualified name. Comprehensions do
            not count, since some versions of Python make a function of them.
        builtin: functions of C that those called, by qualified name.
    """

    own: Counter[str]
    builtin: Counter[str]


def calls_of(work: Callable[[], object]) -> Calls:
    """Run some work and return what it called."""
    calls = Calls(Counter(), Counter())

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if not code.co_filename.startswith(_OURS):
            return
        if event == "call" and not code.co_name.startswith("<"):
            calls.own[code.co_qualname] += 1
        elif event == "c_call":
            calls.builtin[argument.__qualname__] += 1

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls
