"""A unidirectional stream: a copy of the audio, and nothing to say in return."""

from __future__ import annotations

import base64
import json
from typing import Any, Literal

import pytest

from fakes.twilio.caller.party import Step
from fakes.twilio.flow.orders import StreamOrder, Track
from fakes.twilio.leg.leg import Leg
from fakes.twilio.media.media_fork import MediaFork
from fakes.twilio.media.stream import CloseSocket, Settings, StreamState
from fakes.twilio.web.webhook import CallLeg
from voiceutils.mulaw import SILENCE_FRAME

CALL = CallLeg.of(7, "CA" + "0" * 32)
SAID = b"\x11" * 160
HEARD = b"\x22" * 160


def fork(
    track: Track = "inbound_track", *, opened: bool = True, **knobs: Any
) -> MediaFork:
    """Return a fork, opened at 0.0 with its greeting taken unless not."""
    order = StreamOrder("wss://h/m", {"who": "Jane"}, track=track, bidirectional=False)
    made = MediaFork(CALL, order, settings=Settings(**knobs))
    if opened:
        made.open(0.0)
        made.take()
    return made


def _messages(stream: MediaFork) -> list[dict[str, Any]]:
    return [json.loads(out) for out in stream.take() if isinstance(out, str)]


@pytest.mark.parametrize(
    ("track", "tracks"),
    [
        ("inbound_track", ["inbound"]),
        ("outbound_track", ["outbound"]),
        ("both_tracks", ["inbound", "outbound"]),
    ],
)
def test_the_start_message_names_the_tracks_and_each_is_sent(
    track: Track, tracks: list[str]
) -> None:
    """What the party says is inbound, what plays to it outbound."""
    stream = fork(track, opened=False)
    stream.open(0.0)
    connected, start = _messages(stream)
    assert connected["event"] == "connected"
    assert start["start"]["tracks"] == tracks
    assert start["start"]["customParameters"] == {"who": "Jane"}
    stream.hear(SAID, HEARD, 0.0)
    media = [message["media"] for message in _messages(stream)]
    audio = {"inbound": SAID, "outbound": HEARD}
    assert [(m["track"], base64.b64decode(m["payload"])) for m in media] == [
        (name, audio[name]) for name in tracks
    ]


@pytest.mark.parametrize(
    ("scope", "chunks"),
    [("stream", ["1", "2", "3", "4"]), ("track", ["1", "1", "2", "2"])],
)
def test_two_tracks_share_the_sequence_and_by_default_the_chunks(
    scope: Literal["stream", "track"], chunks: list[str]
) -> None:
    """Both frames of one moment have one timestamp."""
    stream = fork("both_tracks", chunk_scope=scope)
    stream.hear(SAID, b"", 0.0)
    stream.hear(None, HEARD, 0.02)
    sent = _messages(stream)
    assert [m["sequenceNumber"] for m in sent] == ["2", "3", "4", "5"]
    assert [m["media"]["chunk"] for m in sent] == chunks
    times = [int(m["media"]["timestamp"]) for m in sent]
    assert times == [times[0], times[0], times[0] + 20, times[0] + 20]
    silent = [base64.b64decode(sent[n]["media"]["payload"]) for n in (1, 2)]
    assert silent == [SILENCE_FRAME, SILENCE_FRAME]


def test_audio_from_before_the_socket_was_up_arrives_in_one_burst() -> None:
    """As much as the start-up backlog holds, the latest."""
    stream = fork(opened=False, startup_backlog=0.06)
    for number in range(5):
        stream.hear(bytes([number]) * 160, b"", 0.02 * number)
    assert not stream.has_output
    stream.open(0.1)
    _, _, *media = _messages(stream)
    firsts = [base64.b64decode(m["media"]["payload"])[0] for m in media]
    assert firsts == [2, 3, 4]


def test_whatever_the_agent_sends_is_noted_once_and_changes_nothing() -> None:
    """Marks and audio make no sense here."""
    stream = fork()
    for _ in range(3):
        stream.receive('{"event":"clear"}', 1.0)
        stream.receive(b"\x00", 1.0)
    assert [(f.code, f.at) for f in stream.findings] == [("31951", 1.0), ("31950", 1.0)]
    assert not stream.has_output
    assert stream.is_open


def test_each_frame_wakes_whoever_carries_the_fork() -> None:
    """It has no clock of its own."""
    stream, woken = fork(), []
    stream.wake = lambda: woken.append(stream.has_output)
    stream.hear(SAID, HEARD, 0.0)
    stream.stop(0.02)
    assert woken == [True, True]


def test_stopping_sends_stop_and_closes_and_nothing_follows() -> None:
    """Also when it is stopped twice."""
    stream = fork()
    stream.stop(1.0)
    stream.stop(1.0)
    stop, close = stream.take()
    assert json.loads(str(stop))["event"] == "stop"
    assert close == CloseSocket(1000, delay=0.02)
    stream.hear(SAID, HEARD, 1.0)
    assert not stream.has_output


def test_a_fork_that_is_stopped_before_it_was_up_only_closes() -> None:
    """The socket that comes up then is closed at once."""
    stream = fork(opened=False)
    stream.stop(0.0)
    stream.open(0.1)
    assert stream.take() == [CloseSocket(1000, delay=0.02)]
    assert not stream.is_open


@pytest.mark.parametrize(
    ("code", "strict", "error"),
    [(1000, False, ""), (1000, True, "31921"), (1006, False, "31921")],
)
def test_an_agent_that_closes_ends_the_fork(
    code: int, strict: bool, error: str
) -> None:
    """An error unless it was polite."""
    stream = fork(strict_close_error=strict)
    stream.agent_closed(code, 0.5)
    assert (stream.state, stream.end_code) == (StreamState.ENDED_BY_AGENT, error)
    stream.protocol_error("late", 0.6)
    assert len(stream.findings) == bool(error)


def test_a_broken_protocol_ends_the_fork() -> None:
    """31924."""
    stream = fork()
    stream.protocol_error("reserved bits must be 0", 0.5)
    assert [f.code for f in stream.findings] == ["31924"]


@pytest.mark.parametrize("consumes", [False, True])
def test_an_agent_that_does_not_read_loses_both_tracks(consumes: bool) -> None:
    """Time passes; numbers only where that is set."""
    stream = fork("both_tracks", drop_consumes_numbers=consumes)
    stream.congested = True
    stream.hear(SAID, HEARD, 0.0)
    stream.congested = False
    stream.hear(SAID, HEARD, 0.02)
    first, _ = _messages(stream)
    assert first["sequenceNumber"] == ("4" if consumes else "2")
    assert first["media"]["chunk"] == ("3" if consumes else "1")
    assert [f.code for f in stream.findings] == ["31930"]


class _Talker:
    def frame(self, heard: bytes, now: float) -> Step:
        return Step(SAID, digits="1")


def test_a_leg_feeds_its_forks_but_tells_them_no_keys() -> None:
    """Until they are taken away."""
    leg, stream = Leg(_Talker()), fork("both_tracks")
    leg.fork(stream)
    leg.frame(HEARD, 0.0)
    leg.unfork(stream)
    leg.frame(HEARD, 0.02)
    sent = _messages(stream)
    assert [m["event"] for m in sent] == ["media", "media"]
    assert [m["media"]["track"] for m in sent] == ["inbound", "outbound"]


def test_streams_of_one_call_have_sids_of_their_own() -> None:
    """And the same ones in every run with the same seed."""
    order = StreamOrder("wss://h/m", {}, bidirectional=False)
    sids = [MediaFork(CALL, order, number=n).stream_sid for n in (1, 3, 1)]
    assert sids[0] == sids[2] != sids[1]
