"""One call to the echo agent, without socket or clock.

The caller's frames come fifty a second, silence included, so they are all the clock
that it needs.
"""

from __future__ import annotations

from functools import cache

from fakes.speech import GREETING, Speaker, frames_of
from voiceutils.errors import WireError
from voiceutils.mulaw import FRAMES_PER_SECOND, SILENCE_FRAME, is_voiced
from voiceutils.wire import encode
from voiceutils.wire import twilio as wire

__all__ = ["ENDPOINTING", "LEAD_IN", "LONGEST", "EchoCall"]

ENDPOINTING = FRAMES_PER_SECOND // 2
"""Frames of silence after which the caller has finished: half a second."""

LEAD_IN = 5
"""Faint frames before the first voiced one that belong to an utterance."""

LONGEST = 60 * FRAMES_PER_SECOND
"""Frames of one utterance; a longer one is said back in pieces."""

_SHORTEST = 3  # frames; less than that is a click, not speech
_AT_MOST_UNPLAYED = 100  # marks; whoever returns none must not make the list grow


class EchoCall:
    """Greets, says back what it hears once the caller is silent, stops when spoken to.

    Feed it every message with :meth:`receive` and send what that returns.

    Attributes:
        is_over: whether Twilio said that the call has ended; close the socket then.
    """

    def __init__(self) -> None:
        self.is_over = False
        self._stream_sid = ""
        self._heard: list[bytes] = []  # an utterance, or what may begin one
        self._quiet = 0  # silent frames at their end
        self._voiced = 0
        self._unplayed = 0  # marks that have not come back
        self._said = 0

    def receive(self, text: str | bytes) -> list[str]:
        """Take a message of Twilio's; what cannot be read is passed over.

        Returns:
            Messages to send, in order.
        """
        try:
            message = wire.decode_from_twilio(text)
        except WireError:
            return []
        match message:
            case wire.Media(media=body):
                return self._hear(body.payload)
            case wire.Mark():
                self._unplayed = max(0, self._unplayed - 1)
            case wire.Start(stream_sid=sid):
                self._stream_sid = sid
                return self._say(_greeting())
            case wire.Stop():
                self.is_over = True
        return []

    def _hear(self, frame: bytes) -> list[str]:
        if frame == SILENCE_FRAME or not is_voiced(frame):
            return self._hear_nothing(frame)
        self._quiet = 0
        self._voiced += 1
        self._heard.append(frame)
        if len(self._heard) >= LONGEST:
            return self._answer()
        if self._unplayed and self._voiced == _SHORTEST:
            return [encode(wire.Clear(self._stream_sid))]
        return []

    def _hear_nothing(self, frame: bytes) -> list[str]:
        if self._voiced:
            self._quiet += 1
            self._heard.append(frame)
            return self._answer() if self._quiet >= ENDPOINTING else []
        # Speech begins below the level of a voice, and what begins it is wanted, too.
        self._heard = [] if frame == SILENCE_FRAME else [*self._heard, frame][-LEAD_IN:]
        return []

    def _answer(self) -> list[str]:
        frames = self._heard[: len(self._heard) - self._quiet]
        spoken = self._voiced >= _SHORTEST
        self._heard, self._quiet, self._voiced = [], 0, 0
        return self._say(frames) if spoken else []

    def _say(self, frames: list[bytes]) -> list[str]:
        self._said += 1
        self._unplayed = min(self._unplayed + 1, _AT_MOST_UNPLAYED)
        sid = self._stream_sid
        media = (wire.AgentMedia(sid, wire.AgentPayload(frame)) for frame in frames)
        mark = wire.AgentMark(sid, wire.MarkBody(f"echo {self._said}"))
        return [*map(encode, media), encode(mark)]


@cache
def _greeting() -> list[bytes]:
    return list(frames_of(GREETING, speaker=Speaker.AGENT, call=0))
