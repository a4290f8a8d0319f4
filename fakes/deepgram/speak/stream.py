"""One connection of streaming speech, WebSocket ``/v1/speak``; no socket, no clock.

Used like :class:`fakes.deepgram.listen.live.Listening`; what it gives besides text are
pieces of audio, which a driver enters in the ledger
(https://developers.deepgram.com/docs/tts-websocket).
"""

from __future__ import annotations

import re
from collections import deque

import msgspec

from fakes.deepgram.errors import Refusal
from fakes.deepgram.outbox import Ended, Outgoing, Said
from fakes.deepgram.speak.line import SpeechLine
from fakes.deepgram.speak.request import (
    MODEL_VERSION,
    SpeakQuery,
    model_uuid,
    parse_speak,
)
from fakes.deepgram.surface import Opening
from fakes.speech import FrameCode
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
    SpeakWarning,
    SpeakWarningOfSchema,
    decode_from_client,
)

__all__ = ["Speaking", "open_speak", "whole_sentences"]

# The prose of these closes is not published; the codes are.
_BINARY = (1003, "Binary messages are not supported. MESSAGE-0000")
_JUNK = (1008, "The message is not a valid command. DATA-0000")
_TOO_MANY = (1008, "Too many characters in the window. DATA-0001")
_TOO_BIG = (1009, "The message is too large. BIG-0000")
_TOO_LONG = (1009, "The text has too many characters. BIG-0001")
_TOO_OLD = (1011, "The connection reached its time limit. NET-0003")
_EXCESS = (
    "EXCESSIVE_FLUSH",
    "Rate limit exceeded for flushes. Please try again later.",
)

MINUTE = 60.0
_SENTENCES = re.compile(r".*[.?!][\"')]*\s+", re.DOTALL)


def whole_sentences(text: str) -> tuple[str, str]:
    """Split a text behind its last sentence that is surely over."""
    found = _SENTENCES.match(text)
    return (found[0], text[found.end() :]) if found else ("", text)


def open_speak(opening: Opening) -> Speaking | Refusal:
    """Open a connection, or say why not."""
    query = parse_speak(opening.pairs, opening.settings, streaming=True)
    return query if isinstance(query, Refusal) else Speaking(query, opening)


class Speaking:
    """The state of one connection.

    Args:
        query: the form of speech asked for.
        opening: of the connection.
    """

    def __init__(self, query: SpeakQuery, opening: Opening) -> None:
        self.ended = False
        self._settings = opening.settings
        self._line = SpeechLine(query, opening)
        self._line.speed = query.speed
        self._dies_at = opening.now + opening.settings.speak_lifetime
        self._text = ""
        self._sequence = 0
        self._closing = False
        self._flushes: deque[float] = deque()
        self._characters: deque[tuple[float, int]] = deque()
        metadata = Metadata(
            opening.request_id, query.model, MODEL_VERSION, model_uuid(query.model)
        )
        self._ready: list[Outgoing] = [Said(encode(metadata))]

    def receive(self, message: bytes | str, now: float) -> None:
        """Take one frame of the client; a closed connection ignores it."""
        self.on_timer(now)
        if self.ended or self._closing:
            return
        if isinstance(message, bytes):
            self._end(_BINARY, now)
        elif self._line.too_long(message):
            self._end(_TOO_BIG, now)
        else:
            self._obey(message, now)
        self.on_timer(now)

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
        due = self._line.next_due
        return self._dies_at if due is None else min(due, self._dies_at)

    def on_timer(self, now: float) -> None:
        """Let time pass; harmless when it is early."""
        if self.ended:
            return
        self._ready += self._line.release(min(now, self._dies_at))
        if self._closing and self._line.next_due is None:
            self._end((1000, ""), now)
        elif now >= self._dies_at:
            self._end(_TOO_OLD, now)

    # --- commands ----------------------------------------------------------------

    def _obey(self, message: str, now: float) -> None:
        try:
            command = decode_from_client(message)
        except WireError:
            command = Unknown("", message)
        match command:
            case Speak(text):
                self._speak(text, now)
            case Flush():
                self._flush(now)
            case ClearAudio():
                self._clear(now)
            case Close() if self._settings.speak_close_drains:
                self._closing = True
            case Close():
                self._end((1000, ""), now)
            case Unknown():
                self._end(_JUNK, now)

    def _speak(self, text: str, now: float) -> None:
        if len(text) > self._settings.text_limit:
            self._end(_TOO_LONG, now)
            return
        window = self._characters
        window.append((now, len(text)))
        while window[0][0] <= now - MINUTE:
            window.popleft()
        if sum(size for _, size in window) > self._settings.characters_a_minute:
            self._end(_TOO_MANY, now)
            return
        self._text += text
        if self._settings.speak_before_flush:
            whole, self._text = whole_sentences(self._text)
            self._sound(whole, now)

    def _flush(self, now: float) -> None:
        flushes = self._flushes
        while flushes and flushes[0] <= now - self._settings.flush_window:
            flushes.popleft()
        if len(flushes) >= self._settings.flush_limit:
            self._ready.append(Said(self._warning()))
            return
        flushes.append(now)
        text, self._text = self._text, ""
        self._sound(text, now)
        self._line.then(Said(encode(Flushed(self._sequence))), now)
        self._sequence += 1

    def _sound(self, text: str, now: float) -> None:
        begun, _ = self._line.speak(text, now)
        self._ready += begun

    def _warning(self) -> str:
        warning: msgspec.Struct = SpeakWarning(*_EXCESS)
        if self._settings.warning_keys == "spec":
            warning = SpeakWarningOfSchema(_EXCESS[1], _EXCESS[0])
        return encode(warning)

    def _clear(self, now: float) -> None:
        """Drop what waits; a few pieces are on their way already and still arrive."""
        self._text = ""
        self._ready += self._line.cut(now, self._settings.in_flight_on_clear)
        self._ready.append(Said(encode(Cleared(self._sequence))))
        self._sequence += 1

    def _end(self, end: tuple[int, str], now: float) -> None:
        self._ready += self._line.cut(now)
        self._ready.append(Ended(*end))
        self.ended = True
