"""The echo agent: says back what the caller said, frame by frame, and gives way."""

from __future__ import annotations

import asyncio
import sys
from itertools import cycle, groupby, takewhile

from hypothesis import given
from hypothesis import strategies as st

from conformance.selfcheck._virtual import Puppet, place_virtual_call
from fakes.addresses import Addresses
from fakes.echo.call import ENDPOINTING, LEAD_IN, LONGEST, EchoCall
from fakes.speech import Speaker, speak
from fakes.twilio.phone import AwaitGreeting, HangUp, Say, place_call
from fakes.world import AgentProcess
from voiceutils.mulaw import FRAME_BYTES, SILENCE_FRAME, is_voiced
from voiceutils.wire import encode
from voiceutils.wire import twilio as wire

NO_PROVIDERS = Addresses(deepgram="", deepgram_websocket="", model="", control="")
SID = "MZ" + "0" * 32
SPOKEN = tuple(
    filter(is_voiced, speak("One two.", speaker=Speaker.CALLER, call=1).frames)
)
FAINT = b"\x7e" * FRAME_BYTES
KINDS = st.sampled_from(["voice", "faint", "silence"])
runs = st.lists(st.tuples(KINDS, st.integers(1, ENDPOINTING + 3)), max_size=6)


def media(frame: bytes) -> str:
    """A frame of the caller's, as Twilio sends it."""
    body = wire.MediaBody("inbound", "1", "20", frame)
    return encode(wire.Media("2", body, SID))


def answered() -> EchoCall:
    """A call whose greeting has been sent and has played."""
    call = EchoCall()
    start = wire.StartBody("AC1", SID, "CA1")
    greeting = call.receive(encode(wire.Start("1", start, SID)))
    assert said(greeting)
    call.receive(encode(wire.Mark("2", SID, wire.MarkBody("echo 1"))))
    return call


def said(messages: list[str]) -> list[bytes]:
    """The audio among messages."""
    read = map(wire.decode_from_agent, messages)
    return [one.media.payload for one in read if isinstance(one, wire.AgentMedia)]


def expected(frames: list[bytes]) -> list[list[bytes]]:
    """Utterances by the definition: cut where half a second has no voice."""
    found: list[list[bytes]] = [[]]
    before: list[bytes] = []
    for voiced, run in groupby(frames, key=is_voiced):
        part = list(run)
        if voiced:
            faint = list(takewhile(lambda frame: frame != SILENCE_FRAME, before[::-1]))
            found[-1] += (before if found[-1] else faint[:LEAD_IN][::-1]) + part
        elif len(part) >= ENDPOINTING and found[-1]:
            found.append([])
            part = part[ENDPOINTING:]
        before = part
    return [utterance for utterance in found if sum(map(is_voiced, utterance)) >= 3]


@given(runs)
def test_what_is_said_back_is_what_was_said(cuts: list[tuple[str, int]]) -> None:
    """Every utterance comes back whole, from what leads to its first voiced frame."""
    voices = cycle(SPOKEN)
    plain = {"faint": FAINT, "silence": SILENCE_FRAME}
    frames = [
        plain.get(kind) or next(voices) for kind, count in cuts for _ in range(count)
    ]
    frames += [SILENCE_FRAME] * ENDPOINTING
    call = answered()
    answers = [heard for frame in frames if (heard := said(call.receive(media(frame))))]
    assert answers == expected(frames)


def test_whoever_speaks_while_it_speaks_is_given_way() -> None:
    """Three voiced frames while its own words still sound bring one clear."""
    call = answered()
    for frame in [*SPOKEN[:9], *[SILENCE_FRAME] * ENDPOINTING]:
        call.receive(media(frame))
    messages = [text for frame in SPOKEN[:9] for text in call.receive(media(frame))]
    assert [type(wire.decode_from_agent(text)) for text in messages] == [wire.Clear]


def test_who_never_pauses_is_answered_in_pieces() -> None:
    """Nobody can make it keep more than its longest utterance."""
    call = answered()
    answers = [call.receive(media(SPOKEN[0])) for _ in range(LONGEST)]
    assert not any(answers[:-1])
    assert len(said(answers[-1])) == LONGEST


@given(st.text() | st.binary().map(str))
def test_nothing_that_cannot_be_read_is_answered(text: str) -> None:
    """Junk neither ends the call nor is said back."""
    assert answered().receive(text) == []


class Echo(Puppet):
    """The echo agent at the other end of a call in virtual time."""

    def __init__(self) -> None:
        super().__init__()
        self._call = EchoCall()
        self._answers: list[str] = []

    def receive(self, text: str, now: float) -> None:
        self._answers += self._call.receive(text)

    def due(self, now: float) -> list[str]:
        answers, self._answers = self._answers, []
        return answers


def test_a_caller_has_his_conversation_with_it() -> None:
    """He hears his own words, half a second after he has ended, and is given way to."""
    asked = "Where is my parcel?"
    steps = (
        AwaitGreeting(),
        Say("Yes, I would like an appointment on Tuesday morning at nine, please."),
        Say(asked, barge_in_after=1.0),
        HangUp(),
    )
    record = place_virtual_call(Echo(), steps)
    assert record.outcome == "completed", record.cause
    assert [turn.heard for turn in record.turns][1] == asked
    gaps = [turn.gap for turn in record.turns]
    assert all(gap is not None and 0.5 <= gap <= 0.56 for gap in gaps), gaps
    assert record.turns[1].stopped_after is not None
    assert record.turns[1].stopped_after < 0.3
    assert not record.foreign
    assert not record.findings
    assert not any(utterance.lost for utterance in record.utterances)


def test_its_process_takes_calls_until_it_is_told_to_end() -> None:
    """``python -m fakes.echo`` over real sockets, as a load run starts it."""
    command = [sys.executable, "-m", "fakes.echo", "--json", "--port=0"]
    steps = (AwaitGreeting(), Say("Hello."), HangUp())
    with AgentProcess(NO_PROVIDERS, command) as agent:
        record = asyncio.run(place_call(agent.url, steps, call=7, deadline=20.0))
        assert agent.stop() == 0
    assert record.outcome == "completed", record.cause
    assert record.turns[0].heard.endswith("Hello.")
    assert not record.findings
