"""Fault scripts by name, for clients that can be told no more than an address.

A name in the path chooses the script: ``ws://127.0.0.1:8411/half-open/v1/listen``. So
does ``tag=half-open`` or ``extra=fault:half-open`` in the query.
"""

from __future__ import annotations

from typing import NamedTuple

from fakes.faults import (
    Close,
    Delay,
    Drop,
    Duplicate,
    EmptyAudio,
    Fault,
    HalfOpen,
    LateFinal,
    Mute,
    NoFinal,
    Nothing,
    Refuse,
    Reset,
    Slice,
    SlowReader,
    Stall,
    Throttle,
    Trickle,
)

__all__ = ["REFUSALS", "SCRIPTS", "Script", "script_problem"]

REFUSALS = (400, 401, 402, 403, 404, 408, 429, 500, 502, 503, 504)
"""Statuses with which providers refuse."""


class Script(NamedTuple):
    """Faults for the attempts of a group, in order; ``repeat``: over and over."""

    faults: tuple[Fault, ...]
    repeat: bool = True


SCRIPTS: dict[str, Script] = {
    **{f"refuse-{status}": Script((Refuse(status),)) for status in REFUSALS},
    "refuse-429-retry-after": Script((Refuse(429, 2.0),)),
    "refuse-once": Script((Refuse(503), Nothing()), repeat=False),
    "refuse-twice": Script((Refuse(503), Refuse(503)), repeat=False),
    "every-second-refused": Script((Refuse(503), Nothing())),
    "slow-handshake": Script((Delay(3.0),)),
    "no-handshake": Script((Stall(when="knock"),)),
    "half-handshake": Script((Reset(when="handshake"),)),
    "reset-at-once": Script((Reset(when="knock"),)),
    "stall": Script((Stall(),)),
    "stall-after-5": Script((Stall(5.0),)),
    "mute": Script((Mute(),)),
    "half-open": Script((HalfOpen(),)),
    "half-open-after-5": Script((HalfOpen(5.0),)),
    "close-at-once": Script((Close(),)),
    "close-after-5": Script((Close(1011, 5.0),)),
    "close-without-code": Script((Close(1005, 5.0),)),
    "reset-after-5": Script((Reset(5.0),)),
    "zero-window": Script((SlowReader(),)),
    "slow-reader": Script((SlowReader(2000.0),)),
    "slow-writer": Script((Throttle(500.0),)),
    "sliced": Script((Slice(1),)),
    "lost-first": Script((Drop(),)),
    "doubled": Script((Duplicate(count=1_000_000),)),
    "no-final": Script((NoFinal(),)),
    "late-final": Script((LateFinal(3.0),)),
    "empty-audio": Script((EmptyAudio(),)),
    "trickle": Script((Trickle(1.0),)),
}


def script_problem(name: str) -> str:
    """Return why there is no such script, "" if there is."""
    if name in SCRIPTS:
        return ""
    return f"unknown script {name!r}; use one of {', '.join(sorted(SCRIPTS))}"
