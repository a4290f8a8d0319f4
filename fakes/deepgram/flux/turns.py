"""Whose turn it is: moments of audio in, events of Flux out; no clock but the audio.

The states and events are those of https://developers.deepgram.com/docs/flux/state,
written down as one table. How sure the real model is that a turn is over cannot be
known, so the fake has a law of its own. Up to the end of the last word, and while there
is a voice, the confidence is 0.1; ``s`` seconds of silence later it is

    0.1 + (highest - 0.1) * (1 - exp(-s / slowness))

with a slowness for text that ends like a sentence and another for text that does not.
"""

from __future__ import annotations

import enum
import math
from typing import NamedTuple

from msgspec import UnsetType

from fakes.deepgram.ear.hearing import Moment, SpokenWord
from fakes.deepgram.settings import DeepgramSettings
from voiceutils.wire.deepgram_flux import Thresholds

__all__ = ["TABLE", "Event", "Signal", "State", "TurnEvent", "Turns"]

UPDATE_EVERY = 0.25  # seconds of audio
LOWEST_CONFIDENCE = 0.1
_EPSILON = 1e-6  # sums of 0.02 are not exact


class State(enum.Enum):
    """Where a turn stands."""

    WAITING = "nobody has spoken yet"
    SPEAKING = "a turn is going on"
    ENDING = "an eager end was announced"


class Signal(enum.Enum):
    """What happened in the audio, or by order of the client."""

    WORDS = "the transcript changed"
    EAGER = "confidence reached the eager threshold"
    SURE = "confidence reached the threshold"
    TIMEOUT = "silence lasted as long as the timeout"
    FORCED = "the client ends the turn"
    TICK = "time for an Update"


class Event(enum.Enum):
    """The values of ``event`` in TurnInfo."""

    UPDATE = "Update"
    START = "StartOfTurn"
    EAGER_END = "EagerEndOfTurn"
    RESUMED = "TurnResumed"
    END = "EndOfTurn"


# What is not here changes nothing and says nothing.
TABLE: dict[tuple[State, Signal], tuple[State, Event]] = {
    (State.WAITING, Signal.WORDS): (State.SPEAKING, Event.START),
    (State.WAITING, Signal.TICK): (State.WAITING, Event.UPDATE),
    (State.SPEAKING, Signal.EAGER): (State.ENDING, Event.EAGER_END),
    (State.SPEAKING, Signal.SURE): (State.WAITING, Event.END),
    (State.SPEAKING, Signal.TIMEOUT): (State.WAITING, Event.END),
    (State.SPEAKING, Signal.FORCED): (State.WAITING, Event.END),
    (State.SPEAKING, Signal.TICK): (State.SPEAKING, Event.UPDATE),
    (State.ENDING, Signal.WORDS): (State.SPEAKING, Event.RESUMED),
    (State.ENDING, Signal.SURE): (State.WAITING, Event.END),
    (State.ENDING, Signal.TIMEOUT): (State.WAITING, Event.END),
    (State.ENDING, Signal.FORCED): (State.WAITING, Event.END),
    (State.ENDING, Signal.TICK): (State.ENDING, Event.UPDATE),
}
_TRIGGERS = {Signal.SURE: "model", Signal.TIMEOUT: "timeout", Signal.FORCED: "manual"}


class TurnEvent(NamedTuple):
    """One TurnInfo to be; ``trigger`` is empty unless it ends the turn."""

    event: Event
    turn: int
    start: float
    end: float
    words: tuple[SpokenWord, ...]
    confidence: float
    trigger: str = ""


class Turns:
    """Follows the turns of one connection.

    Args:
        thresholds: what ends a turn; may be set anew at any time.
        settings: for the law of confidence.
        ends: whether turns end by themselves.
    """

    def __init__(
        self, thresholds: Thresholds, settings: DeepgramSettings, *, ends: bool = True
    ) -> None:
        self.thresholds = thresholds
        self._settings = settings
        self._ends = ends
        self._state = State.WAITING
        self._turn = 0
        self._start = self._end = 0.0
        self._last_event = 0.0
        self._words: tuple[SpokenWord, ...] = ()
        self._sounding: SpokenWord | None = None
        self._shown: tuple[str, ...] = ()
        # A word that was said to its end only after its turn was over.
        self._counted_until = -1.0
        self._last_voiced = 0.0

    @property
    def active(self) -> bool:
        """Whether somebody has the turn."""
        return self._state is not State.WAITING

    @property
    def unsaid(self) -> bool:
        """Whether there is audio after the last event."""
        return self._end > self._last_event + _EPSILON

    def hear(self, moment: Moment, sounding: SpokenWord | None) -> list[TurnEvent]:
        """Take one moment; ``sounding`` is the word that is being said, if known."""
        self._note(moment, sounding)
        events = self._signal(Signal.WORDS) if self._changed() else []
        confidence, thresholds = self.confidence, self.thresholds
        eager = thresholds.eager_eot_threshold
        if self._ends and self.active:
            if not isinstance(eager, UnsetType) and confidence >= eager:
                events += self._signal(Signal.EAGER)
            if confidence >= thresholds.eot_threshold:
                events += self._signal(Signal.SURE)
            elif self._silence >= thresholds.eot_timeout_ms / 1000 - _EPSILON:
                events += self._signal(Signal.TIMEOUT)
        if not events and self._end >= self._last_event + UPDATE_EVERY - _EPSILON:
            events = self._signal(Signal.TICK)
        return events

    def force_end(self) -> list[TurnEvent]:
        """End the turn by order; nothing when nobody has it."""
        return self._signal(Signal.FORCED)

    def finish(self, rest: list[Moment]) -> list[TurnEvent]:
        """Say what is left, when no more audio comes; the turn is not ended."""
        events: list[TurnEvent] = []
        for moment in rest:
            self._note(moment, None)
            if self._changed():
                events += self._signal(Signal.WORDS)
        if self.unsaid:
            events += self._signal(Signal.TICK)
        return events

    @property
    def confidence(self) -> float:
        """How sure the fake is that no more speech comes in this turn."""
        if not self._words or self._sounding or self._silence <= 0:
            return LOWEST_CONFIDENCE
        settings = self._settings
        if self._words[-1].text.rstrip("\"')").endswith((".", "?", "!")):
            highest, slowness = 1.0, settings.flux_finished_seconds
        else:
            highest = settings.flux_unfinished_confidence
            slowness = settings.flux_unfinished_seconds
        risen = 1 - math.exp(-self._silence / slowness)
        # Never quite 1, so that a threshold of 1.0 leaves the end to the client.
        return min(0.99, LOWEST_CONFIDENCE + (highest - LOWEST_CONFIDENCE) * risen)

    @property
    def _silence(self) -> float:
        """Seconds of audio since the last voice or word."""
        last_word = self._words[-1].end if self._words else 0.0
        return self._end - max(self._last_voiced, last_word)

    def _note(self, moment: Moment, sounding: SpokenWord | None) -> None:
        self._end = max(self._end, moment.end)
        if moment.voiced:
            self._last_voiced = moment.end
        if moment.word and moment.word.start > self._counted_until:
            self._words = (*self._words, moment.word)
        known = sounding is not None and sounding.start > self._counted_until
        self._sounding = sounding if known else None

    def _heard(self) -> tuple[SpokenWord, ...]:
        return (*self._words, self._sounding) if self._sounding else self._words

    def _changed(self) -> bool:
        texts = tuple(word.text for word in self._heard())
        changed, self._shown = texts != self._shown, texts
        return changed

    def _signal(self, signal: Signal) -> list[TurnEvent]:
        step = TABLE.get((self._state, signal))
        if step is None:
            return []
        self._state, event = step
        heard, confidence = self._heard(), self.confidence
        trigger = _TRIGGERS.get(signal, "")
        said = TurnEvent(
            event, self._turn, self._start, self._end, heard, confidence, trigger
        )
        self._last_event = self._end
        if event is Event.END:
            self._begin_next(heard)
        return [said]

    def _begin_next(self, heard: tuple[SpokenWord, ...]) -> None:
        self._turn += 1
        self._start = self._end
        self._counted_until = heard[-1].start
        self._words, self._sounding, self._shown = (), None, ()
