"""Which words of an utterance arrived, judged from the codes of its frames."""

from __future__ import annotations

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

    __slots__ = ("arrived", "count", "frames", "segments")

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self.arrived = 0  # a bit for each frame
        self.segments: list[str | None] = []
        self.count: int | None = None  # of segments, known from the last one

    def spell(self, code: FrameCode) -> None:
        """Note the letters that a frame carries."""
        known = self.segments
        if len(known) <= code.segment:
            known += [None] * (code.segment + 1 - len(known))
        known[code.segment] = code.letters
        if code.last:
            self.count = code.segment + 1

    def text(self) -> str | None:
        """Return the letters if all of them are known."""
        parts = self.segments[: self.count]
        if self.count is None or None in parts:
            return None
        return "".join(filter(None, parts))


class WordsHeard:
    """The frames of one utterance that arrived, in any order.

    A word counts as heard when at least half of its frames arrived and all its
    letters are known. Memory is bounded by the longest utterance.
    """

    __slots__ = ("_arrived", "_first", "_repeated", "_words")

    def __init__(self, codes: Iterable[FrameCode] = ()) -> None:
        self._first: FrameCode | None = None
        # A bit for each frame: a call keeps every utterance that it heard, and sets
        # of numbers took 15 KB of the 88 that a call had.
        self._arrived = 0
        self._repeated = 0
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
        self.add_run(code, code.frame + 1)

    def add_run(self, code: FrameCode, end: int) -> None:
        """Count this frame and those after it, all of the same word and letters.

        Args:
            code: of the first of them.
            end: number of the last one, plus 1.

        Raises:
            ValueError: see :meth:`add`.
        """
        if not self.belongs(code):
            raise ValueError(f"{code} is of another utterance than {self._first}")
        if self._first is None:
            self._first = code
        run = (1 << max(end, code.frame + 1)) - (1 << code.frame)
        self._repeated |= self._arrived & run
        self._arrived |= run
        if code.word:
            word = self._words.get(code.word)
            if word is None:
                word = self._words[code.word] = _Word(code.word_frames)
            word.arrived |= run
            word.spell(code)

    @property
    def frames(self) -> int:
        """How many frames the utterance has; 0 before the first one arrived."""
        return self._first.frames if self._first else 0

    @property
    def arrived(self) -> int:
        """How many different frames arrived."""
        return self._arrived.bit_count()

    @property
    def reached(self) -> int:
        """Number of the furthest frame that arrived, -1 before the first one."""
        return self._arrived.bit_length() - 1

    @property
    def complete(self) -> bool:
        """Whether every frame arrived."""
        return self._first is not None and self.arrived == self.frames

    def words(self) -> list[HeardWord]:
        """Return the words that arrived, in the order of the utterance."""
        heard = []
        for number, word in sorted(self._words.items()):
            text = word.text()
            arrived = word.arrived
            if text is not None and 2 * arrived.bit_count() >= word.frames:
                start = (arrived & -arrived).bit_length() - 1
                heard.append(HeardWord(text, start, arrived.bit_length(), number))
        return heard

    def text(self) -> str:
        """Return the words that arrived as one line."""
        return " ".join(word.text for word in self.words())

    def missing(self) -> list[int]:
        """Return the numbers of the frames that did not arrive (yet)."""
        return _numbers(((1 << self.frames) - 1) & ~self._arrived)

    def repeated(self) -> list[int]:
        """Return the numbers of the frames that arrived more than once."""
        return _numbers(self._repeated)


def _numbers(bits: int) -> list[int]:
    """Return the numbers of the bits that are set."""
    return [n for n, bit in enumerate(reversed(f"{bits:b}")) if bit == "1"]
