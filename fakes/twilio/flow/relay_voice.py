"""What the agent says through ConversationRelay: text as it comes, sounds, keys.

Tokens are joined as they are and spoken sentence by sentence. A talk cycle ends with
the token that is marked as last; what was said in it until an interruption is known to
the word.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from fakes.speech import Speech
from fakes.twilio.flow.talk import Player, utter
from voiceutils.mulaw import FRAME_SECONDS, FRAMES_PER_SECOND, SILENCE_FRAME

__all__ = ["Manner", "RelayVoice", "Spoken"]

_QUEUED_CHARACTERS = 100_000
_QUEUED_ITEMS = 2000
_LONGEST_WAIT = 400  # characters that are spoken even without the end of a sentence
_BETWEEN = 8  # frames of silence between two sentences
_SENTENCE = re.compile(r"[.?!]+[\"')\]]*\s")


class Manner(NamedTuple):
    """How something may be cut short.

    Attributes:
        interruptible: by what of ``none dtmf speech any``.
        preemptible: whether what is said in a later talk cycle replaces it.
    """

    interruptible: str = "any"
    preemptible: bool = False


class Spoken(NamedTuple):
    """What had been said when it was cut short."""

    text: str
    seconds: float


class _Item:
    """Something to be played; without frames it is a sound that has yet to come."""

    def __init__(
        self,
        cycle: int,
        manner: Manner,
        text: str = "",
        frames: list[bytes] | None = None,
        source: str = "",
        times: int = 1,
    ) -> None:
        self.cycle = cycle
        self.manner = manner
        self.text = text
        self.frames = frames
        self.source = source
        self.times = times


class RelayVoice:
    """Says what the agent sends.

    Args:
        new_number: gives the number of the next utterance.
    """

    def __init__(self, new_number: Callable[[], int]) -> None:
        self._new_number = new_number
        self._queue: deque[_Item] = deque()
        self._characters = 0
        self._cycle = 0
        self._cycle_begun = False
        self._unsaid = ""  # of a sentence that has not ended
        self._manner = Manner()
        self._item: _Item | None = None  # that plays
        self._player = Player(())
        self._speeches: deque[Speech] = deque()  # of the same item, after this one
        self._speech: Speech | None = None
        self._played = 0  # frames of it
        self._gap = 0
        self._said: list[str] = []  # in this item's cycle, before the speech
        self._said_cycle = 0
        self._since = 0.0  # when that cycle began to sound

    # --- what to say -------------------------------------------------------------

    def text(self, token: str, manner: Manner, *, last: bool) -> bool:
        """Take a token; False when too much is queued and it is dropped."""
        self._begin_cycle()
        if self._characters + len(token) > _QUEUED_CHARACTERS:
            return False
        self._characters += len(token)
        if manner != self._manner:
            self._flush()
            self._manner = manner
        self._unsaid += token
        self._queue_sentences()
        if last:
            self._flush()
            self._cycle_begun = False
        return True

    def sound(self, source: str, manner: Manner, times: int) -> bool:
        """Take a sound that :meth:`came` will bring; it is a talk cycle of its own."""
        return self._queue_alone(_Item(0, manner, source=source, times=times))

    def keys(self, frames: list[bytes]) -> bool:
        """Take the tones of keys."""
        return self._queue_alone(_Item(0, Manner("none"), frames=frames))

    def came(self, source: str, frames: list[bytes]) -> None:
        """Take the sound itself; no frames when it cannot be had."""
        for item in (*self._queue, self._item):
            if item is not None and item.frames is None and item.source == source:
                item.frames = frames
                if item is self._item:
                    self._player = Player(frames, item.times)

    def _queue_alone(self, item: _Item) -> bool:
        self._flush()
        self._cycle_begun = False
        self._begin_cycle()
        self._cycle_begun = False
        if len(self._queue) >= _QUEUED_ITEMS:
            return False
        item.cycle = self._cycle
        self._queue.append(item)
        return True

    def _begin_cycle(self) -> None:
        """What is said now replaces what of older cycles may be replaced."""
        if self._cycle_begun:
            return
        self._cycle_begun = True
        self._cycle += 1
        kept = [item for item in self._queue if not item.manner.preemptible]
        self._queue = deque(kept)
        self._count()
        if self._item is not None and self._item.manner.preemptible:
            self._stop_item()

    def _queue_sentences(self) -> None:
        ends = [match.end() for match in _SENTENCE.finditer(self._unsaid)]
        end = ends[-1] if ends else 0
        if not end and len(self._unsaid) > _LONGEST_WAIT:
            end = self._unsaid.rfind(" ") + 1 or len(self._unsaid)
        text, self._unsaid = self._unsaid[:end], self._unsaid[end:]
        if text.strip():
            self._queue.append(_Item(self._cycle, self._manner, text))

    def _flush(self) -> None:
        text, self._unsaid = self._unsaid, ""
        if text.strip():
            self._queue.append(_Item(self._cycle, self._manner, text))
        self._count()

    def _count(self) -> None:
        queued = sum(len(item.text) for item in self._queue)
        self._characters = queued + len(self._unsaid)

    # --- saying it ---------------------------------------------------------------

    @property
    def manner(self) -> Manner | None:
        """How what sounds may be cut short; None when nothing sounds."""
        if self._item is None or self._item.frames is None:
            return None
        return self._item.manner

    def frame(self, now: float) -> bytes:
        """Return the next frame; empty when nothing sounds."""
        if self._gap:
            self._gap -= 1
            return SILENCE_FRAME
        while True:
            frame = self._player.frame()
            if frame:
                self._played += 1
                return frame
            if not self._next_sound(now):
                return b""
            if self._gap:
                self._gap -= 1
                return SILENCE_FRAME

    def _next_sound(self, now: float) -> bool:
        """Go on to the next thing that sounds, if there is one that can."""
        if self._item is not None and self._item.frames is None:
            return False  # a sound is on its way, and what follows waits for it
        if self._speech is not None:
            self._said.append(self._speech.text)
            self._speech = None
        if not self._speeches:
            self._item = None
            if not self._queue:
                return False
            self._begin_item(self._queue.popleft(), now)
        if self._speeches:
            self._speech = self._speeches.popleft()
            self._player = Player(self._speech.frames)
            self._played = 0
            self._gap = _BETWEEN if self._said else 0
        return True

    def _begin_item(self, item: _Item, now: float) -> None:
        self._item = item
        self._characters -= len(item.text)
        if item.cycle != self._said_cycle:
            self._said_cycle = item.cycle
            self._said = []
            self._since = now
        if item.text:
            item.frames = []
            self._speeches.extend(utter(item.text, self._new_number))
        self._player = Player(item.frames or (), item.times)

    def interrupt(self, now: float) -> Spoken:
        """Stop at once, forget what is queued; return what was said of this cycle."""
        said = list(self._said)
        if self._speech is not None:
            until = self._played / FRAMES_PER_SECOND
            words = [
                word
                for word in self._speech.words
                if (word.start + word.end) / 2 <= until  # half of it was heard
            ]
            said.append(" ".join(word.text for word in words))
        seconds = max(FRAME_SECONDS, now - self._since)
        self._stop_item()
        self._queue.clear()
        self._unsaid = ""
        self._said = []
        self._said_cycle = 0
        self._count()
        return Spoken(" ".join(part for part in said if part), seconds)

    def _stop_item(self) -> None:
        self._item = self._speech = None
        self._speeches.clear()
        self._player = Player(())
        self._gap = 0
