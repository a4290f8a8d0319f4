"""Which words of an utterance arrived, judged from the codes of its frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from fakes.speech.code import FrameCode

__all__ = ["HeardWord", "WordsHeard"]


class HeardWord(NamedTuple):
    """A word that arrived.

    Attributes:
        text: the exact token, with its case and punctuation.
        start: number of its first frame that arrived.
        end: number of its last frame that arrived, plus 1.
        number: number of the word in the utterance, from 1.
    """

    text: str
    start: int
    end: int
    number: int


class _Word:
    """What is known of one word."""

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self.arrived: set[int] = set()
        self.segments: dict[int, str] = {}
        self.count: int | None = None  # of segments, known from the last one

    def text(self) -> str | None:
        """Return the letters if all of them are known."""
        if self.count is None:
            return None
        parts = [self.segments.get(number) for number in range(self.count)]
        return None if None in parts else "".join(filter(None, parts))


class WordsHeard:
    """The frames of one utterance that arrived, in any order.

    A word counts as heard when at least half of its frames arrived and all its
    letters are known. Memory is bounded by the longest utterance.
    """

    def __init__(self, codes: Iterable[FrameCode] = ()) -> None:
        self._first: FrameCode | None = None
        self._arrivals: Counter[int] = Counter()
        self._words: dict[int, _Word] = {}
        for code in codes:
            self.add(code)

    def belongs(self, code: FrameCode) -> bool:
        """Tell whether the code is of this utterance; the first one always is."""
        first = self._first
        if first is None:
            return True
        return (
            code.speaker == first.speaker
            and code.call == first.call
            and code.turn == first.turn
            and code.frames == first.frames
        )

    def add(self, code: FrameCode) -> None:
        """Count one frame that arrived.

        Raises:
            ValueError: the frame is of another utterance; ask ``belongs`` first.
        """
        if not self.belongs(code):
            raise ValueError(f"{code} is of another utterance than {self._first}")
        if self._first is None:
            self._first = code
        self._arrivals[code.frame] += 1
        if code.word:
            word = self._words.setdefault(code.word, _Word(code.word_frames))
            word.arrived.add(code.frame)
            word.segments[code.segment] = code.letters
            if code.last:
                word.count = code.segment + 1

    def add_run(self, code: FrameCode, end: int) -> None:
        """Count this frame and those after it, all of the same word and letters.

        Args:
            code: of the first of them.
            end: number of the last one, plus 1.

        Raises:
            ValueError: see :meth:`add`.
        """
        self.add(code)
        run = range(code.frame + 1, end)
        if run:
            self._arrivals.update(run)
            if code.word:
                self._words[code.word].arrived.update(run)

    @property
    def frames(self) -> int:
        """How many frames the utterance has; 0 before the first one arrived."""
        return self._first.frames if self._first else 0

    @property
    def arrived(self) -> int:
        """How many different frames arrived."""
        return len(self._arrivals)

    @property
    def reached(self) -> int:
        """Number of the furthest frame that arrived, -1 before the first one."""
        return max(self._arrivals, default=-1)

    @property
    def complete(self) -> bool:
        """Whether every frame arrived."""
        return self._first is not None and self.arrived == self.frames

    def words(self) -> list[HeardWord]:
        """Return the words that arrived, in the order of the utterance."""
        heard = []
        for number, word in sorted(self._words.items()):
            text = word.text()
            if text is not None and 2 * len(word.arrived) >= word.frames:
                start, last = min(word.arrived), max(word.arrived)
                heard.append(HeardWord(text, start, last + 1, number))
        return heard

    def text(self) -> str:
        """Return the words that arrived as one line."""
        return " ".join(word.text for word in self.words())

    def missing(self) -> list[int]:
        """Return the numbers of the frames that did not arrive (yet)."""
        return [frame for frame in range(self.frames) if frame not in self._arrivals]

    def repeated(self) -> list[int]:
        """Return the numbers of the frames that arrived more than once."""
        return sorted(frame for frame, times in self._arrivals.items() if times > 1)
