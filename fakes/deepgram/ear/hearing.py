"""The ear of the fake recogniser: bytes in, words and silence out.

Speech that carries the code of :mod:`fakes.speech` is heard as what it is: exactly the
words whose frames arrived, when they arrived. Other audio is heard by its energy: a
burst becomes scripted words, three a second, silence ends it; so any client gets
life-like results. What says of itself that it has no words, such as a cough, has none
(:mod:`fakes.speech.ambience`). The outcome does not depend on how the audio was cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fakes.deepgram.ear.words import CodedWords, ScriptedWords, SpokenWord
from fakes.speech import CodedFrame, FrameCode, SpeechMode, speaking
from voiceutils import mulaw
from voiceutils.mulaw import FRAME_BYTES, FRAME_SECONDS, SAMPLE_RATE, SILENCE_FRAME

__all__ = ["Hearing", "Moment", "SpokenWord"]

_new = tuple.__new__


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
    """Hears one channel of phone audio (mu-law, 8000 Hz).

    Args:
        mode: how the code is read.
    """

    def __init__(self, mode: SpeechMode = "exact") -> None:
        self._reader = speaking(mode).reader()
        # In the robust mode all speech is coded, and sound without words is not.
        self._scripts = mode == "exact"
        self._plain = b""
        self._plain_end = 0
        self._coded = CodedWords()
        self._scripted = ScriptedWords()
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
        codes, self._codes = self._codes, []
        return codes

    def hear_frame(self, audio: bytes) -> Moment | None:
        """Return the moment of one whole frame, as nearly every message is.

        None when it is anything else, which is left to :meth:`hear`.
        """
        if self._plain:
            return None
        if audio == SILENCE_FRAME:
            offset = self._reader.skip_silence()
            if offset is None:
                return None
            self.received += FRAME_BYTES
            return self._hear_window(offset, audio)
        found = self._reader.next_frame(audio)
        if found is None:
            return None
        self.received += FRAME_BYTES
        if not self._reader.continued:
            return self._hear_code(found)
        offset, code = found
        self._codes.append(code)
        start = offset / SAMPLE_RATE
        if code[5]:
            self._coded.go_on(code[3], start)
        return _new(Moment, (start + FRAME_SECONDS, code[5] != 0, None))

    def hear(self, audio: bytes) -> Iterator[Moment]:
        """Yield what can be told up to here; less than 40 ms may be held back."""
        at, size = 0, len(audio)
        while at < size:
            moment = self.hear_frame(audio[at : at + FRAME_BYTES])
            if moment is None:
                yield from self._hear_any(audio[at:])
                return
            yield moment
            at += FRAME_BYTES

    def _hear_any(self, audio: bytes) -> Iterator[Moment]:
        self.received += len(audio)
        for found in self._reader.feed(audio):
            if isinstance(found, CodedFrame):
                if found.offset < self._plain_end:  # a pause, heard already
                    self._codes.append(found.code)
                    continue
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
            if isinstance(found, CodedFrame):
                yield from self._end_plain()
                yield self._hear_code(found)
            else:
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
        voiced = self._scripts and not silent and mulaw.is_voiced(audio)
        word = self._coded.close() or self._scripted.hear(voiced, start, end)
        return _new(Moment, (end, voiced, word))
