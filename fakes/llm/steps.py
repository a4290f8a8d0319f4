"""The events of one answer and when each is due; no socket, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple, TypeAlias

import msgspec

__all__ = ["Step", "due_times", "event"]

Wait: TypeAlias = Literal["none", "first", "token"]

_encode = msgspec.json.Encoder().encode


class Step(NamedTuple):
    """One event of a stream.

    Attributes:
        wait: what passes before it: nothing, the time to the first token, or that from
            one token to the next.
        data: as it goes out.
    """

    wait: Wait
    data: bytes


def event(content: object, name: str = "") -> bytes:
    """Return a server-sent event, with its name where the interface gives it one."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + _encode(content) + b"\n\n"


def due_times(
    steps: Iterable[Step], first: Callable[[], float], pause: Callable[[], float]
) -> Iterator[tuple[float, Step]]:
    """Yield each step with the seconds after the request at which it is due.

    Args:
        steps: in order.
        first: draws the time to the first token.
        pause: draws the time from token to token.
    """
    due = 0.0
    for step in steps:
        if step.wait != "none":
            due += first() if step.wait == "first" else pause()
        yield due, step
