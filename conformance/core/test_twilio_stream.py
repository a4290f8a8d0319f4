"""One media stream: numbers, order, pace, and what a bad agent gets for it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.twilio.caller.party import Step
from fakes.twilio.media.stream import CloseSocket, MediaStream, Settings, StreamState
from fakes.twilio.web.webhook import CallLeg
from voiceutils.mulaw import SILENCE_FRAME, is_voiced
from voiceutils.wire import encode
from voiceutils.wire import twilio as wire

LEG = CallLeg.of(7, "CA" + "0" * 32)
FRAME = 0.02


class Listener:
    """A party that follows a list of steps and keeps what it heard."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.heard: list[bytes] = []

    def frame(self, heard: bytes, now: float) -> Step:
        self.heard.append(heard)
        return self.steps.pop(0) if self.steps else Step()


def opened(
    *steps: Step, seed: int = 0, backlog: float = 0.0, **knobs: Any
) -> tuple[MediaStream, Listener]:
    """Return a stream that is open at 0.0, its greeting taken."""
    party = Listener(*steps)
    knobs = {"startup_backlog": backlog, **knobs}
    stream = MediaStream(LEG, party, settings=Settings(**knobs), seed=seed)
    stream.open(0.0)
    stream.take()
    return stream, party


def _messages(stream: MediaStream) -> list[dict[str, Any]]:
    return [json.loads(out) for out in stream.take() if isinstance(out, str)]


def _run(stream: MediaStream, frames: int, start: int = 1) -> None:
    for number in range(start, start + frames):
        stream.on_timer(number * FRAME + 1e-9)


def _agent(stream: MediaStream, event: str, **body: Any) -> str:
    return json.dumps({"event": event, "streamSid": stream.stream_sid, **body})


def _media(stream: MediaStream, size: int = 160) -> str:
    payload = wire.AgentPayload(b"\x20" * size)
    return encode(wire.AgentMedia(stream.stream_sid, payload))


def test_a_stream_begins_with_connected_start_and_the_backlog() -> None:
    """What was said while the socket was set up arrives in one burst."""
    stream = MediaStream(LEG, Listener(), parameters={"who": "Jane"})
    stream.open(5.0)
    first, second, *rest = _messages(stream)
    assert first == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert list(second) == ["event", "sequenceNumber", "start", "streamSid"]
    assert second["sequenceNumber"] == "1"
    assert second["start"]["customParameters"] == {"who": "Jane"}
    assert second["start"]["mediaFormat"]["sampleRate"] == 8000
    assert second["start"]["streamSid"] == second["streamSid"] == stream.stream_sid
    assert [m["media"]["chunk"] for m in rest] == [str(n) for n in range(1, 11)]
    assert stream.next_timer() == pytest.approx(5.02)


@given(seed=st.integers())
def test_the_first_timestamp_is_never_zero_nor_on_the_frame_grid(seed: int) -> None:
    """Agents that compute with 0 or with multiples of 20 are found out."""
    stream, _ = opened(seed=seed)
    _run(stream, 1)
    (only,) = _messages(stream)
    timestamp = int(only["media"]["timestamp"])
    assert 8 <= timestamp <= 171
    assert timestamp % 20


STEPS = st.builds(
    Step,
    audio=st.none() | st.binary(min_size=160, max_size=160),
    lost=st.booleans(),
    digits=st.sampled_from(["", "", "1", "*9"]),
    hang_up=st.none(),
)
ORDERS = st.sampled_from(["media", "mark", "clear", "tick", "tick", "late"])


@given(steps=st.lists(STEPS, max_size=30), orders=st.lists(ORDERS, max_size=30))
def test_every_message_takes_the_next_number_and_every_frame_its_time(
    steps: list[Step], orders: list[str]
) -> None:
    """Media, marks and keys share one sequence; chunks count media; time never stops.

    And each frame's text is what the typed message would be.
    """
    stream, _ = opened(*steps)
    now = 0.0
    for order in orders:
        if order == "media":
            stream.receive(_media(stream, 333), now)
        elif order == "mark":
            stream.receive(_agent(stream, "mark", mark={"name": "m"}), now)
        elif order == "clear":
            stream.receive(_agent(stream, "clear"), now)
        else:
            now += FRAME if order == "tick" else 5 * FRAME
            stream.on_timer(now + 1e-9)
    ticks = round(now / FRAME)
    taken = steps[:ticks] + [Step()] * (ticks - len(steps))
    sent = [step.audio or SILENCE_FRAME for step in taken if not step.lost]
    out = [str(text) for text in stream.take()]
    typed = [wire.decode_from_twilio(text) for text in out]
    numbers = [getattr(message, "sequence_number") for message in typed]  # noqa: B009
    assert numbers == [str(n) for n in range(2, 2 + len(out))]
    frames = [message for message in typed if isinstance(message, wire.Media)]
    assert [frame.media.payload for frame in frames] == sent
    assert [frame.media.chunk for frame in frames] == [
        str(n) for n in range(1, 1 + len(frames))
    ]
    assert [encode(frame) for frame in frames] == [t for t in out if '"media"' in t]
    times = [int(frame.media.timestamp) for frame in frames]
    places = [n for n, step in enumerate(taken) if not step.lost]
    origin = times[0] - 20 * places[0] if times else 0
    assert times == [origin + 20 * place for place in places]
    keys = [m.dtmf.digit for m in typed if isinstance(m, wire.Dtmf)]
    assert keys == [digit for step in taken for digit in step.digits]
    assert stream.frames_sent == len(frames) == stream.lateness.count


def test_fifty_frames_a_second_leave_for_as_long_as_the_call_lasts() -> None:
    """Ten minutes are 30 000 frames, neither one more nor one less."""
    stream, _ = opened()
    for second in range(1, 601):
        stream.on_timer(second - 0.01)
        assert len(stream.take()) == (49 if second == 1 else 50)
    assert stream.next_timer() == pytest.approx(600.0)


def test_a_late_timer_sends_the_owed_frames_at_once_and_moves_nothing() -> None:
    """After a stall of five frames the next is due where it always was."""
    stream, party = opened()
    stream.on_timer(0.1 + 1e-9)
    assert len(_messages(stream)) == len(party.heard) == 5
    assert stream.next_timer() == pytest.approx(0.12)
    assert stream.lateness.max == pytest.approx(0.08)


def test_agent_audio_is_heard_when_played_and_its_mark_comes_back_then() -> None:
    """Three frames sent at once take three frames to play."""
    stream, party = opened()
    stream.receive(_media(stream, 480), 0.0)
    stream.receive(_agent(stream, "mark", mark={"name": "done"}), 0.0)
    assert _messages(stream) == []
    _run(stream, 4)
    assert [len(heard) for heard in party.heard] == [160, 160, 160, 0]
    events = [message["event"] for message in _messages(stream)]
    assert events == ["media", "media", "media", "mark", "media"]


def test_a_mark_with_nothing_queued_comes_back_at_once() -> None:
    """No frame has to pass."""
    stream, _ = opened()
    stream.receive(_agent(stream, "mark", mark={"name": "m"}), 0.0)
    (mark,) = _messages(stream)
    assert mark == {
        "event": "mark",
        "sequenceNumber": "2",
        "streamSid": stream.stream_sid,
        "mark": {"name": "m"},
    }


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ("{", "31951"),
        ("[]", "31951"),
        ('{"event":"play"}', "31951"),
        ('{"event":"media","streamSid":"SID"}', "31951"),
        ('{"event":"media","streamSid":"SID","media":{"payload":"%%"}}', "31951"),
        ('{"event":"mark","streamSid":"MZother","mark":{"name":"m"}}', "31951"),
        ('{"event":"clear"}', "31951"),
        ("[" * 5000, "31951"),
        (b"\x00\x01", "31950"),
    ],
)
def test_a_bad_message_is_noted_once_and_ignored(bad: str | bytes, code: str) -> None:
    """The stream goes on, and a thousand of them are still one finding."""
    stream, party = opened()
    if isinstance(bad, str):
        bad = bad.replace("SID", stream.stream_sid)
    for _ in range(3):
        stream.receive(bad, 1.5)
    assert [(f.code, f.at) for f in stream.findings] == [(code, 1.5)]
    stream.receive(_media(stream), 1.5)
    _run(stream, 1)
    assert party.heard == [b"\x20" * 160]


@given(text=st.text() | st.binary() | st.from_regex(r'\{"event":"\w+".*\}'))
def test_no_message_whatever_stops_a_stream(text: str | bytes) -> None:
    """Malformed input is a finding, never an exception."""
    stream, _ = opened()
    stream.receive(text, 0.0)
    assert stream.state is StreamState.OPEN
    assert len(stream.findings) == 1


def test_extra_fields_are_played_and_noted_unless_strict() -> None:
    """Many agents send them; the strict knob ignores such messages."""
    body = {"payload": "////", "track": "outbound"}
    for strict, heard in ((False, b"\xff\xff\xff"), (True, b"")):
        stream, party = opened(strict_schema=strict)
        stream.receive(_agent(stream, "media", media=body, sequenceNumber="1"), 0.0)
        _run(stream, 1)
        assert party.heard == [heard]
        code = "31951" if strict else "extra_fields"
        assert stream.findings[0].code == code
        assert "media.track, sequenceNumber" in stream.findings[0].text


def test_a_queue_that_runs_dry_inside_a_frame_is_noted() -> None:
    """The rest of the frame is silence, which clicks."""
    stream, _ = opened()
    stream.receive(_media(stream, 100), 0.0)
    _run(stream, 2)
    assert [f.code for f in stream.findings] == ["partial_frame_underrun"]


def test_more_than_the_cap_is_noted_once() -> None:
    """31931 once a stream, and the call goes on."""
    stream, _ = opened(cap_seconds=0.1)
    for _ in range(9):
        stream.receive(_media(stream, 300), 0.0)
    assert [f.code for f in stream.findings] == ["31931"]


def test_hanging_up_sends_stop_then_the_close_and_then_nobody_listens() -> None:
    """What the agent says after stop is ignored, bad or not."""
    stream, _ = opened(Step(), Step(hang_up="stop"), close_code=1001)
    _run(stream, 5)
    *_, stop, close = stream.take()
    assert json.loads(str(stop)) == {
        "event": "stop",
        "sequenceNumber": "3",
        "streamSid": stream.stream_sid,
        "stop": {"accountSid": LEG.account_sid, "callSid": LEG.call_sid},
    }
    assert close == CloseSocket(1001, delay=0.02)
    stream.receive("{", 1.0)
    stream.agent_closed(1011, 1.0)
    assert stream.next_timer() is None
    assert stream.findings == []
    assert stream.end == ""


@pytest.mark.parametrize("how", ["close", "reset"])
def test_hanging_up_abruptly_sends_no_stop(how: Any) -> None:
    """The socket just ends."""
    stream, _ = opened(Step(hang_up=how))
    _run(stream, 1)
    assert stream.take() == [CloseSocket(1000, reset=how == "reset")]


@pytest.mark.parametrize(
    ("code", "findings"),
    [(1000, []), (1001, ["31921"]), (1011, ["31921"]), (1005, ["31921"])],
)
def test_only_a_polite_close_of_the_agent_is_no_error(
    code: int, findings: list[str]
) -> None:
    """No stop can follow, in any case."""
    stream, _ = opened()
    stream.agent_closed(code, 0.5, "bye")
    assert [f.code for f in stream.findings] == findings
    assert stream.end == f"agent closed the media socket ({code} bye)"
    _run(stream, 5)
    assert stream.take() == []


def test_a_vanished_agent_and_a_broken_protocol_end_the_stream() -> None:
    """31921 for the one, 31924 for the other."""
    gone, _ = opened()
    gone.agent_closed(1006, 0.5)
    assert [f.code for f in gone.findings] == ["31921"]
    broken, _ = opened()
    broken.protocol_error("reserved bits must be 0", 0.5)
    assert [f.code for f in broken.findings] == ["31924"]
    assert "reserved bits" in broken.end


def test_a_clean_close_is_an_error_where_that_is_wanted() -> None:
    """Not documented, hence a setting."""
    stream, _ = opened(strict_close_error=True)
    stream.agent_closed(1000, 0.5)
    assert (stream.end_code, [f.code for f in stream.findings]) == ("31921", ["31921"])
    assert stream.closed_politely


def test_half_open_is_silence_without_an_end() -> None:
    """Neither stop nor close, and nobody reads any more."""
    stream, party = opened(Step(hang_up="half_open"))
    _run(stream, 1)
    assert stream.take() == [CloseSocket(1006, silent=True)]
    stream.receive("{", 0.1)
    _run(stream, 5, start=2)
    assert (stream.findings, stream.next_timer(), len(party.heard)) == ([], None, 1)


@pytest.mark.parametrize("consumes", [False, True])
def test_what_an_agent_does_not_read_is_discarded_and_only_time_passes(
    consumes: bool,
) -> None:
    """31930 once; the numbers close up unless the setting leaves the hole."""
    stream, _ = opened(drop_consumes_numbers=consumes)
    _run(stream, 1)
    stream.congested = True
    _run(stream, 3, start=2)
    stream.receive(_agent(stream, "mark", mark={"name": "m"}), 0.08)
    stream.congested = False
    _run(stream, 1, start=5)
    before, mark, after = _messages(stream)
    hole = 3 if consumes else 0
    assert int(mark["sequenceNumber"]) == int(before["sequenceNumber"]) + 1 + hole
    assert int(after["media"]["chunk"]) == int(before["media"]["chunk"]) + 1 + hole
    first, last = (int(m["media"]["timestamp"]) for m in (before, after))
    assert last - first == 80
    assert [f.code for f in stream.findings] == ["31930"]


def test_a_start_up_burst_is_discarded_too_when_nobody_reads() -> None:
    """A second at a time, so that the line can look in between."""
    stream = MediaStream(LEG, Listener(), settings=Settings(startup_backlog=2.0))
    stream.open(0.0)
    assert len(stream.take()) == 2 + 50
    assert stream.has_output
    stream.congested = True
    assert stream.take() == []
    assert not stream.has_output
    assert stream.frames_sent == 50


def test_silence_can_be_the_noise_of_a_line() -> None:
    """Zero of either sign, one step up or down; quieter than any speech."""
    stream, _ = opened(noise=True)
    _run(stream, 40)
    frames = [base64.b64decode(m["media"]["payload"]) for m in _messages(stream)]
    assert {len(frame) for frame in frames} == {160}
    assert set(b"".join(frames)) == {0x7E, 0x7F, 0xFE, 0xFF}
    assert len(set(frames)) > 10
    assert not any(is_voiced(frame) for frame in frames)


def test_no_audio_follows_a_stop_however_early() -> None:
    """What is left of the start-up burst is forgotten."""
    stream = MediaStream(LEG, Listener(), settings=Settings(startup_backlog=1.0))
    stream.open(0.0)
    stream.hang_up("stop", 0.0)
    events = [message["event"] for message in _messages(stream)]
    assert events == ["connected", "start", "stop"]
    assert not stream.has_output
