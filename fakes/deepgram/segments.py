"""When the recogniser says what: moments of one channel in, drafts of messages out.

All times are seconds of audio; there is no clock here. Finals tile the audio; an
interim restates the open segment; a segment ends by endpointing, by its length, or
by a long silence (https://developers.deepgram.com/docs/understand-endpointing-interim-results).
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from fakes.deepgram.hearing import Moment, SpokenWord

__all__ = ["Draft", "Onset", "Result", "Segments", "WordGap"]

INTERIM_EVERY = 1.0  # seconds of audio
LONGEST_SEGMENT = 5.0  # "every few seconds" without endpoint
CUT_BEHIND = 0.5  # a cut leaves this much to the next segment, so finals are shorter
LEAD_IN = 0.74  # the recorded first result of a stream that begins with silence
SILENCE_SEGMENT = 3.0
ONSET_FRAMES = 3  # voiced frames before the voice detector believes it
BURST_GAP = 0.3  # seconds of silence that end a burst
_EPSILON = 1e-6  # sums of 0.02 are not exact


class Result(NamedTuple):
    """A Results message: the words between two moments."""

    start: float
    end: float
    words: tuple[SpokenWord, ...]
    is_final: bool = False
    speech_final: bool = False
    from_finalize: bool = False


class Onset(NamedTuple):
    """Voice activity was noticed; not the start of the first word."""

    at: float


class WordGap(NamedTuple):
    """No word followed the last one for as long as asked."""

    last_word_end: float


Draft: TypeAlias = Result | Onset | WordGap


class Segments:
    """Decides for one channel.

    Args:
        interims: whether interims are wanted.
        endpointing: seconds of silence that end speech, or None.
        word_gap: seconds without a word for :class:`WordGap`, or None.
        onsets: whether :class:`Onset` is wanted.
    """

    def __init__(
        self,
        *,
        interims: bool = False,
        endpointing: float | None = None,
        word_gap: float | None = None,
        onsets: bool = False,
    ) -> None:
        self._interims = interims
        self._endpointing = endpointing
        self._word_gap = word_gap
        self._onsets = onsets
        self._start = self._end = 0.0
        self._words: list[SpokenWord] = []
        self._next_interim = INTERIM_EVERY
        self._silence_limit = LEAD_IN
        self._last_voiced = 0.0
        self._spoke = False  # since the last speech_final
        self._voiced_run = 0
        self._in_burst = False
        self._last_word_end: float | None = None

    def hear(self, moment: Moment, sounding: SpokenWord | None) -> list[Draft]:
        """Take one moment; ``sounding`` is the word that is being said, if known."""
        self._end = moment.end
        if moment.word:
            self._words.append(moment.word)
            self._last_word_end = moment.word.end
        drafts = self._listen_for_voice(moment)
        final = self._end_segment(moment, sounding)
        if final:
            drafts.append(final)
        elif self._interims and self._end >= self._next_interim - _EPSILON:
            self._next_interim = self._end + INTERIM_EVERY
            heard = (*self._words, sounding) if sounding else tuple(self._words)
            drafts.append(Result(self._start, self._end, heard))
        drafts += self._watch_gap(sounding)
        return drafts

    def finish(self, moments: list[Moment], *, from_finalize: bool) -> Result | None:
        """End the open segment here; None when it is empty."""
        for moment in moments:
            self._end = moment.end
            if moment.word:
                self._words.append(moment.word)
                self._last_word_end = moment.word.end
        if self._end <= self._start:
            return None
        return self._final(self._end, speech_final=True, from_finalize=from_finalize)

    @property
    def final_until(self) -> float:
        """Up to which second finals cover the audio."""
        return self._start

    @property
    def pending(self) -> float:
        """Seconds of audio in the open segment."""
        return self._end - self._start

    def _listen_for_voice(self, moment: Moment) -> list[Draft]:
        if not moment.voiced:
            self._voiced_run = 0
            if self._end - self._last_voiced >= BURST_GAP - _EPSILON:
                self._in_burst = False
            return []
        self._voiced_run += 1
        self._last_voiced = self._end
        self._spoke = True
        if self._in_burst or self._voiced_run < ONSET_FRAMES:
            return []
        self._in_burst = True
        return [Onset(self._end)] if self._onsets else []

    def _end_segment(
        self, moment: Moment, sounding: SpokenWord | None
    ) -> Result | None:
        silence = self._end - self._last_voiced
        if self._spoke:
            limit = self._endpointing
            if limit is not None and not moment.voiced and silence >= limit - _EPSILON:
                return self._final(self._end, speech_final=True)
        elif not self._words and self.pending >= self._silence_limit - _EPSILON:
            return self._final(self._end, speech_final=self._endpointing is not None)
        if self.pending < LONGEST_SEGMENT - _EPSILON:
            return None
        return self._final(self._cut(sounding), speech_final=False)

    def _cut(self, sounding: SpokenWord | None) -> float:
        """Return where a segment that became too long ends: after a word."""
        ends = [word.end for word in self._words]
        early = [end for end in ends if end <= self._end - CUT_BEHIND]
        if early or ends:
            return max(early or ends)
        return (
            sounding.start if sounding and sounding.start > self._start else self._end
        )

    def _final(
        self, until: float, *, speech_final: bool, from_finalize: bool = False
    ) -> Result:
        said = tuple(word for word in self._words if word.end <= until + _EPSILON)
        result = Result(self._start, until, said, True, speech_final, from_finalize)
        self._words = self._words[len(said) :]
        self._start = until
        self._next_interim = until + INTERIM_EVERY
        self._silence_limit = SILENCE_SEGMENT
        if speech_final:
            self._spoke = False
        return result

    def _watch_gap(self, sounding: SpokenWord | None) -> list[Draft]:
        last = self._last_word_end
        if self._word_gap is None or last is None or sounding:
            return []
        if self._end - last < self._word_gap - _EPSILON:
            return []
        self._last_word_end = None
        return [WordGap(last)]
