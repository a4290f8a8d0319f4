"""A whole call in virtual time: the phone on one side, a puppet on the other."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence

from fakes.call_record import CallRecord
from fakes.speech import Speaker, speak
from fakes.twilio.caller.caller import Caller
from fakes.twilio.caller.script import ConversationStep
from fakes.twilio.media.stream import MediaStream, StreamState
from fakes.twilio.web.webhook import CallLeg
from voiceutils.mulaw import is_voiced
from voiceutils.wire import encode
from voiceutils.wire import twilio as wire

__all__ = ["Puppet", "place_virtual_call", "voiced_speech"]

LONGEST_CALL = 90.0  # virtual seconds
_OPENED_AT = 100.0


def voiced_speech(text: str, utterance: int) -> bytes:
    """Return agent speech that sounds from its first frame to its last."""
    frames = list(speak(text, speaker=Speaker.AGENT, call=utterance).frames)
    while not is_voiced(frames[0]):
        frames.pop(0)
    while not is_voiced(frames[-1]):
        frames.pop()
    return b"".join(frames)


class Puppet:
    """An agent that does one thing at one moment; silent by itself.

    Subclasses override :meth:`starts` and :meth:`heard`.
    """

    def __init__(self) -> None:
        self.stream_sid = ""
        self._order = itertools.count()
        self._planned: list[tuple[float, int, wire.FromAgent]] = []

    def starts(self, now: float) -> None:
        """The call is answered."""

    def heard(self, voiced: bool, now: float) -> None:
        """A frame of the caller arrived."""

    def say(self, audio: bytes, at: float) -> None:
        """Plan audio."""
        self.plan(wire.AgentMedia(self.stream_sid, wire.AgentPayload(audio)), at)

    def clear(self, at: float) -> None:
        """Plan a clear."""
        self.plan(wire.Clear(self.stream_sid), at)

    def plan(self, message: wire.FromAgent, at: float) -> None:
        """Send a message at a moment."""
        heapq.heappush(self._planned, (at, next(self._order), message))

    def receive(self, text: str, now: float) -> None:
        """Take a message of the phone."""
        message = wire.decode_from_twilio(text)
        if isinstance(message, wire.Start):
            self.stream_sid = message.stream_sid
            self.starts(now)
        elif isinstance(message, wire.Media):
            self.heard(is_voiced(message.media.payload), now)

    def due(self, now: float) -> list[str]:
        """Return what is to be sent by now."""
        messages = []
        while self._planned and self._planned[0][0] <= now + 1e-9:
            messages.append(encode(heapq.heappop(self._planned)[2]))
        return messages


def place_virtual_call(
    puppet: Puppet, conversation: Sequence[ConversationStep], *, call: int = 4729
) -> CallRecord:
    """Run a call against a puppet without waiting for anything."""
    caller = Caller(conversation, call=call)
    leg = CallLeg.of(call)
    stream = MediaStream(leg, caller)
    now = _OPENED_AT
    stream.open(now)

    while stream.state is StreamState.OPEN and now < _OPENED_AT + LONGEST_CALL:
        for message in stream.take():
            if isinstance(message, str):
                puppet.receive(message, now)
        for text in puppet.due(now):
            stream.receive(text, now)
        now = stream.next_timer() or now
        stream.on_timer(now)

    record = CallRecord(
        call=call,
        call_sid=leg.call_sid,
        agent="puppet",
        outcome="completed" if caller.completed else "failed",
        cause=caller.cause,
        placed_at=_OPENED_AT,
        answered_after=0.0,
        duration=now - _OPENED_AT,
    )
    if caller.greeting_at is not None:
        record.greeting_after = caller.greeting_at - _OPENED_AT
    caller.fill(record, _OPENED_AT)
    return record
