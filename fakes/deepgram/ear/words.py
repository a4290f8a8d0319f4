"""Words out of what was heard of them, frame by frame."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from fakes.speech import CALLER_UTTERANCES, FrameCode, Speaker
from voiceutils.mulaw import FRAME_SECONDS

__all__ = ["CodedWords", "ScriptedWords", "SpokenWord"]

_WORD_FRAMES = 15  # of a scripted word: 0.3 s
_SHORTEST_WORD = 5  # frames; a shorter burst is a click
_NEW_UTTERANCE = 25  # silent frames after which the script begins its next line


class SpokenWord(NamedTuple):
    """A word and when it sounded, in seconds of audio received.

    ``call`` and ``turn`` say who said it; None for audio without code.
    """

    text: str
    start: float
    end: float
    call: int | None = None
    turn: int | None = None


class CodedWords:
    """Puts words together from the codes of their frames.

    A word counts when at least half of its frames arrived and all its letters are
    known, the rule of :class:`fakes.speech.WordsHeard`.
    """

    def __init__(self) -> None:
        self._key: tuple[int, int, int, int, int] | None = None
        self._frames: set[int] = set()
        self._letters: dict[int, str] = {}
        self._segments: int | None = None
        self._word_frames = 1
        self._speaker = Speaker.CALLER
        self._start = self._end = 0.0
        self._given = False

    @property
    def open_since(self) -> float | None:
        """When the word began that is being said and was not given out yet."""
        return None if self._key is None or self._given else self._start

    @property
    def sounding(self) -> SpokenWord | None:
        """The word that is being said, once enough of it was heard."""
        key = self._key
        if key is None or self._segments is None or self._given:
            return None
        enough = 2 * len(self._frames) >= self._word_frames
        if not enough or len(self._letters) < self._segments:
            return None
        text = "".join(self._letters[number] for number in range(self._segments))
        caller = self._speaker is Speaker.CALLER
        return SpokenWord(
            text,
            self._start,
            self._end,
            key[1] if caller else None,
            key[2] if caller else None,
        )

    def hear(self, code: FrameCode, start: float) -> SpokenWord | None:
        """Add one frame; returns the word that it ends, if any."""
        speaker, call, turn, frame, frames, word, segment, letters, last, length = code
        key = (speaker, call, turn, frames, word)
        over = None
        if key != self._key:
            over = self.close()
            if word:
                self._key = key
                self._speaker = speaker
                self._word_frames = length
                self._start = start
        if word:
            self._frames.add(frame)
            self._letters[segment] = letters
            self._end = start + FRAME_SECONDS
            if last:
                self._segments = segment + 1
        return over

    def go_on(self, frame: int, start: float) -> None:
        """Add the frame that follows within the same word, with the same letters."""
        self._frames.add(frame)
        self._end = start + FRAME_SECONDS

    def settle(self) -> SpokenWord | None:
        """Return the word now instead of at its end."""
        word = self.sounding
        self._given = self._given or word is not None
        return word

    def close(self) -> SpokenWord | None:
        """End the word that is being said and return it if it was understood."""
        if self._key is None:
            return None
        word = self.sounding
        self._given = False
        self._key = self._segments = None
        self._frames = set()
        self._letters = {}
        return word


class ScriptedWords:
    """Words for audio that has none that we could read."""

    def __init__(self) -> None:
        self._lines = itertools.cycle(CALLER_UTTERANCES)
        self._words: list[str] = []
        self._voiced = self._silent = 0
        self._start = self._end = 0.0

    @property
    def sounding(self) -> SpokenWord | None:
        """The word that is being said, once enough of it was heard."""
        if self._voiced < _SHORTEST_WORD:
            return None
        return SpokenWord(self._words[0], self._start, self._end)

    def hear(self, voiced: bool, start: float, end: float) -> SpokenWord | None:
        """Add one window; returns the word that it ends, if any."""
        if not voiced:
            self._silent += 1
            if self._silent == _NEW_UTTERANCE:
                self._words = []
            return self.close()
        self._silent = 0
        over = self.close() if self._voiced >= _WORD_FRAMES else None
        if not self._voiced:
            self._start = start
            self._words = self._words or next(self._lines).split()
        self._voiced += 1
        self._end = end
        return over

    @property
    def open_since(self) -> float | None:
        """When the word began that is being said and was not given out yet."""
        return self._start if self._voiced else None

    def settle(self) -> SpokenWord | None:
        """Return the word now; what follows is the next one."""
        return self.close() if self._voiced >= _SHORTEST_WORD else None

    def close(self) -> SpokenWord | None:
        """End the word that is being said and return it, unless it was a click."""
        word = self.sounding
        self._voiced = 0
        if word is not None:
            self._words = self._words[1:]
        return word
