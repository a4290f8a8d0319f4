"""How a client behaves on one connection, in figures that never grow.

Kept for every message, hence cheap; judged by :mod:`fakes.client_verdict`.
"""

from __future__ import annotations

import json

import msgspec

__all__ = ["FASTEST", "LONGEST_FRAME", "SHORTEST_FRAME", "Conduct", "is_control"]

# Seconds of audio a message, and the pace, that the service advises:
# https://developers.deepgram.com/docs/measuring-streaming-latency and
# https://developers.deepgram.com/docs/recovering-from-connection-errors-and-timeouts-when-live-streaming-audio
SHORTEST_FRAME = 0.02
LONGEST_FRAME = 0.25
FASTEST = 1.25
_LONGEST_CONTROL = 4096  # bytes of a text command that came as a binary message
_LONGEST_SPEAK = 65536


class Conduct(msgspec.Struct):
    """What one client did; moments are monotonic seconds.

    Attributes:
        last_at: its last message, audio or text.
        silence: the longest time without a message, from the opening on.
        silence_from: when that began.
        audio_messages: binary messages with audio.
        short_messages: those below 20 ms of audio.
        long_messages: those above 250 ms.
        ahead: seconds of audio sent faster than 1.25 times real time allows, not
            worked off yet.
        most_ahead: the most there ever was of it.
        most_ahead_at: when that was.
        keep_alives: KeepAlive messages.
        binary_controls: text commands that came as binary messages.
        binary_control_at: when the first came.
        empty_audio: binary messages without a byte.
        empty_audio_at: when the first came.
        farewell: the message by which it announced its end.
        unspoken: characters of text that were sent and not flushed yet.
    """

    last_at: float | None = None
    silence: float = 0.0
    silence_from: float | None = None
    audio_messages: int = 0
    short_messages: int = 0
    long_messages: int = 0
    ahead: float = 0.0
    most_ahead: float = 0.0
    most_ahead_at: float | None = None
    keep_alives: int = 0
    binary_controls: int = 0
    binary_control_at: float | None = None
    empty_audio: int = 0
    empty_audio_at: float | None = None
    farewell: str = ""
    unspoken: int = 0

    def audio(self, size: int, bytes_a_second: float, now: float) -> None:
        """Enter an audio message; the form is 0 when it is not known."""
        last_at = self.last_at
        gap = 0.0 if last_at is None else now - last_at
        if gap > self.silence:
            self.silence, self.silence_from = gap, last_at
        self.last_at = now
        self.audio_messages += 1
        if not bytes_a_second:
            return
        seconds = size / bytes_a_second
        if seconds < SHORTEST_FRAME:
            self.short_messages += 1
        elif seconds > LONGEST_FRAME:
            self.long_messages += 1
        ahead = self.ahead + seconds - gap * FASTEST
        if ahead <= 0.0:
            self.ahead = 0.0
            return
        self.ahead = ahead
        if ahead > self.most_ahead:
            self.most_ahead, self.most_ahead_at = ahead, now

    def empty(self, now: float) -> None:
        """Enter a binary message without a byte; the service takes it for the end."""
        self._spoke(now)
        self.empty_audio += 1
        if self.empty_audio_at is None:
            self.empty_audio_at = now
        self.farewell = self.farewell or "empty audio"

    def text(self, kind: str, message: str, now: float) -> int:
        """Enter a text message; returns the characters that it asks to speak."""
        self._spoke(now)
        if kind == "KeepAlive":
            self.keep_alives += 1
        elif kind in ("CloseStream", "Close"):
            self.farewell = kind
        elif kind in ("Flush", "Clear", "Interrupt"):
            self.unspoken = 0
        elif kind == "Speak":
            characters = _characters(message)
            self.unspoken += characters
            return characters
        return 0

    def binary_control(self, now: float) -> None:
        """Enter a command that came as a binary message: garbage among the audio."""
        self._spoke(now)
        self.binary_controls += 1
        if self.binary_control_at is None:
            self.binary_control_at = now

    def _spoke(self, now: float) -> None:
        last_at = self.last_at
        if last_at is not None:
            gap = now - last_at
            if gap > self.silence:
                self.silence, self.silence_from = gap, last_at
            self.ahead = max(0.0, self.ahead - gap * FASTEST)
        self.last_at = now


def is_control(message: bytes) -> bool:
    """Return whether a binary message is a text command in truth."""
    if message[:1] != b"{" or len(message) > _LONGEST_CONTROL:
        return False
    return b'"type"' in message


def _characters(message: str) -> int:
    if len(message) > _LONGEST_SPEAK:
        return len(message)
    try:
        text = json.loads(message).get("text")
    except (ValueError, AttributeError, RecursionError):
        return 0
    return len(text) if isinstance(text, str) else 0
