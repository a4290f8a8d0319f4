"""The loudspeaker at the caller's ear: agent audio plays at 8000 bytes a second.

The agent may send as fast as it likes; audio queues and plays in order. A mark comes
back when the audio before it has *played*; ``clear`` drops the queue and returns every
outstanding mark, so an echo does not prove that anything was heard
(https://www.twilio.com/docs/voice/media-streams/websocket-messages). Mark names may
repeat, hence a queue of marks and not a set.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Literal, NamedTuple, TypeAlias

from voiceutils.mulaw import FRAME_BYTES, SAMPLE_RATE, SILENCE_FRAME

__all__ = ["CAP_SECONDS", "Playout", "Remainder", "Tick"]

_new: Final = tuple.__new__  # half the cost of calling the class of a named tuple
CAP_SECONDS: Final = 600.0  # beyond ten minutes Twilio discards, error 31931

Remainder: TypeAlias = Literal["join", "pad", "drop"]
"""What becomes of the end of a payload that fills no frame: it is joined with the next
payload, padded with silence on the spot, or dropped."""


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
        partial_frames: how often a frame could not be filled.

    Args:
        cap_seconds: most audio that is queued; what exceeds it is discarded.
        tail_seconds: audio at the head of the queue that has already gone to the
            telephone network, so that ``clear`` cannot stop it.
        remainder: see :data:`Remainder`.
    """

    __slots__ = (
        *("_cap", "_due", "_items", "_playing", "_queued", "_remainder", "_tail"),
        *("_tail_bytes", "partial_frames"),
    )

    def __init__(
        self,
        *,
        cap_seconds: float = CAP_SECONDS,
        tail_seconds: float = 0.0,
        remainder: Remainder = "join",
    ) -> None:
        self.partial_frames = 0
        self._cap = round(cap_seconds * SAMPLE_RATE)
        self._tail_bytes = round(tail_seconds * SAMPLE_RATE)
        self._tail = memoryview(b"")  # cleared, and plays nevertheless
        self._remainder = remainder
        # One frame at a time comes as bytes, which cost less; of what is longer, the
        # rest is not copied for each frame.
        self._items: deque[bytes | memoryview | _Mark] = deque()
        self._queued = 0  # bytes
        self._playing = False  # a frame began at the last tick and still sounds
        self._due: list[str] = []  # marks that return when that frame ends

    @property
    def queued(self) -> int:
        """Bytes that have not begun to play."""
        return self._queued

    def take(self, audio: bytes) -> bool:
        """Queue audio that is one frame; tell whether it was, and there was room."""
        if len(audio) != FRAME_BYTES or self._queued >= self._cap - FRAME_BYTES:
            return False
        self._items.append(audio)
        self._queued += FRAME_BYTES
        return True

    def frames_before_mark(self, limit: int) -> int:
        """Return how many of the next ticks return no mark for sure, up to a limit."""
        if self._due:
            return 0
        sounds = 0
        for item in self._items:
            if isinstance(item, _Mark) or sounds >= limit * FRAME_BYTES:
                break
            sounds += len(item)
        else:
            return limit
        # It is returned by the tick after the one in which the sound before it ends.
        return min(limit, max(1, -(-sounds // FRAME_BYTES)))

    def add(self, audio: bytes) -> int:
        """Queue audio; return how many bytes were over the cap and discarded."""
        if self._remainder != "join" and (over := len(audio) % FRAME_BYTES):
            self.partial_frames += 1
            if self._remainder == "pad":
                audio += SILENCE_FRAME[over:]
            else:
                audio = audio[:-over]
        size = len(audio)
        if size == FRAME_BYTES and self._queued + size <= self._cap:
            self._items.append(bytes(audio))
            self._queued += size
            return 0
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
        """Drop all audio that can be; return the outstanding marks in order."""
        if self._tail_bytes:
            self._keep_tail()
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
        items = self._items
        if not self._tail:
            if not items:
                self._playing = False
                return _new(Tick, (marks, b""))
            first = items[0]
            if isinstance(first, bytes) and len(first) == FRAME_BYTES:
                items.popleft()
                self._queued -= FRAME_BYTES
                self._playing = True
                while items and isinstance(items[0], _Mark):
                    self._due.append(items[0].name)
                    items.popleft()
                return _new(Tick, (marks, first))
        past_recall = b""
        if self._tail:
            past_recall = bytes(self._tail[:FRAME_BYTES])
            self._tail = self._tail[FRAME_BYTES:]
        audio = b"".join(self._next_frame(FRAME_BYTES - len(past_recall)))
        size = len(audio)
        self._queued -= size
        self._playing = size > 0
        if 0 < size < FRAME_BYTES - len(past_recall):
            self.partial_frames += 1
        return Tick(marks, past_recall + audio)

    def whole_tick(self) -> bytes | None:
        """Do what :meth:`tick` does, where that is to begin a whole frame, or none.

        Returns:
            What begins to play; None when it is for :meth:`tick`, and nothing was done.
        """
        items = self._items
        if self._due or self._tail:
            return None
        if not items:
            self._playing = False
            return b""
        first = items[0]
        if not isinstance(first, bytes) or len(first) != FRAME_BYTES:
            return None
        if len(items) > 1 and isinstance(items[1], _Mark):
            return None
        items.popleft()
        self._queued -= FRAME_BYTES
        self._playing = True
        return first

    def _keep_tail(self) -> None:
        queued = b"".join(part for part in self._items if not isinstance(part, _Mark))
        kept = queued[: self._tail_bytes - len(self._tail)]
        self._tail = memoryview(bytes(self._tail) + kept)

    def _next_frame(self, room: int) -> list[bytes | memoryview]:
        """Take one frame from the queue, and every mark that ends within it."""
        parts: list[bytes | memoryview] = []
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
