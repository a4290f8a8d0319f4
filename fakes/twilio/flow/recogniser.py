"""What the party says, as Twilio's own recogniser would put it: words, then silence.

Speech with the code of :mod:`fakes.speech` is understood exactly; other audio is heard
by its energy and becomes a scripted sentence, so that any caller gets on.
"""

from __future__ import annotations

from fakes.speech import CALLER_UTTERANCES, CodedFrame, FrameReader, WordsHeard
from voiceutils.mulaw import is_voiced

__all__ = ["Recogniser"]

_SHORTEST = 10  # voiced frames without code that make a sentence; fewer are a noise
_MOST_WORDS = 1000  # of one speech


class Recogniser:
    """Hears one speech after the other; :meth:`take` ends one.

    Attributes:
        began: when the first voiced frame of the speech was heard; None before.
        voiced_at: when the last one was.
        voiced_frames: how many there were.
        grew: whether a new word began with the last frame.
    """

    def __init__(self) -> None:
        self._scripted = 0
        self._start_over()

    def _start_over(self) -> None:
        self.began: float | None = None
        self.voiced_at = 0.0
        self.voiced_frames = 0
        self.grew = False
        self._reader = FrameReader()
        self._done: list[str] = []
        self._utterance: WordsHeard | None = None
        self._word = 0

    def hear(self, audio: bytes | None, now: float) -> None:
        """Take one frame."""
        self.grew = False
        if audio is None:
            return
        if is_voiced(audio):
            self.began = now if self.began is None else self.began
            self.voiced_at = now
            self.voiced_frames += 1
        for found in self._reader.feed(audio):
            if isinstance(found, CodedFrame):
                code = found.code
                if self._utterance is None or not self._utterance.belongs(code):
                    self._close_utterance()
                    self._utterance = WordsHeard()
                self._utterance.add(code)
                if code.word and code.word != self._word:
                    self._word, self.grew = code.word, True

    @property
    def text(self) -> str:
        """The words so far."""
        now = self._utterance.text() if self._utterance is not None else ""
        return " ".join(part for part in (*self._done, now) if part)

    def take(self) -> str:
        """End the speech and return its words; empty when there were none."""
        text = self.text
        if not text and not self._utterance and self.voiced_frames >= _SHORTEST:
            text = CALLER_UTTERANCES[self._scripted % len(CALLER_UTTERANCES)]
            self._scripted += 1
        self._start_over()
        return text

    def _close_utterance(self) -> None:
        if self._utterance is not None and len(self._done) < _MOST_WORDS:
            self._done.append(self._utterance.text())
        self._utterance = None
        self._word = 0
