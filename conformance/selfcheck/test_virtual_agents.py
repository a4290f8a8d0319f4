"""What the phone must say of agents that fooled other testers, in virtual time."""

from __future__ import annotations

import pytest

from conformance.selfcheck._virtual import Puppet, place_virtual_call, voiced_speech
from fakes.call_record import CallRecord
from fakes.twilio.caller.script import AwaitGreeting, HangUp, Say
from voiceutils.mulaw import (
    FRAME_BYTES,
    FRAME_SECONDS,
    SILENCE_FRAME,
    seconds_of,
)

GREETING = voiced_speech("Hello, how can I help you?", 1)
REPLY = voiced_speech("It is half past nine.", 2)
LONG_REPLY = voiced_speech(
    "The table is booked for Friday evening. Please come to the entrance.", 3
)
ONE_QUESTION = (AwaitGreeting(), Say("Where is my parcel?"), HangUp())
ONE_FRAME = FRAME_SECONDS + 1e-6
# The caller's last voiced frame is known to the puppet when silence follows it.
END_OF_SPEECH = 0.4


class Greeting(Puppet):
    """Greets as soon as the call is answered."""

    def starts(self, now: float) -> None:
        self.say(GREETING, now)


class Answering(Greeting):
    """Answers a known time after the caller's last voiced frame.

    Args:
        delay: from that frame to the reply; at least ``END_OF_SPEECH``.
    """

    def __init__(self, delay: float) -> None:
        super().__init__()
        self._delay = delay
        self._voiced_at: float | None = None

    def heard(self, voiced: bool, now: float) -> None:
        if voiced:
            self._voiced_at = now
        elif self._voiced_at is not None and now - self._voiced_at >= END_OF_SPEECH:
            self.say(REPLY, self._voiced_at + self._delay)
            self._voiced_at = None


class Early(Answering):
    """Sends something as soon as the caller speaks, and the answer much later."""

    def __init__(self, early: bytes, delay: float) -> None:
        super().__init__(delay)
        self._early = early

    def heard(self, voiced: bool, now: float) -> None:
        if voiced and self._early:
            self.say(self._early, now)
            self._early = b""
        super().heard(voiced, now)


class StreamingSilence(Answering):
    """Never stops sending: silence whenever it has nothing to say."""

    _busy_until = 0.0

    def say(self, audio: bytes, at: float) -> None:
        self._busy_until = max(self._busy_until, at) + seconds_of(audio)
        super().say(audio, at)

    def heard(self, voiced: bool, now: float) -> None:
        super().heard(voiced, now)
        if now >= self._busy_until:
            self.say(SILENCE_FRAME, now)


class Streaming(Greeting):
    """Streams a long reply in real time; may be interrupted in one way or another.

    Args:
        stop_delay: seconds from the interruption to the end of the old reply; None
            streams on to its end after one clear.
    """

    def __init__(self, stop_delay: float | None) -> None:
        super().__init__()
        self._stop_delay = stop_delay
        self._voiced_at: float | None = None
        self._next: float | None = None  # when the next frame of the reply is due
        self._sent = 0
        self._stop_at: float | None = None
        self._answered = False

    def heard(self, voiced: bool, now: float) -> None:
        if voiced and self._sent and self._stop_at is None:
            if self._stop_delay is None:
                self._stop_at = float("inf")
                self.clear(now)
            else:
                self._stop_at = now + self._stop_delay
        self._stream(now)
        if voiced:
            self._voiced_at = now
        elif self._voiced_at is not None and now - self._voiced_at >= END_OF_SPEECH:
            self._voiced_at = None
            if self._sent:
                self.say(REPLY, now)
            else:
                self._next = now

    def _stream(self, now: float) -> None:
        if self._next is None or (self._stop_at is not None and now >= self._stop_at):
            return
        piece = LONG_REPLY[self._sent : self._sent + FRAME_BYTES]
        self._sent += len(piece)
        self.say(piece, now)


INTERRUPTION = (
    AwaitGreeting(),
    Say("Where is my parcel?"),
    Say("Please cancel my order.", barge_in_after=0.5),
    HangUp(),
)


def gap_of(record: CallRecord) -> float:
    """Return the gap of a call that completed."""
    assert record.outcome == "completed", record.cause
    gap = record.turns[0].gap
    assert gap is not None
    return gap


def test_silent_agent_fails() -> None:
    """An agent that never makes a sound fails, and the cause says what did not come.

    Other testers averaged an empty list to 0.0 ms and called it excellent.
    """
    record = place_virtual_call(Puppet(), ONE_QUESTION)

    assert record.outcome == "failed"
    assert record.cause == "no greeting within 8 s"
    assert record.greeting_after is None


def test_agent_that_only_greets_fails() -> None:
    """A greeting is not an answer."""
    record = place_virtual_call(Greeting(), ONE_QUESTION)

    assert record.outcome == "failed"
    assert "no reply in turn 1" in record.cause
    assert record.turns[0].gap is None


@pytest.mark.parametrize("delay", [0.4, 0.9, 3.0, 5.0])
def test_gap_is_measured_to_the_frame(delay: float) -> None:
    """The gap is that from the last voiced frame said to the first one heard."""
    gap = gap_of(place_virtual_call(Answering(delay), ONE_QUESTION))

    assert gap == pytest.approx(delay + FRAME_SECONDS / 2, abs=ONE_FRAME)


def test_greeting_does_not_hide_a_late_answer() -> None:
    """An agent that greets at once and answers after 4 s has a gap of 4 s.

    Measured from the start of the stream its first audio came after 0.5 ms.
    """
    record = place_virtual_call(Answering(4.0), ONE_QUESTION)

    assert record.greeting_after is not None
    assert record.greeting_after <= 2 * ONE_FRAME
    assert gap_of(record) == pytest.approx(4.0, abs=2 * ONE_FRAME)


def test_streamed_silence_is_no_speech() -> None:
    """An agent that sends silence all the time is heard to finish, and to answer.

    Other testers took digital silence for the first audio, or waited for its end.
    """
    record = place_virtual_call(StreamingSilence(0.9), ONE_QUESTION)

    assert gap_of(record) == pytest.approx(0.9, abs=2 * ONE_FRAME)
    assert record.duration < 12  # greeting 4 s, question 1 s, gap and reply 3 s


def test_early_silence_is_not_taken_for_the_reply() -> None:
    """A silent frame before the answer does not shorten the gap."""
    gap = gap_of(place_virtual_call(Early(SILENCE_FRAME, 3.0), ONE_QUESTION))

    assert gap == pytest.approx(3.0, abs=2 * ONE_FRAME)


def test_early_sound_is_no_fast_reply() -> None:
    """A sound made while the caller speaks gives no small positive gap.

    It is talking over the caller, hence negative, or it does not count.
    """
    gap = gap_of(place_virtual_call(Early(REPLY[:FRAME_BYTES], 3.0), ONE_QUESTION))

    assert gap < 0 or gap == pytest.approx(3.0, abs=2 * ONE_FRAME)


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.3])
def test_stop_is_measured_to_the_frame(delay: float) -> None:
    """How long the old reply is heard is told without any quiet-gap timer in it."""
    record = place_virtual_call(Streaming(delay), INTERRUPTION)

    assert record.outcome == "completed", record.cause
    assert record.turns[1].barge_in
    assert record.turns[1].stopped_after == pytest.approx(delay, abs=2 * ONE_FRAME)


def test_clear_alone_does_not_count_as_stopping() -> None:
    """One clear, and then the old reply goes on: it is heard, so it counts."""
    record = place_virtual_call(Streaming(None), INTERRUPTION)

    stopped_after = record.turns[1].stopped_after
    assert stopped_after is not None
    assert stopped_after > 1.0
