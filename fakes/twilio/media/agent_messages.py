"""Reads what the agent sends over the media socket, as forgivingly as Twilio does.

A message that does not fit is ignored and noted, never fatal
(https://www.twilio.com/docs/api/errors/31951).
"""

from __future__ import annotations

from binascii import Error as NotBase64
from binascii import a2b_base64, b2a_base64
from typing import Final, NamedTuple

import msgspec

from voiceutils.errors import WireError
from voiceutils.mulaw import SILENCE_FRAME
from voiceutils.wire import Unknown
from voiceutils.wire import twilio as wire

__all__ = ["QUOTE", "AgentMessages", "Order", "Problem", "audio_of"]

# Extra fields are an agent's habit, not an accident: the first messages of each kind
# show them, and looking at all of them would cost more than decoding.
_LOOKED_AT: Final = 3

# Agents write all media messages alike. One that changes its ways so often is read by
# the decoder alone.
_MOST_SHAPES: Final = 3
_PROBE: Final = bytes(range(24))
# As a number: looked for as bytes it costs seven times as much, by an exception inside.
QUOTE: Final = ord('"')
_of_base64: Final = a2b_base64  # compiled code finds it without looking it up
_SILENCE: Final = b2a_base64(SILENCE_FRAME, newline=False)

_media: msgspec.json.Decoder[wire.AgentMedia] = msgspec.json.Decoder(wire.AgentMedia)

_FIELDS: Final = {
    wire.AgentMedia: ({"event", "streamSid", "media"}, "media", {"payload"}),
    wire.AgentMark: ({"event", "streamSid", "mark"}, "mark", {"name"}),
    wire.Clear: ({"event", "streamSid"}, "", set[str]()),
}


class Problem(NamedTuple):
    """Why a message was ignored, or what is odd about it."""

    code: str
    text: str
    evidence: str


class Order(NamedTuple):
    """A message that counts, or None; and what was wrong."""

    message: wire.FromAgent | None
    problems: tuple[Problem, ...] = ()


class AgentMessages:
    """Decoder for the messages of one stream.

    Args:
        stream_sid: the only stream that this socket carries.
        strict: ignore messages with extra fields.
    """

    __slots__ = ("_seen", "_shapes_learnt", "_stream_sid", "_strict", "begin", "end")

    def __init__(self, stream_sid: str, *, strict: bool = False) -> None:
        self._stream_sid = stream_sid
        self._strict = strict
        self._seen = dict.fromkeys(_FIELDS, 0)
        self._shapes_learnt = 0
        # What the usual media message begins with, up to its audio, and ends with.
        self.begin = b""
        self.end = b""

    def usual_audio(self, message: bytes) -> bytes | None:
        """Return the audio of an ordinary media message, still in base64.

        Ordinary is what differs from the one before by its audio only. Without a
        quotation mark, audio cannot end before its place does, so the message is one
        of media whatever else is wrong with it: :func:`audio_of` has to tell.

        Returns:
            The audio; None when it is for :meth:`read` to say what the message is.
        """
        begin, end = self.begin, self.end
        if not begin or not message.startswith(begin) or not message.endswith(end):
            return None
        audio = message[len(begin) : -len(end)]
        return audio if audio.isascii() and QUOTE not in audio else None

    def read(self, message: str | bytes) -> Order:
        """Return what a text frame (str) or binary frame (bytes) orders."""
        if isinstance(message, bytes):
            return _ignored("31950", "binary message ignored", repr(message[:40]))
        try:
            order = wire.decode_from_agent(message)
        except WireError as error:
            text = str(error).partition(": '")[0]
            return _ignored("31951", f"invalid message ignored: {text}", error.evidence)
        except (RecursionError, msgspec.DecodeError) as error:
            return _ignored("31951", f"invalid message ignored: {error}", message[:200])
        if isinstance(order, Unknown):
            text = f"invalid message ignored: unknown event {order.kind[:40]!r}"
            return _ignored("31951", text, message[:200])
        if order.stream_sid != self._stream_sid:
            text = "message for a stream that is not this one ignored"
            return _ignored("31951", text, order.stream_sid[:60])
        return self._look_for_extras(order, message)

    def _look_for_extras(self, order: wire.FromAgent, message: str) -> Order:
        kind = type(order)
        self._seen[kind] += 1
        if self._seen[kind] > _LOOKED_AT and not self._strict:
            if isinstance(order, wire.AgentMedia):
                self._learn(order.media.payload, message)
            return Order(order)
        fields, inner, inner_fields = _FIELDS[kind]
        loose = msgspec.json.decode(message)
        extra = [*(loose.keys() - fields)]
        if inner:
            extra += [f"{inner}.{name}" for name in loose[inner].keys() - inner_fields]
        if not extra:
            return Order(order)
        names = ", ".join(sorted(extra))
        if self._strict:
            return _ignored("31951", f"message with extra fields ignored: {names}", "")
        text = f"extra fields in a {loose['event']} message: {names}"
        return Order(order, (Problem("extra_fields", text, message[:200]),))

    def _learn(self, payload: bytes, message: str) -> None:
        """Take this media message for the usual one, if that can be proved."""
        if self._shapes_learnt == _MOST_SHAPES:
            return
        self._shapes_learnt += 1
        audio = b2a_base64(payload, newline=False)
        begin, found, end = message.encode().partition(b'"' + audio + b'"')
        if not found:
            return
        begin, end = begin + b'"', b'"' + end
        other = begin + b2a_base64(_PROBE, newline=False) + end
        try:
            proof = _media.decode(other)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return
        if proof.stream_sid == self._stream_sid and proof.media.payload == _PROBE:
            self.begin, self.end = begin, end


def audio_of(base64: bytes) -> bytes | None:
    """Return what the decoder of whole messages would return; None: ask that one."""
    if base64 == _SILENCE:
        return SILENCE_FRAME  # all calls share it
    try:
        audio = _of_base64(base64, strict_mode=True)
    except NotBase64:
        return None
    # What is over after a whole group is let pass here, and refused there.
    return audio if (len(audio) + 2) // 3 * 4 == len(base64) else None


def _ignored(code: str, text: str, evidence: str) -> Order:
    return Order(None, (Problem(code, text, evidence),))
