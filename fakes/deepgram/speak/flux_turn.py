"""A turn of ``/v2/speak``: what was said in it, and how far the listener came."""

from __future__ import annotations

import re

from fakes.deepgram.speak.line import SpeechLine
from fakes.speech import Speech
from fakes.speech.voice import tokens
from voiceutils.wire.deepgram_speak_flux import ControlsApplied, TurnReport

__all__ = ["Playback", "SpokenTurn"]


class SpokenTurn:
    """One answer of an agent.

    Attributes:
        speech_id: given by the server.
        unsaid: text that no audio was made of yet.
        flushed: whether the client ended it.
        told_flushed: whether the client was told so.
        sent_before: seconds of audio that the session had sent when it began.
    """

    def __init__(self, speech_id: str) -> None:
        self.speech_id = speech_id
        self.unsaid = ""
        self.flushed = self.told_flushed = False
        self.sent_before = 0.0
        self.characters = self.billable = self.pronunciations = 0
        self._text = ""
        self._word_ends: list[float] = []
        self._seconds = 0.0

    def add(self, raw: str, text: str, pronunciations: int) -> None:
        """Take text: as it came, and as it will be said."""
        self.characters += len(raw)
        self.billable += len(text)
        self.pronunciations += pronunciations
        self._text += text
        self.unsaid += text

    @property
    def speakable(self) -> bool:
        """Whether there is anything but blanks and marks in it."""
        return any(character.isalnum() for character in self._text)

    def spoken(self, made: list[tuple[Speech, float]]) -> None:
        """Take note of audio that was made, with its seconds."""
        for speech, seconds in made:
            stretch = seconds / speech.seconds
            self._word_ends += [
                self._seconds + word.end * stretch for word in speech.words
            ]
            self._seconds += seconds

    def split(self, played: float) -> tuple[str, str]:
        """Return the text that was heard and the rest.

        Args:
            played: seconds of this turn's audio.
        """
        heard = sum(end <= played + 1e-6 for end in self._word_ends)
        at = 0
        for word in re.finditer(r"\S+", self._text):
            heard -= len(tokens(word[0]))
            if heard < 0:
                break
            at = word.end()
        return self._text[:at], self._text[at:]

    def report(self, seconds: float) -> TurnReport:
        """Return the figures of the turn, for so much audio."""
        return TurnReport(
            self.speech_id,
            round(seconds * 1000),
            self.characters,
            self.billable,
            ControlsApplied(pronunciations_applied=self.pronunciations),
        )


class Playback:
    """How much audio of a session counts: what was sent, less what nobody heard.

    Args:
        line: on which the audio goes out.

    Attributes:
        position: milliseconds of the session's audio up to the last interrupt.
    """

    def __init__(self, line: SpeechLine) -> None:
        self.position = 0
        self._line = line
        self._before = 0.0  # seconds of turns that are over

    def over(self, turn: SpokenTurn) -> float:
        """Take note that a turn came to its end; returns its seconds."""
        seconds = self._line.sent_seconds - turn.sent_before
        self._before += seconds
        return seconds

    def cancelled(self, turn: SpokenTurn, played: int | None) -> float:
        """Take note of an interrupt; returns the seconds heard of the turn.

        Args:
            turn: the one that was active.
            played: milliseconds since the session began; None: all that was sent.
        """
        sent = self._line.sent_seconds - turn.sent_before
        total = self._before + sent
        until = total if played is None else played / 1000
        heard = min(max(0.0, until - self._before), sent)
        self.position = round(total * 1000) if played is None else played
        # Audio that was made but not heard counts no longer.
        self._before = min(total, until)
        return heard

    def total(self, active: SpokenTurn | None) -> float:
        """Return the seconds of the session."""
        sent = self._line.sent_seconds - active.sent_before if active else 0.0
        return self._before + sent
