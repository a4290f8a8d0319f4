"""The turns of one ``/v2/speak`` session: one speaks, the others wait.

What it has to say is put into a list of messages and audio that its owner sends.
"""

from __future__ import annotations

import hashlib
from collections import deque

import msgspec

from fakes.deepgram.outbox import Outgoing, Said
from fakes.deepgram.speak.flux_texts import warning
from fakes.deepgram.speak.flux_turn import Playback, SpokenTurn
from fakes.deepgram.speak.line import SpeechLine
from fakes.deepgram.speak.stream import whole_sentences
from fakes.deepgram.surface import Opening
from voiceutils.wire import encode
from voiceutils.wire.deepgram_speak_flux import (
    Flushed,
    SessionMetadata,
    SpeechInterrupted,
    SpeechMetadata,
    SpeechStarted,
)

__all__ = ["TurnQueue"]


class TurnQueue:
    """Lets turns speak one after the other.

    Args:
        line: on which the audio goes out.
        opening: of the connection.
        ready: takes what is to be sent now.
    """

    def __init__(
        self, line: SpeechLine, opening: Opening, ready: list[Outgoing]
    ) -> None:
        self._line = line
        self._settings = opening.settings
        self._request_id = opening.request_id
        self._ready = ready
        self._turns: deque[SpokenTurn] = deque()
        self._begun = 0
        self._playback = Playback(line)
        self._interrupted: tuple[float, SpeechInterrupted] | None = None
        self._totals = [0, 0]  # characters that came and that are billed

    def advance(self, now: float) -> None:
        """Send what is due; end and begin turns as their audio allows."""
        while True:
            self._ready += self._line.release(now)
            if self._interrupted is not None:
                if self._interrupted[0] > now:
                    return
                self._say(self._interrupted[1])
                self._interrupted = None
                self._begin_next(now)
            turn = self._turns[0] if self._turns else None
            if turn is None or not turn.flushed or self._line.next_due is not None:
                return
            self._complete(turn)
            self._begin_next(now)

    @property
    def busy(self) -> bool:
        """Whether anything of a turn that was ended is still to be sent."""
        line_busy = self._line.next_due is not None
        flushed = any(turn.flushed for turn in self._turns)
        return line_busy or flushed or self._interrupted is not None

    @property
    def next_due(self) -> float | None:
        """When something is due; None when nothing waits."""
        dues = [self._line.next_due, self._interrupted and self._interrupted[0]]
        return min((due for due in dues if due is not None), default=None)

    @property
    def pronounces_later(self) -> bool:
        """Whether a turn that waits has words with a pronunciation of their own."""
        return any(turn.pronunciations for turn in list(self._turns)[1:])

    # --- orders ------------------------------------------------------------------

    def add(self, raw: str, text: str, pronunciations: int, now: float) -> None:
        """Add text to the open turn, or begin one with it."""
        turn = self._turns[-1] if self._turns else None
        fresh = turn is None or turn.flushed
        if turn is None or turn.flushed:
            turn = SpokenTurn(self._speech_id())
            self._turns.append(turn)
        turn.add(raw, text, pronunciations)
        self._totals[0] += len(raw)
        self._totals[1] += len(text)
        if turn is not self._turns[0] or self._interrupted is not None:
            return
        if fresh:
            self._begin(turn, now)
        else:
            self._sound(turn, now)

    def flush(self, now: float) -> None:
        """End the open turn."""
        if not self._turns or self._turns[-1].flushed:
            self._warn("NO_ACTIVE_SPEECH")
            return
        turn = self._turns[-1]
        turn.flushed = True
        if turn is self._turns[0] and self._interrupted is None:
            self._sound(turn, now)

    def interrupt(self, played: int | None, now: float) -> None:
        """Cancel the active turn, heard up to so many milliseconds of the session."""
        if self._interrupted is not None:
            self._warn("INTERRUPT_IN_PROGRESS")
        elif self._line.sent_seconds == 0:
            self._warn("NO_AUDIO_GENERATED")
        elif played is not None and played <= self._playback.position:
            self._warn("INVALID_INTERRUPT_OFFSET")
        elif not self._turns:
            self._warn("NO_ACTIVE_SPEECH")
        else:
            self._cancel(self._turns.popleft(), played, now)

    def _cancel(self, turn: SpokenTurn, played: int | None, now: float) -> None:
        self._ready += self._line.cut(now, self._settings.in_flight_on_clear)
        heard = self._playback.cancelled(turn, played)
        spoken, remaining = turn.split(heard)
        given = played is not None
        message = SpeechInterrupted(
            audio_played_ms=self._playback.position,
            text_spoken=spoken if given else msgspec.UNSET,
            text_remaining=remaining if given else msgspec.UNSET,
            metadata=turn.report(heard),
        )
        self._interrupted = (now + self._settings.flux_interrupt_delay, message)

    def session_metadata(self) -> SessionMetadata:
        """Return the figures of the whole session."""
        active = self._turns[0] if self._turns else None
        total = round(self._playback.total(active) * 1000)
        return SessionMetadata(total, *self._totals)

    # --- turns -------------------------------------------------------------------

    def _complete(self, turn: SpokenTurn) -> None:
        if not turn.speakable:
            self._warn("NO_SYNTHESIZABLE_TEXT")
        if not turn.told_flushed:
            self._say(Flushed(turn.speech_id))
        report = turn.report(self._playback.over(turn))
        self._say(SpeechMetadata(*msgspec.structs.astuple(report)))
        self._turns.popleft()

    def _begin_next(self, now: float) -> None:
        if self._turns:
            self._begin(self._turns[0], now)

    def _begin(self, turn: SpokenTurn, now: float) -> None:
        turn.sent_before = self._line.sent_seconds
        self._say(SpeechStarted(turn.speech_id))
        self._sound(turn, now)

    def _sound(self, turn: SpokenTurn, now: float) -> None:
        """Make audio of the active turn: of whole sentences, or of all that is left."""
        text, turn.unsaid = whole_sentences(turn.unsaid)
        first = None
        if turn.flushed:
            text, turn.unsaid = text + turn.unsaid, ""
            if self._settings.flux_flushed_early and turn.speakable and text.strip():
                turn.told_flushed = True
                first = Said(encode(Flushed(turn.speech_id)))
        if not any(character.isalnum() for character in text):
            text = ""
        begun, made = self._line.speak(text, now, first)
        self._ready += begun
        turn.spoken(made)

    def _speech_id(self) -> str:
        self._begun += 1
        named = f"{self._request_id}:{self._begun}".encode()
        return "dg_sp_" + hashlib.blake2b(named, digest_size=6).hexdigest()

    def _say(self, message: msgspec.Struct) -> None:
        self._ready.append(Said(encode(message)))

    def _warn(self, code: str) -> None:
        self._say(warning(code))
