"""One connection of streaming speech, WebSocket ``/v1/speak``; no socket, no clock.

Used like :class:`fakes.deepgram.listen.Listening`; what it gives besides text are
pieces of audio, which a driver enters in the ledger.
"""

from __future__ import annotations

import json
from collections import deque

from fakes.deepgram.errors import Refusal
from fakes.deepgram.outbox import (
    AudioPiece,
    Ended,
    Outgoing,
    Said,
    UtteranceBegun,
    UtteranceCut,
)
from fakes.deepgram.speak import (
    MODEL_VERSION,
    SpeakQuery,
    model_uuid,
    parse_speak,
    say,
)
from fakes.deepgram.surface import Opening
from fakes.faults import EmptyAudio, Trickle
from fakes.speech import FrameCode, Speech
from voiceutils.errors import WireError
from voiceutils.wire import Unknown, encode
from voiceutils.wire.deepgram_speak import (
    ClearAudio,
    Cleared,
    Close,
    Flush,
    Flushed,
    Metadata,
    Speak,
    decode_from_client,
)

__all__ = ["Speaking", "open_speak"]

# The prose of these closes is not published; the codes are.
_BINARY = (1003, "Binary messages are not supported. MESSAGE-0000")
_JUNK = (1008, "The message is not a valid command. DATA-0000")
_TOO_MANY = (1008, "Too many characters in the window. DATA-0001")
_TOO_LONG = (1009, "The text has too many characters. BIG-0001")
_TOO_OLD = (1011, "The connection reached its time limit. NET-0003")

MINUTE = 60.0


def open_speak(opening: Opening) -> Speaking | Refusal:
    """Open a connection, or say why not."""
    query = parse_speak(opening.pairs, streaming=True)
    return query if isinstance(query, Refusal) else Speaking(query, opening)


class Speaking:
    """The state of one connection.

    Args:
        query: the form of speech asked for.
        opening: of the connection; :class:`EmptyAudio` and :class:`Trickle` count.
    """

    def __init__(self, query: SpeakQuery, opening: Opening) -> None:
        fault = opening.fault
        self.ended = False
        self._query = query
        self._settings = opening.settings
        self._new_number = opening.new_number
        self._silent = isinstance(fault, EmptyAudio)
        self._pace = 1 / opening.settings.speech_pace
        if isinstance(fault, Trickle):
            self._pace = fault.seconds  # for a second of audio
        now = opening.now
        self._dies_at = now + opening.settings.speak_lifetime
        self._text: list[str] = []
        self._waiting: deque[tuple[float, Outgoing]] = deque()
        self._busy_until = now
        self._sequence = 0
        self._flushes: deque[float] = deque()
        self._characters: deque[tuple[float, int]] = deque()
        metadata = Metadata(
            opening.request_id, query.model, MODEL_VERSION, model_uuid(query.model)
        )
        self._ready: list[Outgoing] = [Said(encode(metadata))]

    def receive(self, message: bytes | str, now: float) -> None:
        """Take one frame of the client; a closed connection ignores it."""
        self.on_timer(now)
        if self.ended:
            return
        if isinstance(message, bytes):
            self._end(*_BINARY)
            return
        try:
            command = decode_from_client(message)
        except WireError:
            self._end(*_JUNK)
            return
        match command:
            case Speak(text):
                self._speak(text, now)
            case Flush():
                self._flush(now)
            case ClearAudio():
                self._clear(now)
            case Close():
                self._end(1000, "")
            case Unknown():
                self._end(*_JUNK)

    def take(self) -> list[Outgoing]:
        """Return what is to be sent now, in order."""
        ready, self._ready = self._ready, []
        return ready

    def take_codes(self) -> list[FrameCode]:
        """Return nothing: a speech service hears nothing."""
        return []

    def next_timer(self) -> float | None:
        """Return when to call :meth:`on_timer`; None when all is over."""
        if self.ended:
            return None
        return self._waiting[0][0] if self._waiting else self._dies_at

    def on_timer(self, now: float) -> None:
        """Let time pass; harmless when it is early."""
        while self._waiting and self._waiting[0][0] <= now and not self.ended:
            self._ready.append(self._waiting.popleft()[1])
        if now >= self._dies_at and not self.ended:
            self._end(*_TOO_OLD)

    # --- commands ----------------------------------------------------------------

    def _speak(self, text: str, now: float) -> None:
        if len(text) > self._settings.text_limit:
            self._end(*_TOO_LONG)
            return
        window = self._characters
        window.append((now, len(text)))
        while window[0][0] <= now - MINUTE:
            window.popleft()
        if sum(size for _, size in window) > self._settings.characters_a_minute:
            self._end(*_TOO_MANY)
            return
        self._text.append(text)

    def _flush(self, now: float) -> None:
        flushes = self._flushes
        while flushes and flushes[0] <= now - self._settings.flush_window:
            flushes.popleft()
        if len(flushes) >= self._settings.flush_limit:
            self._ready.append(Said(self._warning()))
            return
        flushes.append(now)
        text, self._text = " ".join(self._text), []
        delay = self._settings.speech_delay if text.strip() else 0.0
        due = max(now + delay, self._busy_until)
        for number, speech in [] if self._silent else say(text, self._new_number):
            self._ready.append(UtteranceBegun(number, speech, now))
            due = self._schedule(number, speech, due)
        flushed = Said(encode(Flushed(self._sequence)))
        self._sequence += 1
        self._busy_until = due
        self._waiting.append((due, flushed))
        self.on_timer(now)

    def _schedule(self, number: int, speech: Speech, due: float) -> float:
        """Let the pieces of an utterance wait for their time; returns the end."""
        audio = self._query.convert(speech.audio)
        seconds = self._settings.chunk_seconds
        size = int(seconds * self._query.bytes_a_second)
        for at in range(0, len(audio), size):
            piece = AudioPiece(audio[at : at + size], number)
            self._waiting.append((due, piece))
            due += len(piece.audio) / self._query.bytes_a_second * self._pace
        return due

    def _warning(self) -> str:
        live = self._settings.warning_keys == "live"
        code, text = ("warn_code", "warn_msg") if live else ("code", "description")
        message = {
            "type": "Warning",
            code: "EXCESSIVE_FLUSH",
            text: "Rate limit exceeded for flushes. Please try again later.",
        }
        return json.dumps(message, separators=(",", ":"))

    def _clear(self, now: float) -> None:
        """Drop what waits; a few pieces are on their way already and still arrive."""
        self._text.clear()
        pieces = [item for _, item in self._waiting if isinstance(item, AudioPiece)]
        in_flight = self._settings.in_flight_on_clear
        self._ready += pieces[:in_flight]
        cut = dict.fromkeys(piece.utterance for piece in pieces[in_flight:])
        self._ready += [UtteranceCut(number) for number in cut]
        self._waiting.clear()
        self._busy_until = now
        self._ready.append(Said(encode(Cleared(self._sequence))))
        self._sequence += 1

    def _end(self, code: int, reason: str) -> None:
        pieces = [item for _, item in self._waiting if isinstance(item, AudioPiece)]
        cut = dict.fromkeys(piece.utterance for piece in pieces)
        self._ready += [UtteranceCut(number) for number in cut]
        self._waiting.clear()
        self._ready.append(Ended(code, reason))
        self.ended = True
