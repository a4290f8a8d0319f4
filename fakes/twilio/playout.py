"""The loudspeaker at the caller's ear: agent audio plays at 8000 bytes a second.

The agent may send as fast as it likes; audio queues and plays in order. A mark comes
back when the audio before it has *played*; ``clear`` drops the queue and returns every
outstanding mark, so an echo does not prove that anything was heard
(https://www.twilio.com/docs/voice/media-streams/websocket-messages). Mark names may
repeat, hence a queue of marks and not a set.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from voiceutils.mulaw import FRAME_BYTES, SAMPLE_RATE

__all__ = ["CAP_SECONDS", "Playout", "Tick"]

CAP_SECONDS = 600.0  # beyond ten minutes Twilio discards, error 31931


class _Mark(NamedTuple):
    name: str


class Tick(NamedTuple):
    """What one 20 ms step of the loudspeaker did.

    Attributes:
        marks: names whose audio has now finished, in order.
        audio: what begins to play: a frame, less when the queue ran dry inside it (the
            rest of the 20 ms is silence), or nothing.
    """

    marks: list[str]
    audio: bytes


class Playout:
    """Queued agent audio and marks, and the playhead.

    Attributes:
        partial_frames: how often the queue ran dry inside a frame.

    Args:
        cap_seconds: most audio that is queued; what exceeds it is discarded.
    """

    def __init__(self, *, cap_seconds: float = CAP_SECONDS) -> None:
        self.partial_frames = 0
        self._cap = round(cap_seconds * SAMPLE_RATE)
        self._items: deque[memoryview | _Mark] = deque()
        self._queued = 0  # bytes
        self._playing = False  # a frame began at the last tick and still sounds
        self._due: list[str] = []  # marks that return when that frame ends

    @property
    def queued(self) -> int:
        """Bytes that have not begun to play."""
        return self._queued

    def add(self, audio: bytes) -> int:
        """Queue audio; return how many bytes were over the cap and discarded."""
        kept = memoryview(audio)[: self._cap - self._queued]
        if kept:
            self._items.append(kept)
            self._queued += len(kept)
        return len(audio) - len(kept)

    def mark(self, name: str) -> list[str]:
        """Queue a mark; return the names to echo at once (it alone, or none)."""
        if self._items:
            self._items.append(_Mark(name))
        elif self._playing:
            self._due.append(name)
        else:
            return [name]
        return []

    def clear(self) -> list[str]:
        """Drop all audio; return the outstanding marks in order."""
        queued = [item.name for item in self._items if isinstance(item, _Mark)]
        returned = self._due + queued
        self._items.clear()
        self._queued = 0
        self._due = []
        self._playing = False
        return returned

    def tick(self) -> Tick:
        """End the frame that was sounding and begin the next one."""
        marks, self._due = self._due, []
        audio = b"".join(self._next_frame())
        self._queued -= len(audio)
        self._playing = bool(audio)
        if 0 < len(audio) < FRAME_BYTES:
            self.partial_frames += 1
        return Tick(marks, audio)

    def _next_frame(self) -> list[memoryview]:
        """Take one frame from the queue, and every mark that ends within it."""
        parts: list[memoryview] = []
        room = FRAME_BYTES
        while self._items:
            item = self._items[0]
            if isinstance(item, _Mark):
                self._due.append(item.name)
                self._items.popleft()
                continue
            if not room:
                break
            parts.append(item[:room])
            if len(item) > room:
                self._items[0] = item[room:]
                break
            room -= len(item)
            self._items.popleft()
        return parts
