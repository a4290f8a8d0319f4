"""What a protocol core is going to send, each thing at its moment."""

from __future__ import annotations

import heapq
from math import inf
from typing import NamedTuple, TypeAlias

from fakes.deepgram.ear.hearing import SpokenWord
from fakes.speech import Speech

__all__ = [
    "AudioPiece",
    "Ended",
    "Outbox",
    "Outgoing",
    "Said",
    "UtteranceBegun",
    "UtteranceCut",
]


class Said(NamedTuple):
    """A text message; ``final`` holds the words of a final result, else None."""

    text: str
    final: tuple[SpokenWord, ...] | None = None


class Ended(NamedTuple):
    """The close frame; nothing follows."""

    code: int
    reason: str


class UtteranceBegun(NamedTuple):
    """An utterance was made; nothing of it was sent yet. Not sent, only entered."""

    number: int
    speech: Speech
    requested_at: float


class AudioPiece(NamedTuple):
    """A binary message with a piece of one utterance."""

    audio: bytes
    utterance: int


class UtteranceCut(NamedTuple):
    """The rest of an utterance will not be sent. Not sent, only entered."""

    number: int


Outgoing: TypeAlias = Said | Ended | AudioPiece | UtteranceBegun | UtteranceCut


class Outbox:
    """Messages that wait for their time; those of the same time keep their order.

    Attributes:
        ended: whether the close frame was let go.
        due: when the next message is due; infinity when none waits.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Outgoing]] = []
        self._ready: list[Outgoing] = []
        self._count = 0
        self.ended = False
        self.due = inf

    def put(self, outgoing: Outgoing, due: float) -> None:
        """Send this at ``due``."""
        self._count += 1
        heapq.heappush(self._waiting, (due, self._count, outgoing))
        if due < self.due:
            self.due = due

    def drop(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self.due = inf

    def release(self, now: float) -> bool:
        """Let go what is due, up to the close frame; returns whether anything was."""
        waiting = self._waiting
        if not waiting or waiting[0][0] > now:
            return False
        before = len(self._ready)
        while waiting and waiting[0][0] <= now and not self.ended:
            _, _, outgoing = heapq.heappop(waiting)
            self._ready.append(outgoing)
            self.ended = isinstance(outgoing, Ended)
        self.due = waiting[0][0] if waiting else inf
        return len(self._ready) > before

    def take(self) -> list[Outgoing]:
        """Return what was let go since the last time."""
        ready, self._ready = self._ready, []
        return ready

    @property
    def next_due(self) -> float | None:
        """When the next message is due; None when none waits."""
        return self._waiting[0][0] if self._waiting else None

    @property
    def last_due(self) -> float:
        """When the last message is due; minus infinity when none waits."""
        return max((due for due, _, _ in self._waiting), default=float("-inf"))
