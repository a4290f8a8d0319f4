"""What one caller's recognition sends over /v1/listen, and when; no socket, no clock.

A link to Deepgram cannot be resumed: a new one starts at time zero
(https://developers.deepgram.com/docs/recovering-from-connection-errors-and-timeouts-when-live-streaming-audio).
So the session outlives its links: audio that no link has taken is kept, and the times
in what the next link says are moved to where that audio lies in the call.
"""

from __future__ import annotations

from collections import deque

import msgspec

from voiceutils.audio_buffer import AudioBuffer
from voiceutils.mulaw import FRAME_BYTES, SAMPLE_RATE
from voiceutils.wire import Unknown, encode
from voiceutils.wire.deepgram_listen import (
    CloseStream,
    Finalize,
    FromListen,
    KeepAlive,
    Results,
    SpeechStarted,
    UtteranceEnd,
    decode_from_listen,
)

__all__ = ["CHUNK_BYTES", "ListenSession"]

# Deepgram advises 20 to 250 ms a message; 400 ms (3200 bytes) would hide the end of
# speech for longer than endpointing takes.
CHUNK_BYTES = 5 * FRAME_BYTES  # 100 ms
KEEPALIVE_SECONDS = 4.0  # advised: 3 to 5; the link is closed after 10
KEEP_SECONDS = 10.0  # a transcript older than this helps no conversation

_KEEP_ALIVE = encode(KeepAlive())
_FINALIZE = encode(Finalize())
_CLOSE_STREAM = encode(CloseStream())


class ListenSession:
    """Orders audio and commands for one link after another.

    Args:
        buffer_size: bytes of audio in one message.
        keep_seconds: how much unsent audio is kept; the oldest is dropped beyond it.
        keepalive_after: seconds without any message before a KeepAlive is due.

    Attributes:
        dropped_bytes: audio given up because no link took it in time.
    """

    def __init__(
        self,
        *,
        buffer_size: int = CHUNK_BYTES,
        keep_seconds: float = KEEP_SECONDS,
        keepalive_after: float = KEEPALIVE_SECONDS,
    ) -> None:
        self._buffer = AudioBuffer(buffer_size)
        self._keep_bytes = max(buffer_size, int(keep_seconds * SAMPLE_RATE))
        self._keepalive_after = keepalive_after

        self._outbox: deque[bytes | str] = deque()
        self._waiting_bytes = 0
        self.dropped_bytes = 0

        self._open = False
        self._finished = False
        self._last_sent = 0.0
        self._consumed_bytes = 0  # handed to a link, or dropped
        self._offset = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a link is there to take messages."""
        return self._open

    def opened(self, now: float) -> None:
        """Start on a fresh link; its time zero is the first audio not yet sent."""
        self._open = True
        self._last_sent = now
        self._offset = self._consumed_bytes / SAMPLE_RATE

    def lost(self) -> None:
        """Stop: the link is gone. Audio waits for the next one, commands do not."""
        self._open = False
        audio = [message for message in self._outbox if isinstance(message, bytes)]
        self._outbox = deque(audio)

    # --- from the call ------------------------------------------------------------

    def audio(self, chunk: bytes) -> None:
        """Add caller audio of any length."""
        for full in self._buffer.add(chunk):
            self._add_audio(full)

    def finalize(self) -> None:
        """Ask for a final of all audio given so far."""
        self._flush()
        if self._open:
            self._outbox.append(_FINALIZE)

    def finish(self) -> None:
        """End politely: the tail of the audio, then CloseStream."""
        self._flush()
        self._outbox.append(_CLOSE_STREAM)
        self._finished = True

    def _flush(self) -> None:
        tail = self._buffer.flush()
        if tail:  # an empty message would end the stream
            self._add_audio(tail)

    def _add_audio(self, chunk: bytes) -> None:
        self._outbox.append(chunk)
        self._waiting_bytes += len(chunk)
        while self._waiting_bytes > self._keep_bytes:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        index = next(i for i, m in enumerate(self._outbox) if isinstance(m, bytes))
        size = len(self._outbox[index])
        del self._outbox[index]
        self._waiting_bytes -= size
        self._consumed_bytes += size
        self.dropped_bytes += size
        if self._open:  # later audio of this link moves by what it never got
            self._offset += size / SAMPLE_RATE

    # --- to the link --------------------------------------------------------------

    def take(self, now: float) -> bytes | str | None:
        """Return the next message for the open link, or None."""
        if not self._open or not self._outbox:
            return None
        message = self._outbox.popleft()
        self._last_sent = now
        if isinstance(message, bytes):
            self._waiting_bytes -= len(message)
            self._consumed_bytes += len(message)
        return message

    def put_back(self, message: bytes | str) -> None:
        """Undo ``take``: the link failed before it took the message."""
        if isinstance(message, bytes):
            self._outbox.appendleft(message)
            self._waiting_bytes += len(message)
            self._consumed_bytes -= len(message)

    def next_timer(self) -> float | None:
        """Return when ``on_timer`` is due, or None."""
        if not self._open or self._finished:
            return None
        return self._last_sent + self._keepalive_after

    def on_timer(self, now: float) -> None:
        """Queue a KeepAlive if nothing was sent for long enough."""
        due = self.next_timer()
        if due is not None and now >= due and not self._outbox:
            self._outbox.append(_KEEP_ALIVE)

    # --- from the link ------------------------------------------------------------

    def receive(self, message: str | bytes) -> FromListen | Unknown:
        """Return what Deepgram said, its times in seconds of the whole call.

        Raises:
            WireError: the message does not fit the protocol.
        """
        event = decode_from_listen(message)
        if not self._offset:
            return event
        return _moved(event, self._offset)


def _moved(event: FromListen | Unknown, seconds: float) -> FromListen | Unknown:
    replace = msgspec.structs.replace
    if isinstance(event, Results):
        alternatives = tuple(
            replace(
                alternative,
                words=tuple(
                    replace(word, start=word.start + seconds, end=word.end + seconds)
                    for word in alternative.words
                ),
            )
            for alternative in event.channel.alternatives
        )
        channel = replace(event.channel, alternatives=alternatives)
        return replace(event, start=event.start + seconds, channel=channel)
    if isinstance(event, SpeechStarted):
        return replace(event, timestamp=event.timestamp + seconds)
    if isinstance(event, UtteranceEnd) and event.last_word_end >= 0:
        return replace(event, last_word_end=event.last_word_end + seconds)
    return event
