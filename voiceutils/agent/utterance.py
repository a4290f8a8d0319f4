"""What the caller is saying, put together from the recogniser's messages; pure.

The rules are Deepgram's: finals append, interims replace each other and restate all
that is not final; speech ends at ``speech_final``, or at an UtteranceEnd without one
(https://developers.deepgram.com/docs/understanding-end-of-speech-detection). Words are
placed by their times, so that a late or repeated message about words that were already
answered is recognised as such.
"""

from __future__ import annotations

import re
from enum import Enum

from voiceutils.wire.deepgram_listen import (
    FromListen,
    Results,
    SpeechStarted,
    UtteranceEnd,
    Word,
)

__all__ = ["Progress", "Utterance", "ends_with_goodbye"]

# Word times shift a little from interim to final.
_SLACK = 0.3
# A word or two may follow, as in "goodbye, thank you"; a question does not end a call.
_GOODBYE = re.compile(r"\bgood[ -]?bye\b(?:\W+\w+){0,2}[^\w?]*", re.IGNORECASE)


class Progress(Enum):
    """What a message of the recogniser means for the conversation."""

    NOTHING = "nothing"
    VOICE = "voice"  # a sound like speech, no words yet
    WORDS = "words"
    FINISHED = "finished"  # the caller has finished; there is text to answer


class Utterance:
    """Collects one utterance after another."""

    def __init__(self) -> None:
        self._finals: list[str] = []
        self._interim: list[Word] = []
        self._interim_text = ""
        self._last_word_end = 0.0
        self._answered_until = 0.0

    @property
    def text(self) -> str:
        """All that was said since the last ``take``."""
        return " ".join((*self._finals, self._interim_text)).strip()

    def take(self) -> str:
        """Return the text and regard its words as answered."""
        text = self.text
        self._finals.clear()
        self._set_interim([], "")
        self._answered_until = max(self._answered_until, self._last_word_end)
        return text

    def recall(self, text: str) -> None:
        """Put text back that will not be answered alone: the caller goes on."""
        self._finals.insert(0, text)

    def add(self, text: str) -> None:
        """Add words that were not spoken: a number that was keyed in."""
        self._finals.append(text)

    def take_in(self, message: FromListen) -> Progress:
        """Take what the recogniser says and tell what it means."""
        if isinstance(message, Results):
            return self._results(message)
        if isinstance(message, SpeechStarted):
            late = message.timestamp < self._answered_until
            return Progress.NOTHING if late else Progress.VOICE
        if isinstance(message, UtteranceEnd):
            return self._utterance_end(message)
        return Progress.NOTHING

    def _results(self, message: Results) -> Progress:
        words, text = self._fresh(message)
        if text:
            end = words[-1].end if words else message.start + message.duration
            self._last_word_end = max(self._last_word_end, end)
        if not message.is_final:
            self._set_interim(words, text)
            return Progress.WORDS if text else Progress.NOTHING
        if text:
            self._finals.append(text)
        if text or not message.from_finalize:
            self._drop_interim_before(message.start + message.duration)
        if (message.speech_final or message.from_finalize) and self.text:
            return Progress.FINISHED
        return Progress.WORDS if text else Progress.NOTHING

    def _utterance_end(self, message: UtteranceEnd) -> Progress:
        end = message.last_word_end
        if not self.text or end < self._last_word_end - _SLACK:
            # Nothing to end, or it belongs to an earlier turn, or it is the -1 that
            # means "ignore this".
            return Progress.NOTHING
        return Progress.FINISHED

    def _fresh(self, message: Results) -> tuple[list[Word], str]:
        """Return the words that were not answered yet, and their text."""
        alternatives = message.channel.alternatives
        if not alternatives or not alternatives[0].transcript.strip():
            return [], ""
        best = alternatives[0]
        if not best.words:
            fresh = message.start + message.duration > self._answered_until
            return [], best.transcript.strip() if fresh else ""
        words = [word for word in best.words if self._is_fresh(word)]
        if len(words) == len(best.words):
            return words, best.transcript.strip()
        return words, _joined(words)

    def _is_fresh(self, word: Word) -> bool:
        return (word.start + word.end) / 2 > self._answered_until

    def _set_interim(self, words: list[Word], text: str) -> None:
        self._interim = words
        self._interim_text = text

    def _drop_interim_before(self, end: float) -> None:
        """Keep what an interim said beyond a final: finals may cover less."""
        left = [word for word in self._interim if (word.start + word.end) / 2 > end]
        self._set_interim(left, _joined(left))


def ends_with_goodbye(text: str) -> bool:
    """Tell whether somebody who says this wants to end the call."""
    return any(found.end() == len(text) for found in _GOODBYE.finditer(text))


def _joined(words: list[Word]) -> str:
    return " ".join(word.punctuated_word or word.word for word in words)
