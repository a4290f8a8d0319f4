"""The ear of the fake recogniser: bytes in, words and silence out.

Speech that carries the code of :mod:`fakes.speech` is heard as what it is: exactly the
words whose frames arrived, when they arrived. Other audio is heard by its energy: a
burst becomes scripted words, three a second, silence ends it; so any client gets
life-like results. The outcome does not depend on how the audio was cut.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from fakes.speech import CALLER_UTTERANCES, CodedFrame, FrameCode, FrameReader, Speaker
from voiceutils import mulaw
from voiceutils.mulaw import FRAME_BYTES, FRAME_SECONDS, SAMPLE_RATE, SILENCE_FRAME

__all__ = ["Hearing", "Moment", "SpokenWord"]

_WORD_FRAMES = 15  # of a scripted word: 0.3 s
_SHORTEST_WORD = 5  # frames; a shorter burst is a click
_NEW_UTTERANCE = 25  # silent frames after which the script begins its next line
_new = tuple.__new__


class SpokenWord(NamedTuple):
    """A word and when it sounded, in seconds of audio received.

    ``call`` and ``turn`` say who said it; None for audio without code.
    """

    text: str
    start: float
    end: float
    call: int | None = None
    turn: int | None = None


class Moment(NamedTuple):
    """What was heard up to ``end``, since the moment before (20 ms at most).

    Attributes:
        end: seconds of audio received.
        voiced: whether there was a voice.
        word: a word that is over now, if any; it ended at or before the last moment.
    """

    end: float
    voiced: bool
    word: SpokenWord | None


class Hearing:
    """Hears one channel of phone audio (mu-law, 8000 Hz)."""

    def __init__(self) -> None:
        self._reader = FrameReader()
        self._plain = b""
        self._plain_end = 0
        self._coded = _CodedWords()
        self._scripted = _ScriptedWords()
        self._codes: list[FrameCode] = []
        self.received = 0

    @property
    def seconds(self) -> float:
        """How much audio was received."""
        return self.received / SAMPLE_RATE

    @property
    def sounding(self) -> SpokenWord | None:
        """The word that is being said, once enough of it was heard to know it."""
        return self._coded.sounding or self._scripted.sounding

    def take_codes(self) -> list[FrameCode]:
        """Return the codes of the frames that arrived since the last time."""
        codes = self._codes
        if codes:
            self._codes = []
        return codes

    def hear(self, audio: bytes) -> Iterator[Moment]:
        """Yield what can be told up to here; less than 40 ms may be held back."""
        self.received += len(audio)
        for found in self._reader.feed(audio):
            if isinstance(found, CodedFrame):
                if self._plain:
                    yield from self._end_plain()
                yield self._hear_code(found)
            elif len(found.audio) == FRAME_BYTES and not self._plain:
                self._plain_end = found.offset + FRAME_BYTES
                yield self._hear_window(found.offset, found.audio)
            else:
                yield from self._hear_plain(found.offset, found.audio)

    def finish(self) -> Iterator[Moment]:
        """Yield the rest: nothing is held back and no word left open after it."""
        for found in self._reader.flush():
            if not isinstance(found, CodedFrame):
                yield from self._hear_plain(found.offset, found.audio)
        yield from self._end_plain()
        end = self.seconds
        for words in (self._coded, self._scripted):
            word = words.close()
            if word is not None:
                yield Moment(end, False, word)

    def settle(self) -> tuple[SpokenWord | None, float | None]:
        """Give out the word that is being said, so that a final may end within it.

        Returns:
            The word, when enough of it was heard to know it; what follows of it is no
            new word. And when a word began that is not known yet, else None.
        """
        word = self._coded.settle() or self._scripted.settle()
        began = self._coded.open_since
        return word, self._scripted.open_since if began is None else began

    def _hear_code(self, found: CodedFrame) -> Moment:
        offset, code = found
        self._codes.append(code)
        start = offset / SAMPLE_RATE
        scripted = self._scripted.close()
        word = self._coded.hear(code, start)
        # Not Moment(...), which costs three times as much, once per frame.
        return _new(Moment, (start + FRAME_SECONDS, code[5] != 0, word or scripted))

    def _hear_plain(self, offset: int, audio: bytes) -> Iterator[Moment]:
        audio = self._plain + audio
        begin = offset - len(self._plain)
        whole = len(audio) - len(audio) % FRAME_BYTES
        for at in range(0, whole, FRAME_BYTES):
            yield self._hear_window(begin + at, audio[at : at + FRAME_BYTES])
        self._plain = audio[whole:]
        self._plain_end = begin + len(audio)

    def _end_plain(self) -> Iterator[Moment]:
        audio, self._plain = self._plain, b""
        if audio:
            yield self._hear_window(self._plain_end - len(audio), audio)

    def _hear_window(self, offset: int, audio: bytes) -> Moment:
        start = offset / SAMPLE_RATE
        end = (offset + len(audio)) / SAMPLE_RATE
        silent = audio == SILENCE_FRAME or audio.count(mulaw.SILENCE) == len(audio)
        voiced = not silent and mulaw.is_voiced(audio)
        word = self._coded.close() or self._scripted.hear(voiced, start, end)
        return _new(Moment, (end, voiced, word))


class _CodedWords:
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
        return None if self._key is None or self._given else self._start

    @property
    def sounding(self) -> SpokenWord | None:
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


class _ScriptedWords:
    """Words for audio that has none that we could read."""

    def __init__(self) -> None:
        self._lines = itertools.cycle(CALLER_UTTERANCES)
        self._words: list[str] = []
        self._voiced = self._silent = 0
        self._start = self._end = 0.0

    @property
    def sounding(self) -> SpokenWord | None:
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
        return self._start if self._voiced else None

    def settle(self) -> SpokenWord | None:
        """Return the word now; what follows is the next one."""
        return self.close() if self._voiced >= _SHORTEST_WORD else None

    def close(self) -> SpokenWord | None:
        word = self.sounding
        self._voiced = 0
        if word is not None:
            self._words = self._words[1:]
        return word
