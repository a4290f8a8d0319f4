"""When a fault strikes; no socket, no clock.

A driver lights a :class:`Fuse` for the fault of a connection, tells it what happens
there, and asks before and after each message whether it has burnt down::

    fuse = Fuse(fault, opened)
    fuse.sent("Results"), fuse.received(), fuse.heard(0.1), fuse.saying(text)
    if fuse.burnt(now): ...     # or arm a timer for fuse.due
"""

from __future__ import annotations

import json

from fakes.faults import Drop, Duplicate, Fault, Momentary

__all__ = ["Fuse", "Picked", "kind_of"]

_TYPE = '"type":'
_AUDIO = "audio"
_LONGEST_PARSED = 4096


def kind_of(message: str | bytes) -> str:
    """Return the ``type`` of a text message, ``audio`` for a binary one.

    "?" is text without a readable type. The type is looked for at the beginning only,
    where every known service and SDK puts it, so that the cost does not grow.
    """
    if isinstance(message, bytes):
        return _AUDIO
    found = message.find(_TYPE, 0, 64)
    begin = message.find('"', found + len(_TYPE)) if found >= 0 else -1
    end = message.find('"', begin + 1, begin + 64) if begin >= 0 else -1
    if end >= 0 and not message[found + len(_TYPE) : begin].strip():
        return message[begin + 1 : end]
    if len(message) > _LONGEST_PARSED:
        return "?"
    try:
        content = json.loads(message)
    except (ValueError, RecursionError):
        return "?"
    kind = content.get("type") if isinstance(content, dict) else None
    return kind[:64] if isinstance(kind, str) else "?"


class Fuse:
    """Burns down when every condition of a momentary fault holds.

    Args:
        fault: any other fault never burns here.
        opened: monotonic seconds from which ``after`` counts.
    """

    def __init__(self, fault: Fault, opened: float) -> None:
        self._fault = fault if isinstance(fault, Momentary) else None
        self._at = opened + float(getattr(fault, "after", 0.0))
        self._sent = self._received = 0
        self._heard = 0.0
        word = fault.after_word if isinstance(fault, Momentary) else ""
        self._word = word.casefold()
        self._burnt = False

    @property
    def watches_words(self) -> bool:
        """Whether :meth:`saying` must be told of messages before they are sent."""
        return bool(self._word) and not self._burnt

    @property
    def due(self) -> float | None:
        """When time alone burns it down; None if messages are awaited or it is over."""
        return self._at if not self._burnt and self._ready() else None

    def sent(self) -> None:
        """A message went to the client."""
        self._sent += 1

    def received(self, seconds: float = 0.0) -> None:
        """A message came from the client, with so many seconds of audio."""
        self._received += 1
        self._heard += seconds

    def saying(self, text: str) -> None:
        """A text message is about to be sent; ask :meth:`burnt` before it goes."""
        if self._word and self._word in text.casefold():
            self._word = ""

    def burnt(self, now: float) -> bool:
        """Return whether the fault strikes now; True once."""
        if self._burnt or now < self._at or not self._ready():
            return False
        self._burnt = True
        return True

    def _ready(self) -> bool:
        fault = self._fault
        return (
            fault is not None
            and not self._word
            and self._sent >= fault.after_sent
            and self._received >= fault.after_received
            and self._heard >= fault.after_heard
        )


class Picked:
    """Tells which messages to the client a Drop or a Duplicate is about."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault if isinstance(fault, Drop | Duplicate) else None
        self._seen = 0

    def times(self, message: str | bytes) -> int:
        """Return how often this message is to be sent: 0, 1 or 2."""
        fault = self._fault
        if fault is None or (fault.kind and fault.kind != kind_of(message)):
            return 1
        self._seen += 1
        if not fault.number <= self._seen < fault.number + fault.count:
            return 1
        return 0 if isinstance(fault, Drop) else 2
