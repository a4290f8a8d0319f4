"""A call that is lived through several frames at once is the same call.

Two streams with real callers get the same messages and the same moments: one frame by
frame, one as the engine drives it. What is sent and when, what is found, and the record
of the caller must be equal, byte for byte.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st

from fakes.call_record import CallRecord
from fakes.speech import CALLER_UTTERANCES, GREETING, Speaker, speak
from fakes.twilio.caller.caller import Caller
from fakes.twilio.caller.party import Party
from fakes.twilio.caller.script import (
    AwaitGreeting,
    AwaitHangUp,
    Conversation,
    HangUp,
    Pause,
    Press,
    Say,
    expected_reply,
)
from fakes.twilio.leg.leg import Leg
from fakes.twilio.media.agent_messages import audio_of
from fakes.twilio.media.stream import MediaStream, Settings
from fakes.twilio.web.webhook import CallLeg
from voiceutils.mulaw import FRAME_BYTES, FRAME_SECONDS, SILENCE_FRAME
from voiceutils.wire import twilio as wire

BEGUN = 1000.0
CALL = 4729
LEG = CallLeg.of(CALL, "CA" + "0" * 32)
SAID = CALLER_UTTERANCES[:3]
NOISE = [bytes((n * step + 7) & 0xFF for n in range(FRAME_BYTES)) for step in (3, 7)]
TEXTS = [GREETING, "Yes.", *(reply for text in SAID if (reply := expected_reply(text)))]
PACE = st.sampled_from([0, 1, 1, 1, 2, 5])  # messages of the agent at a frame


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """Any steps, in any order, with little patience."""
    steps = st.one_of(
        st.builds(AwaitGreeting, st.sampled_from([0.1, 1.0, 5.0])),
        st.builds(
            Say,
            st.sampled_from(SAID),
            st.sampled_from([None, None, None, 0.0, 0.06, 0.6]),
            st.sampled_from([True, True, False]),
        ),
        st.builds(Press, st.sampled_from(["1", "42#"])),
        st.builds(Pause, st.sampled_from([0.0, 0.05, 0.4, 1.0])),
        st.builds(AwaitHangUp, st.sampled_from([0.2, 1.0])),
        st.builds(HangUp, st.sampled_from(["stop", "close", "reset", "half_open"])),
    )
    return tuple(draw(st.lists(steps, min_size=2, max_size=6)))


def media(sid: str, audio: bytes, tail: str = "") -> bytes:
    """Return a message of the agent."""
    body = f'"media":{{"payload":"{b64encode(audio).decode()}"}}'
    return f'{{"event":"media","streamSid":"{sid}",{body}{tail}}}'.encode()


def odd(sid: str, kind: str, number: int) -> bytes:
    """Return what is no ordinary audio."""
    head = f'"event":"{kind}","streamSid":"{sid}"'
    match kind:
        case "mark":
            return f'{{{head},"mark":{{"name":"m{number}"}}}}'.encode()
        case "clear":
            return f"{{{head}}}".encode()
        case "damaged":
            return media(sid, SILENCE_FRAME).replace(b"//8=", b"/*8=")
        case "escaped":
            return media(sid, SILENCE_FRAME).replace(b"//8=", rb"\/\/8=")
        case "quoted":
            return media(sid, SILENCE_FRAME).replace(b"//8=", b'","event":"clear')
        case "padded":
            return media(sid, bytes(159)).replace(b'"}}', b'="}}')
        case "other":
            return media("MZ" + "1" * 32, NOISE[0])
        case "spaced":
            return media(sid, NOISE[1], " ")
        case "extra":
            return media(sid, NOISE[1], f',"number":{number}')
        case _:
            return b"junk"


KINDS = [
    *("mark", "clear", "damaged", "escaped", "quoted"),
    *("padded", "other", "spaced", "extra", "junk"),
]


@st.composite
def agents(draw: st.DrawFn) -> list[bytes | str]:
    """What an agent says, message by message: audio, or a kind of something else."""
    said: list[bytes | str] = []
    for number in range(draw(st.integers(0, 6))):
        text = draw(st.sampled_from(TEXTS))
        frames = list(speak(text, speaker=Speaker.AGENT, call=number + 1).frames)
        frames = frames[: draw(st.integers(1, len(frames)))]
        for at in draw(st.lists(st.integers(0, len(frames) - 1), max_size=4)):
            change = draw(st.sampled_from(["lost", "twice", "noise"]))
            part = frames[at : at + 1] * (2 if change == "twice" else 0)
            frames[at : at + 1] = NOISE[:1] if change == "noise" else part
        frames += [SILENCE_FRAME] * draw(st.sampled_from([0, 0, 4, 40]))
        size = draw(st.sampled_from([160, 160, 160, 800, 100, 4000]))
        audio = b"".join(frames)
        said += [audio[at : at + size] for at in range(0, len(audio), size)]
        said += draw(st.lists(st.sampled_from([*KINDS, "quiet"]), max_size=3))
    for at in draw(st.lists(st.integers(0, 300), max_size=5)):
        said.insert(at, draw(st.sampled_from(["mark", "clear", "mark", "junk"])))
    return said


class Wires:
    """A call in virtual time; notes what is sent and when."""

    def __init__(self, conversation: Conversation, knobs: Settings, **how: Any) -> None:
        self.caller = Caller(conversation, call=CALL, patience=1.0, **how)
        self.leg = Leg(self.caller)
        self.stream = MediaStream(LEG, self.party(), settings=knobs, seed=3)
        self.caller.listen_for_arrivals(self.stream.arrived)
        self.sent: list[tuple[float, object]] = []

    def party(self) -> Party:
        return self.leg

    def arrive(self, message: bytes, now: float) -> None:
        self.stream.receive(message.decode(), now)
        self.flush(now)

    def tick(self, now: float) -> None:
        self.stream.on_timer(now)
        self.flush(now)

    def flush(self, now: float) -> None:
        while self.stream.has_output:
            self.sent += [(now, said) for said in self.stream.take()]

    def record(self) -> bytes:
        record = CallRecord(
            call=CALL,
            call_sid=LEG.call_sid,
            agent="",
            outcome=str(self.caller.completed),
            cause=self.caller.cause,
            placed_at=BEGUN,
            duration=0.0,
            greeting_after=self.caller.greeting_at,
            findings=self.stream.findings,
            frames_sent=self.stream.frames_sent,
            lateness=self.stream.lateness.to_counts(),
        )
        self.caller.fill(record, BEGUN)
        return msgspec.json.encode(record)


class Blind:
    """A party that foresees nothing."""

    def __init__(self, party: Party) -> None:
        self.frame = party.frame


class OneByOne(Wires):
    """Nothing is foreseen, and every message read by the decoder."""

    def party(self) -> Party:
        return Blind(self.leg)


class Batched(Wires):
    """As the line drives it."""

    foreseen = 0

    def arrive(self, message: bytes, now: float) -> None:
        if not self.stream.hear(message, now):
            super().arrive(message, now)

    def tick(self, now: float) -> None:
        text = self.stream.turn(now)
        if text is None:
            super().tick(now)
            return
        self.foreseen += 1
        if text:
            self.sent.append((now, text))
            self.stream.left(now)
        if not self.stream.may_wait:
            self.stream.settle()
            assert not self.stream.has_output


def moments(jitter: list[float]) -> Iterator[float]:
    """Yield when the frames have their turn; late ones never move the next."""
    now = BEGUN
    for number in range(1, 600):
        late = jitter[number % len(jitter)]
        now = max(now, BEGUN + number * FRAME_SECONDS + late)
        yield now


@settings(
    max_examples=300,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(
    conversations(),
    agents(),
    st.lists(PACE, min_size=1, max_size=40),
    st.lists(st.sampled_from([1e-4, 1e-4, 3e-3, 0.019, 0.05, 0.3]), min_size=1),
    st.sampled_from([{}, {}, {"drop_every": 7}, {"holding_time": 1.5}]),
    st.sampled_from(
        [
            Settings(),
            Settings(),
            Settings(remainder="pad"),
            Settings(clear_tail_ms=100),
            Settings(cap_seconds=0.5),
            Settings(strict_schema=True),
        ]
    ),
    st.dictionaries(st.integers(0, 300), st.sampled_from(["close", "record", "full"])),
)
def test_batched_is_frame_by_frame(
    conversation: Conversation,
    agent: list[bytes | str],
    pace: list[int],
    jitter: list[float],
    how: dict[str, Any],
    knobs: Settings,
    incidents: dict[int, str],
) -> None:
    """Messages, moments, findings and record, for any caller and any agent."""
    short, long = (
        Batched(conversation, knobs, **how),
        OneByOne(conversation, knobs, **how),
    )
    calls = (short, long)
    for wires in calls:
        wires.stream.open(BEGUN)
    said = iter(agent)
    for number, now in enumerate(moments(jitter)):
        for wires in calls:
            wires.tick(now)
        incident = incidents.get(number, "")
        for _ in range(pace[number % len(pace)]):
            part = next(said, "quiet")
            if part == "quiet":
                break
            sid = short.stream.stream_sid
            text = odd(sid, part, number) if isinstance(part, str) else media(sid, part)
            for wires in calls:
                wires.arrive(text, now + 0.003)
        for wires in calls:
            if incident == "close":
                wires.stream.agent_closed(1000, now + 0.004)
            elif incident == "record":
                wires.stream.settle()
                wires.leg.start_recording("RE")
            elif incident == "full":
                wires.stream.congested = not wires.stream.congested
        if not short.stream.is_open and not long.stream.is_open:
            break
    for wires in calls:
        wires.stream.hang_up("stop", now)
        wires.flush(now)
    assert short.sent == long.sent
    assert short.record() == long.record()
    assert short.stream.owed == long.stream.owed
    assert short.stream.end == long.stream.end
    assert short.stream.events == long.stream.events
    event(f"foreseen {min(9, 10 * short.foreseen // (number + 1))} of 10")


def test_most_frames_of_a_usual_call_are_foreseen() -> None:
    """Each reply is heard whole, so a decision is due after the shortest silence."""
    says = (Say(text) for text in SAID)
    script: Conversation = (AwaitGreeting(), *says, HangUp())
    short, long = Batched(script, Settings()), OneByOne(script, Settings())
    for wires in (short, long):
        wires.stream.open(BEGUN)
    replies = iter((GREETING, *(expected_reply(text) or "" for text in SAID)))
    queue: list[bytes] = []
    turns = frames = 0
    for now in moments([1e-4]):
        for wires in (short, long):
            wires.tick(now)
        frames += 1
        if not long.stream.is_open:
            break
        spoken = len(long.caller.turns)
        if not queue and spoken >= turns:
            turns = spoken + 1
            speech = speak(next(replies), speaker=Speaker.AGENT, call=turns)
            quiet = 0 if spoken == 0 else 120
            queue = [SILENCE_FRAME] * quiet + list(speech.frames)
        audio = queue.pop(0) if queue else SILENCE_FRAME
        for wires in (short, long):
            wires.arrive(media(short.stream.stream_sid, audio), now)
    for wires in (short, long):
        wires.stream.hang_up("stop", now)
        wires.flush(now)
    assert short.sent == long.sent
    assert short.record() == long.record()
    assert short.foreseen > 0.9 * frames


@given(st.one_of(st.binary(max_size=400), st.text("AB/+=9\\ \n", max_size=40)))
def test_audio_in_base64_is_what_the_decoder_of_messages_reads(
    audio: bytes | str,
) -> None:
    """Or it is left to that one."""
    coded = b64encode(audio) if isinstance(audio, bytes) else audio.encode()
    found = audio_of(coded)
    message = b'{"event":"media","streamSid":"MZ","media":{"payload":"%b"}}' % coded
    try:
        read = wire.decode_from_agent(message.decode())
    except Exception:
        assert found is None
        return
    assert isinstance(read, wire.AgentMedia)
    assert found in (None, read.media.payload)
    if isinstance(audio, bytes):
        assert found == audio


@pytest.mark.parametrize("padding", ["=", "==", "===="])
def test_padding_too_much_is_left_to_the_decoder(padding: str) -> None:
    """The quick way would let it pass."""
    assert audio_of(f"AAAA{padding}".encode()) is None
