"""A whole call in virtual time: document, leg and stream against a scripted agent.

The judge is the same call without document and leg: the caller straight on the stream.
"""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.selfcheck._virtual import (
    Puppet,
    place_virtual_call,
    voiced_speech,
)
from fakes.call_record import CallRecord
from fakes.twilio.caller.caller import Caller
from fakes.twilio.caller.script import (
    AwaitGreeting,
    Conversation,
    HangUp,
    Pause,
    Press,
    Say,
)
from fakes.twilio.flow.flow import Flow
from fakes.twilio.flow.orders import OpenStream, Over, Voice
from fakes.twilio.leg.leg import Leg
from fakes.twilio.media.impaired import ImpairedStream
from fakes.twilio.media.impairments import Impairment
from fakes.twilio.media.media_fork import MediaFork
from fakes.twilio.media.stream import MediaStream
from fakes.twilio.media.stream_core import StreamCore
from fakes.twilio.web.webhook import CallLeg
from voiceutils.mulaw import FRAME_SECONDS
from voiceutils.wire import twilio as wire

BEGUN = 100.0
LONGEST = 120.0
CONNECT = '<Connect><Stream url="wss://agent.example/media"/></Connect>'
CALL = 4729


class Answerer(Puppet):
    """Greets, and answers whatever was said when the caller has been quiet."""

    def __init__(self, *, greet_after: float, quiet: int, clears: bool) -> None:
        super().__init__()
        self._greet_after = greet_after
        self._quiet_frames = quiet
        self._clears = clears
        self._quiet = 0
        self._heard = False
        self._numbers = itertools.count(1)

    def starts(self, now: float) -> None:
        number = next(self._numbers)
        speech = voiced_speech("Hello, how can I help you?", number)
        self.say(speech, now + self._greet_after)

    def heard(self, voiced: bool, now: float) -> None:
        if voiced:
            if not self._heard and self._clears:
                self.clear(now)
            self._heard, self._quiet = True, 0
            return
        self._quiet += 1
        if self._heard and self._quiet == self._quiet_frames:
            self._heard = False
            self.say(voiced_speech("Yes, of course.", next(self._numbers)), now)


class VirtualCall:
    """Carries out a flow's orders in virtual time, as LegCall does in real time."""

    def __init__(self, puppet: Puppet, conversation: Conversation) -> None:
        self.caller = Caller(conversation, call=CALL)
        self.leg = Leg(self.caller)
        self.forks: list[MediaFork] = []
        self.over: Over | None = None
        self.opened_at = BEGUN
        self.path: Impairment | None = None
        self._puppet = puppet
        self._call = CallLeg.of(CALL)
        self._core: StreamCore | None = None
        self._stream: MediaStream | None = None

    def run(self, document: str) -> CallRecord:
        now = BEGUN
        voice = Voice(twiml=f"<Response>{document}</Response>")
        numbers = itertools.count(1 << 23)
        flow = self._flow = Flow(
            self._call, voice, answered=False, new_number=numbers.__next__
        )
        flow.begin(now)
        self._obey(now)
        while self.over is None and now < BEGUN + LONGEST:
            now = self._talk(now) if self._core is not None else self._wait(now)
            self._obey(now)
        return self._record(now)

    def _obey(self, now: float) -> None:
        for order in self._flow.take():
            match order:
                case OpenStream(order=wanted) if wanted.bidirectional:
                    self._open(now)
                case OpenStream(order=wanted):
                    fork = MediaFork(self._call, wanted)
                    self.leg.fork(fork)
                    fork.open(now)
                    self.forks.append(fork)
                case Over():
                    self.over = order
                case _:
                    pass

    def _open(self, now: float) -> None:
        self.opened_at = now
        stream = self._stream = MediaStream(self._call, self.leg)
        self._core = stream
        if self.path is not None:
            self._core = ImpairedStream(stream, self.path, seed=0)
        self._core.open(now)
        self._flow.stream_opened(now)
        self._obey(now)

    def _wait(self, now: float) -> float:
        now += FRAME_SECONDS
        step = self.leg.frame(self._flow.frame(now), now)
        if step.hang_up:
            self._flow.hang_up(now)
        else:
            self._flow.hear(step.audio, step.digits, now)
        return now

    def _talk(self, now: float) -> float:
        core, stream = self._core, self._stream
        assert core is not None
        assert stream is not None
        for message in core.take():
            if isinstance(message, str):
                self._puppet.receive(message, now)
        for text in self._puppet.due(now):
            core.receive(text, now)
        if not core.is_open:
            self._core = None
            self._flow.hang_up(now)
            return now
        now = core.next_timer() or now
        core.on_timer(now)
        return now

    def _record(self, now: float) -> CallRecord:
        record = CallRecord(
            call=CALL,
            call_sid=self._call.call_sid,
            agent="puppet",
            outcome="completed" if self.caller.completed else "failed",
            cause=self.caller.cause,
            placed_at=BEGUN,
            answered_after=0.0,
            duration=now - BEGUN,
        )
        if self.caller.greeting_at is not None:
            record.greeting_after = self.caller.greeting_at - self.opened_at
        self.caller.fill(record, BEGUN)
        return record


SAYINGS = st.builds(
    Say,
    st.sampled_from(["What time is it?", "Yes."]),
    barge_in_after=st.sampled_from([None, 0.3]),
    reply=st.booleans(),
)
STEPS = SAYINGS | st.builds(Pause, st.floats(0.0, 1.0)) | st.just(Press("5#"))
CONVERSATIONS = st.lists(STEPS, max_size=3).map(
    lambda steps: (AwaitGreeting(), *steps, HangUp())
)
AGENTS = st.fixed_dictionaries(
    {
        "greet_after": st.floats(0.0, 1.5),
        "quiet": st.integers(1, 40),
        "clears": st.booleans(),
    }
)


def _plain(record: CallRecord) -> dict[str, Any]:
    found = msgspec.to_builtins(record)
    del found["call_sid"]
    assert isinstance(found, dict)
    return found


@settings(max_examples=25)
@given(script=CONVERSATIONS, agent=AGENTS, how=st.sampled_from(["", "fork", "path"]))
def test_a_call_by_document_is_the_call_on_the_bare_stream(
    script: Conversation, agent: dict[str, Any], how: str
) -> None:
    """To the last frame; with a fork, a recording or a perfect path between, too."""
    judged = place_virtual_call(Answerer(**agent), script, call=CALL)
    call = VirtualCall(Answerer(**agent), script)
    document = CONNECT
    if how == "fork":
        document = f'<Start><Stream url="wss://spy.example/m"/></Start>{CONNECT}'
        call.leg.start_recording("RE" + "0" * 32)
    if how == "path":
        call.path = Impairment()
    assert _plain(call.run(document)) == _plain(judged)
    assert call.over == Over("completed")
    assert len(call.forks) == (how == "fork")


@settings(max_examples=15)
@given(seconds=st.integers(0, 3), agent=AGENTS)
def test_what_comes_before_the_stream_only_moves_the_call(
    seconds: int, agent: dict[str, Any]
) -> None:
    """The caller waits through a pause; then everything is as without it."""
    script = (AwaitGreeting(), Say("What time is it?"), HangUp())
    judged = place_virtual_call(Answerer(**agent), script, call=CALL)
    call = VirtualCall(Answerer(**agent), script)
    record = call.run(f'<Pause length="{seconds}"/>{CONNECT}')
    assert call.opened_at - BEGUN == pytest.approx(seconds, abs=0.021)
    moved, usual = record.turns[0], judged.turns[0]
    assert moved.gap == pytest.approx(usual.gap, abs=0.0201)
    assert moved.heard == usual.heard
    assert record.greeting_after == pytest.approx(judged.greeting_after, abs=0.0201)
    assert [u.heard for u in record.utterances] == [u.heard for u in judged.utterances]


def test_a_fork_carries_what_the_recording_holds() -> None:
    """Frame by frame, from the document's voice to the caller's last word."""
    script = (AwaitGreeting(), Say("Yes.", reply=False), HangUp())
    call = VirtualCall(Answerer(greet_after=0.1, quiet=10, clears=False), script)
    call.leg.start_recording("RE" + "0" * 32)
    call.run(
        '<Start><Stream url="wss://spy.example/m" track="both_tracks"/></Start>'
        f"<Say>Please hold.</Say>{CONNECT}"
    )
    recording = call.leg.stop_recording()
    assert recording is not None
    (fork,) = call.forks
    audio: dict[str, bytes] = {"inbound": b"", "outbound": b""}
    for text in fork.take():
        message = wire.decode_from_twilio(str(text))
        if isinstance(message, wire.Media):
            audio[message.media.track] += message.media.payload
    assert audio == {"inbound": recording.left, "outbound": recording.right}
