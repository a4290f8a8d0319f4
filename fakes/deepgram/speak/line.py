"""Speech on its way to a client of a WebSocket: pieces of audio, each at its time."""

from __future__ import annotations

from collections import deque

from fakes.deepgram.outbox import (
    AudioPiece,
    Outgoing,
    Said,
    UtteranceBegun,
    UtteranceCut,
)
from fakes.deepgram.speak.request import SpeakQuery, say
from fakes.deepgram.surface import Opening
from fakes.faults import EmptyAudio, Trickle
from fakes.speech import Speech
from fakes.speech.voices import voice_of_model

__all__ = ["SpeechLine"]


class SpeechLine:
    """What was spoken and not yet sent; everything leaves in the order it came.

    Args:
        query: the form of the audio, and whose voice it is.
        opening: of the connection; :class:`EmptyAudio` and :class:`Trickle` count.

    Attributes:
        speed: how much faster than usual the next text is said, where the settings let
            speed change the audio.
        sent_seconds: of audio, since the connection was opened.
    """

    def __init__(self, query: SpeakQuery, opening: Opening) -> None:
        form = query.form
        fault, settings = opening.fault, opening.settings
        self.speed = 1.0
        self.sent_seconds = 0.0
        self._form = form
        self._voice = voice_of_model(query.model)
        self._settings = settings
        self._delay = opening.delays(settings.speech_delay, "speech")
        self._new_number = opening.new_number
        self._silent = isinstance(fault, EmptyAudio)
        self._pace = 1 / settings.speech_pace
        if isinstance(fault, Trickle):
            self._pace = fault.seconds  # for a second of audio
        self._waiting: deque[tuple[float, Outgoing]] = deque()
        self._busy_until = opening.now
        size = int(settings.chunk_seconds * form.bytes_a_second)
        self._size = max(form.width, size - size % form.width)

    def too_long(self, message: str) -> bool:
        """Tell whether a message of the client has too many bytes."""
        size = len(message.encode("utf-8", "replace"))
        return size > self._settings.speak_message_limit

    def speak(
        self, text: str, now: float, first: Said | None = None
    ) -> tuple[list[Outgoing], list[tuple[Speech, float]]]:
        """Say a text after all that waits.

        Args:
            text: any; what has no words makes no audio.
            now: when it was asked for.
            first: a message to send just before the audio.

        Returns:
            The utterances to be entered at once, and all that is going to be said, each
            with its seconds.
        """
        begun: list[Outgoing] = []
        spoken: list[tuple[Speech, float]] = []
        due = max(now + self._delay(), self._busy_until)
        if first is not None:
            self._waiting.append((due, first))
        speed = self.speed if self._settings.speed_changes_audio else 1.0
        mode = self._settings.speech
        said = [] if self._silent else say(text, self._new_number, mode, self._voice)
        for number, speech in said:
            begun.append(UtteranceBegun(number, speech, now))
            audio = self._form.convert(speech.audio, speed)
            spoken.append((speech, len(audio) / self._form.bytes_a_second))
            for at in range(0, len(audio), self._size):
                piece = AudioPiece(audio[at : at + self._size], number)
                self._waiting.append((due, piece))
                due += self._seconds(piece) * self._pace
        if spoken or first is not None:
            self._busy_until = due
        return begun, spoken

    def then(self, message: Said, now: float) -> None:
        """Send a message after all that waits."""
        self._busy_until = max(now, self._busy_until)
        self._waiting.append((self._busy_until, message))

    def release(self, now: float) -> list[Outgoing]:
        """Return what is due."""
        ready: list[Outgoing] = []
        while self._waiting and self._waiting[0][0] <= now:
            ready.append(self._sent(self._waiting.popleft()[1]))
        return ready

    def cut(self, now: float, in_flight: int = 0) -> list[Outgoing]:
        """Drop what waits, messages too; returns what is still sent or entered.

        Args:
            now: the line is free from here on.
            in_flight: pieces of audio that are on their way already.
        """
        pieces = [item for _, item in self._waiting if isinstance(item, AudioPiece)]
        self._waiting.clear()
        self._busy_until = now
        cut = dict.fromkeys(piece.utterance for piece in pieces[in_flight:])
        still = [self._sent(piece) for piece in pieces[:in_flight]]
        return still + [UtteranceCut(number) for number in cut]

    @property
    def next_due(self) -> float | None:
        """When something is due; None when nothing waits."""
        return self._waiting[0][0] if self._waiting else None

    def _sent(self, item: Outgoing) -> Outgoing:
        if isinstance(item, AudioPiece):
            self.sent_seconds += self._seconds(item)
        return item

    def _seconds(self, piece: AudioPiece) -> float:
        return len(piece.audio) / self._form.bytes_a_second
