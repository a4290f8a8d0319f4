"""When the recogniser says what: moments of one channel in, drafts of messages out.

All times are seconds of audio; there is no clock here. Finals tile the audio; an
interim restates the open segment; a segment ends by endpointing, by its length, or
by a long silence (https://developers.deepgram.com/docs/understand-endpointing-interim-results).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import NamedTuple, Protocol, TypeAlias

from fakes.deepgram.ear.hearing import Moment, SpokenWord
from fakes.deepgram.listen.formatting import ends_within_number
from fakes.deepgram.listen.query import ListenQuery
from fakes.deepgram.settings import DeepgramSettings

__all__ = ["Draft", "Ear", "Onset", "Result", "Segments", "WordGap", "segments_for"]

INTERIM_EVERY = 1.0  # seconds of audio
LONGEST_SEGMENT = 5.0  # "every few seconds" without endpoint
CUT_BEHIND = 0.5  # a cut leaves this much to the next segment, so finals are shorter
LEAD_IN = 0.74  # the recorded first result of a stream that begins with silence
SILENCE_SEGMENT = 3.0
ONSET_FRAMES = 3  # voiced frames before the voice detector believes it
BURST_GAP = 0.3  # seconds of silence that end a burst
_EPSILON = 1e-6  # sums of 0.02 are not exact
_CAREFUL = 1e-3  # so long before something may happen every moment is looked at


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
    """No word followed the last one for as long as asked.

    ``finalised`` tells whether a final has covered that word before.
    """

    last_word_end: float
    finalised: bool = False


Draft: TypeAlias = Result | Onset | WordGap
_NOTHING: tuple[Draft, ...] = ()


class Ear(Protocol):
    """Where the moments come from."""

    @property
    def sounding(self) -> SpokenWord | None:
        """The word that is being said, if it is known."""


class Segments:
    """Decides for one channel.

    Args:
        interims: whether interims are wanted.
        endpointing: seconds of silence that end speech, or None.
        word_gap: seconds without a word for :class:`WordGap`, or None.
        onsets: whether :class:`Onset` is wanted.
        entity_wait: seconds of silence for which speech that ends within a number is
            not ended by ``endpointing``.
    """

    def __init__(
        self,
        *,
        interims: bool = False,
        endpointing: float | None = None,
        word_gap: float | None = None,
        onsets: bool = False,
        entity_wait: float = 0.0,
    ) -> None:
        self._interims = interims
        self._endpointing = endpointing
        self._word_gap = word_gap
        self._onsets = onsets
        self._entity_wait = entity_wait
        self._start = self._end = 0.0
        self._words: list[SpokenWord] = []
        self._next_interim = INTERIM_EVERY
        self._silence_limit = LEAD_IN
        self._last_voiced = 0.0
        self._spoke = False  # since the last speech_final
        self._voiced_run = 0
        self._in_burst = False
        self._last_word_end: float | None = None
        # Up to here nothing happens while the voice, or the silence, goes on.
        self._uneventful_until = -inf
        self._was_voiced = False

    def hear(self, moment: Moment, ear: Ear) -> Sequence[Draft]:
        """Take one moment; ``ear`` is asked for the word that is being said."""
        end, voiced, word = moment
        if end < self._uneventful_until and word is None and voiced is self._was_voiced:
            self._end = end
            if voiced:
                self._last_voiced = end
            return _NOTHING
        drafts = self._hear(moment, ear)
        self._was_voiced = voiced
        self._uneventful_until = self._next_event(voiced=voiced) - _CAREFUL
        return drafts

    def _hear(self, moment: Moment, ear: Ear) -> list[Draft]:
        end, voiced, word = moment
        self._end = end
        if word:
            self._take(word)
        drafts: list[Draft] = []
        if self._is_onset(voiced=voiced):
            drafts.append(Onset(end))
        final = self._end_segment(voiced, ear)
        if final:
            drafts.append(final)
        elif self._interims and end >= self._next_interim - _EPSILON:
            self._next_interim = end + INTERIM_EVERY
            sounding = ear.sounding
            heard = (*self._words, sounding) if sounding else tuple(self._words)
            drafts.append(Result(self._start, end, heard))
        if self._word_gap is not None and self._last_word_end is not None:
            drafts += self._watch_gap(ear.sounding)
        return drafts

    def _next_event(self, *, voiced: bool) -> float:
        """Return the audio time at which something may happen if nothing changes."""
        due = self._start + LONGEST_SEGMENT
        if self._interims:
            due = min(due, self._next_interim)
        if self._word_gap is not None and self._last_word_end is not None:
            due = min(due, self._last_word_end + self._word_gap)
        if voiced:
            return due if self._in_burst else -inf
        if self._in_burst:
            due = min(due, self._last_voiced + BURST_GAP)
        if self._spoke and self._endpointing is not None:
            due = min(due, self._last_voiced + self._endpointing)
        elif not self._spoke and not self._words:
            due = min(due, self._start + self._silence_limit)
        return due

    def finish(self, moments: list[Moment]) -> Result | None:
        """End the open segment here; None when it is empty."""
        for moment in moments:
            self._end = moment.end
            if moment.word:
                self._take(moment.word)
        if self._end <= self._start:
            return None
        return self._final(self._end, speech_final=True)

    def settle(self, word: SpokenWord | None, until: float | None) -> Result | None:
        """End the open segment for Finalize, at ``until`` when a word is not known yet.

        None when nothing is in it.
        """
        if word:
            self._take(word)
        end = self._end if until is None else until
        if end <= self._start + _EPSILON:
            return None
        return self._final(end, speech_final=True, from_finalize=True)

    @property
    def final_until(self) -> float:
        """Up to which second finals cover the audio."""
        return self._start

    @property
    def pending(self) -> float:
        """Seconds of audio in the open segment."""
        return self._end - self._start

    def _take(self, word: SpokenWord) -> None:
        self._words.append(word)
        self._last_word_end = word.end
        self._spoke = True
        self._uneventful_until = -inf

    def _is_onset(self, *, voiced: bool) -> bool:
        """Whether the voice detector speaks up now; told every moment."""
        if not voiced:
            self._voiced_run = 0
            if self._in_burst and self._end - self._last_voiced >= BURST_GAP - _EPSILON:
                self._in_burst = False
            return False
        self._voiced_run += 1
        self._last_voiced = self._end
        self._spoke = True
        if self._in_burst or self._voiced_run < ONSET_FRAMES:
            return False
        self._in_burst = True
        return self._onsets

    def _end_segment(self, voiced: bool, ear: Ear) -> Result | None:
        if self._spoke:
            if not voiced and self._is_endpoint():
                return self._final(self._end, speech_final=True)
        elif not self._words and self.pending >= self._silence_limit - _EPSILON:
            return self._final(self._end, speech_final=self._endpointing is not None)
        if self.pending < LONGEST_SEGMENT - _EPSILON:
            return None
        if not voiced and self._awaits_number():
            return None
        return self._final(self._cut(ear.sounding), speech_final=False)

    def _is_endpoint(self) -> bool:
        """Whether the silence has been long enough to end what was said."""
        silence, limit = self._end - self._last_voiced, self._endpointing
        if limit is None or silence < limit - _EPSILON:
            return False
        return silence >= self._entity_wait - _EPSILON or not self._awaits_number()

    def _awaits_number(self) -> bool:
        if not self._entity_wait or self._endpointing is None:
            return False
        return ends_within_number(self._words)

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
        self._uneventful_until = -inf
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
        return [WordGap(last, last <= self._start + _EPSILON)]


def segments_for(query: ListenQuery, settings: DeepgramSettings) -> Segments:
    """Return what decides for one channel of a stream with this query."""
    endpointing, gap = query.endpointing, query.utterance_end_ms
    waits = query.smart_format and not query.no_delay
    return Segments(
        interims=query.interim_results,
        endpointing=None if endpointing is None else endpointing / 1000,
        word_gap=gap / 1000 if gap is not None and query.interim_results else None,
        onsets=query.vad_events,
        entity_wait=settings.entity_wait if waits else 0.0,
    )
