"""What a call costs a second: loudspeaker, media stream, speech of either side."""

from __future__ import annotations

import base64
import json
from itertools import count

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from fakes.twilio.caller.party import Step
from fakes.twilio.media.playout import Playout
from fakes.twilio.media.stream import MediaStream
from fakes.twilio.web.webhook import CallLeg
from voiceutils.mulaw import (
    FRAME_BYTES,
    FRAME_SECONDS,
    FRAMES_PER_SECOND,
    SILENCE_FRAME,
)
from voiceutils.wire import encode, twilio

LEG = CallLeg.of(7, "CA" + "0" * 32)
SPOKEN = bytes(range(FRAME_BYTES))


class Person:
    """A party that always does the same."""

    def __init__(self, step: Step) -> None:
        self.step = step

    def frame(self, heard: bytes, now: float) -> Step:
        return self.step


@pytest.mark.benchmark(group="call: loudspeaker, 50 ticks")
@pytest.mark.parametrize("payload", [0, 160, 800, 8000])
def test_playout(benchmark: BenchmarkFixture, payload: int) -> None:
    """A second plays, in payloads of so many bytes; 0 is nothing at all."""

    def second() -> int:
        playout = Playout()
        for _ in range(8000 // payload if payload else 0):
            playout.add(bytes(payload))
        return sum(len(playout.tick().audio) for _ in range(FRAMES_PER_SECOND))

    assert benchmark(second) == (8000 if payload else 0)


@pytest.mark.benchmark(group="call: one way, 50 frames to the agent")
@pytest.mark.parametrize("audio", [None, SPOKEN], ids=["silence", "speech"])
def test_stream(benchmark: BenchmarkFixture, audio: bytes | None) -> None:
    """Tick, party, text of the frame and its lateness."""
    stream = MediaStream(LEG, Person(Step(audio)))
    stream.open(0.0)
    stream.take()
    frames = count(1)

    def second() -> int:
        sent = 0
        for _ in range(FRAMES_PER_SECOND):
            stream.on_timer(next(frames) * FRAME_SECONDS + 1e-4)
            sent += len(stream.take())
        return sent

    assert benchmark(second) == FRAMES_PER_SECOND


@pytest.mark.benchmark(group="call: one way, 50 frames to the agent")
def test_frames_by_hand(benchmark: BenchmarkFixture) -> None:
    """The same texts in a loop of json.dumps: no playout, no party, no lateness."""
    frames = count(1)

    def second() -> int:
        sent = []
        for _ in range(FRAMES_PER_SECOND):
            number = next(frames)
            media = {
                "track": "inbound",
                "chunk": str(number),
                "timestamp": str(number * 20),
                "payload": base64.b64encode(SPOKEN).decode(),
            }
            message = {"event": "media", "sequenceNumber": str(number + 1)}
            sent.append(json.dumps({**message, "media": media, "streamSid": "MZ"}))
        return len(sent)

    assert benchmark(second) == FRAMES_PER_SECOND


@pytest.mark.benchmark(group="call: both ways, 50 frames each")
def test_call(benchmark: BenchmarkFixture) -> None:
    """The agent's frames are read and played meanwhile."""
    stream = MediaStream(LEG, Person(Step(SPOKEN)))
    stream.open(0.0)
    stream.take()
    frames = count(1)
    reply = encode(
        twilio.AgentMedia(stream.stream_sid, twilio.AgentPayload(SILENCE_FRAME))
    )

    def second() -> int:
        sent = 0
        for _ in range(FRAMES_PER_SECOND):
            now = next(frames) * FRAME_SECONDS + 1e-4
            stream.receive(reply, now)
            stream.on_timer(now)
            sent += len(stream.take())
        return sent

    assert benchmark(second) == FRAMES_PER_SECOND
    assert not stream.findings
