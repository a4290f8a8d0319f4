"""What Twilio has still to play, told from what was sent and which marks came back."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from voiceutils.mulaw import SAMPLE_RATE

__all__ = ["Playing", "Sentence"]


@dataclass(frozen=True)
class Sentence:
    """A sentence with the mark that was sent behind it."""

    mark: str
    turn: int
    text: str


class Playing:
    """Keeps the sentences whose marks are out, in the order sent.

    Attributes:
        until: when all that was sent must have been played.
    """

    def __init__(self) -> None:
        self.until = 0.0
        self._sentences: deque[Sentence] = deque()
        self._unmarked = False  # audio was sent after the last mark

    def __bool__(self) -> bool:
        """Whether anything may still be unplayed."""
        return self._unmarked or bool(self._sentences)

    def audio(self, size: int, now: float) -> None:
        """So many bytes were sent."""
        self._unmarked = True
        self.until = max(self.until, now) + size / SAMPLE_RATE

    def mark(self, sentence: Sentence) -> None:
        """The mark behind a sentence was sent."""
        self._unmarked = False
        self._sentences.append(sentence)

    def returned(self, mark: str) -> list[Sentence]:
        """Return the sentences that a mark proves to be heard.

        Marks return in order, so one that is missing was lost on the way. A mark that
        is not waited for was sent back by ``clear`` and proves nothing.
        """
        if not any(sentence.mark == mark for sentence in self._sentences):
            return []
        heard: list[Sentence] = []
        while not heard or heard[-1].mark != mark:
            heard.append(self._sentences.popleft())
        return heard

    def overdue(self) -> list[Sentence]:
        """Give up waiting for marks; all that was sent has been played by now."""
        heard = list(self._sentences)
        self._sentences.clear()
        self._unmarked = False
        return heard

    def clear(self, now: float) -> None:
        """Twilio was told to drop everything."""
        self.overdue()
        self.until = now
