"""When the user speaks and when his turn is over: audio in, turns out, each in time."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple, TypeAlias

from fakes.deepgram.ear.audio_form import AudioForm
from fakes.deepgram.ear.backlog import Backlog
from fakes.deepgram.ear.hearing import Hearing, SpokenWord
from fakes.deepgram.listen.segments import Draft, Onset, Result, Segments
from fakes.deepgram.surface import Opening
from fakes.faults import LateFinal, NoFinal
from fakes.speech import FrameCode
from voiceutils.mulaw import seconds_of
from voiceutils.wire.deepgram_agent_settings import AudioInput

__all__ = ["Ear", "Heard", "UserBegan", "UserTurn"]


class UserBegan(NamedTuple):
    """A voice was noticed, the first time in a turn."""


class UserTurn(NamedTuple):
    """The user's turn is over; without words it was a noise."""

    words: tuple[SpokenWord, ...]

    @property
    def text(self) -> str:
        """What was said."""
        return " ".join(word.text for word in self.words)


Heard: TypeAlias = UserBegan | UserTurn


class Ear:
    """Hears one user.

    Args:
        form: of the audio.
        opening: of the connection; :class:`NoFinal` and :class:`LateFinal` count.
        now: when it begins.

    Attributes:
        last_delay: seconds from the end of the last turn to its text.
    """

    def __init__(self, form: AudioInput, opening: Opening, now: float) -> None:
        settings, fault = opening.settings, opening.fault
        self._delay = opening.delays(settings.recogniser_delay, "recogniser")
        self.last_delay = 0.0
        self._turns_end = not isinstance(fault, NoFinal)
        self._late = fault.seconds if isinstance(fault, LateFinal) else 0.0
        self._form = AudioForm(form.encoding, form.sample_rate, 1)
        self._hearing = Hearing(settings.speech)
        self._segments = Segments(endpointing=settings.agent.turn_silence, onsets=True)
        self._backlog = Backlog(settings.listen_pace, now)
        self._words: list[SpokenWord] = []
        self._noticed = False
        self._waiting: deque[tuple[float, Heard]] = deque()

    @property
    def decodable(self) -> bool:
        """Whether the audio is of a form that can be heard."""
        return self._form.decodable

    @property
    def next_due(self) -> float | None:
        """When the next thing is heard; None when nothing is on its way."""
        return self._waiting[0][0] if self._waiting else None

    def pop(self) -> Heard:
        """Return what is heard next; there must be something."""
        return self._waiting.popleft()[1]

    def take_codes(self) -> list[FrameCode]:
        """Return the codes of the frames that arrived since the last time."""
        return self._hearing.take_codes()

    def hear(self, audio: bytes, now: float) -> None:
        """Listen to audio; what is heard waits for its time."""
        (phone_audio,) = self._form.convert(audio)
        self._backlog.add(seconds_of(phone_audio), now)
        for moment in self._hearing.hear(phone_audio):
            for draft in self._segments.hear(moment, self._hearing):
                self._take(draft)

    def end_turn(self, now: float) -> None:
        """End the user's turn here; nothing happens when there is none."""
        self._backlog.add(0.0, now)
        result = self._segments.settle(*self._hearing.settle())
        if result is not None:
            self._take(result)

    def _take(self, draft: Draft) -> None:
        if isinstance(draft, Onset):
            self._notice()
        elif isinstance(draft, Result) and draft.is_final:
            self._words += draft.words
            if draft.speech_final and (self._words or self._noticed):
                self._notice()
                self._end()

    def _notice(self) -> None:
        if not self._noticed:
            self._noticed = True
            self._put(UserBegan(), self._backlog.heard_until)

    def _end(self) -> None:
        if not self._turns_end:
            return
        turn = UserTurn(tuple(self._words))
        self._words = []
        self._noticed = False
        self.last_delay = self._delay() + self._late
        self._put(turn, self._backlog.heard_until + self.last_delay)

    def _put(self, heard: Heard, due: float) -> None:
        """Let it wait, behind what was heard before."""
        last = self._waiting[-1][0] if self._waiting else due
        self._waiting.append((max(due, last), heard))
