"""A bad path: late and in bursts, never out of order; lost frames concealed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.twilio.caller.party import Step
from fakes.twilio.leg.leg import Leg
from fakes.twilio.media.impaired import ImpairedStream
from fakes.twilio.media.impairments import (
    PROFILES,
    Impairment,
    Loss,
    PathDelay,
    profile,
)
from fakes.twilio.media.stream import CloseSocket, MediaStream, Settings
from fakes.twilio.web.webhook import CallLeg
from voiceutils.errors import SettingError
from voiceutils.wire import encode
from voiceutils.wire import twilio as wire

CALL = CallLeg.of(7, "CA" + "0" * 32)
SHARES = st.floats(0.0, 0.5)
IMPAIRMENTS = st.builds(
    Impairment,
    round_trip=SHARES,
    jitter=st.floats(0.0, 0.1),
    jitter_most=SHARES,
    stalls_per_minute=st.just(0.0) | st.floats(0.5, 120.0),
    stall_shortest=st.just(0.05),
    stall_longest=st.floats(0.05, 2.0),
    loss=st.just(0.0),
    loss_burst=st.just((1, 1)),
    concealment=st.just("silence"),
)


@given(bad=IMPAIRMENTS, seed=st.integers(), gaps=st.lists(st.floats(0.0, 1.0)))
def test_nothing_overtakes_and_nothing_is_early_or_forgotten(
    bad: Impairment, seed: int, gaps: list[float]
) -> None:
    """Each message is late by the path, the jitter and at most one stall."""
    path, now, before = PathDelay(bad, seed=seed), 0.0, 0.0
    for gap in gaps:
        now += gap
        arrival = path.arrival(now)
        assert arrival >= max(before, now + bad.round_trip / 2 - 1e-9)
        latest = now + bad.round_trip / 2 + bad.jitter_most + bad.stall_longest
        assert arrival <= max(before, latest + 1e-9)
        before = arrival


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_gives_the_delays_it_promises(name: str) -> None:
    """Over a virtual hour: as many stalls, and between them the round trip's half."""
    bad, path = profile(name), PathDelay(profile(name), seed=3)
    delays = [path.arrival(n * 0.02) - n * 0.02 for n in range(180_000)]
    usual = sorted(delays)[len(delays) // 3]
    assert usual == pytest.approx(bad.round_trip / 2, abs=bad.jitter + 1e-9)
    pauses = [n for n in range(1, len(delays)) if delays[n] - delays[n - 1] > 0.05]
    seen = len([n for n, m in zip(pauses, [-9, *pauses], strict=False) if n - m > 5])
    assert seen == pytest.approx(60 * bad.stalls_per_minute, rel=0.5, abs=6)


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_loses_what_it_promises(name: str) -> None:
    """Over a virtual hour."""
    loss = Loss(profile(name), seed=1)
    for _ in range(180_000):
        loss.conceal(b"")
    assert loss.lost / 180_000 == pytest.approx(profile(name).loss, rel=0.25)


def test_the_same_seed_loses_and_delays_the_same() -> None:
    """A run can be repeated."""
    bad = profile("bad")
    for one, other, same in ((1, 1, True), (1, 2, False)):
        paths = [PathDelay(bad, seed=seed) for seed in (one, other)]
        first, second = ([p.arrival(n / 50) for n in range(500)] for p in paths)
        assert (first == second) is same
        losses = [Loss(bad, seed=seed) for seed in (one, other)]
        kept = [[loss.conceal(b"x") for _ in range(500)] for loss in losses]
        assert (kept[0] == kept[1]) is same


def test_an_unknown_profile_is_refused_with_the_known_ones() -> None:
    """A typing mistake is told at once."""
    with pytest.raises(SettingError, match=r"no impairment profile 'awful'.*tunnel"):
        profile("awful")


@pytest.mark.parametrize(
    ("how", "expected"),
    [("silence", [b"1", None, None, b"4"]), ("repeat", [b"1", b"1", b"1", b"4"])],
)
def test_a_lost_frame_is_silence_or_the_one_before(
    how: Any, expected: list[bytes | None]
) -> None:
    """The agent gets a frame every 20 ms all the same."""
    loss = Loss(Impairment(loss=0.4, loss_burst=(2, 2), concealment=how), seed=0)
    for seed in range(1000):
        loss = Loss(Impairment(loss=0.4, loss_burst=(2, 2), concealment=how), seed=seed)
        got = [loss.conceal(audio) for audio in (b"1", b"2", b"3", b"4")]
        if loss.lost == 2 and got[0] == b"1" and got[3] == b"4":
            break
    assert got == expected


def test_frames_lost_on_purpose_by_the_caller_stay_lost() -> None:
    """Concealment hides what the path loses, not what the test leaves out."""

    class Dropper:
        def frame(self, heard: bytes, now: float) -> Step:
            return Step(b"\x11" * 160, lost=True)

    loss = Loss(Impairment(loss=1.0), seed=0)
    assert Leg(Dropper(), loss=loss).frame(b"", 0.0) == Step(b"\x11" * 160, lost=True)
    assert loss.lost == 0


class _Counter:
    """Says its frame number; keeps what it heard and when."""

    def __init__(self, hang_up_at: int = -1) -> None:
        self.heard: list[tuple[float, bytes]] = []
        self._hang_up_at = hang_up_at

    def frame(self, heard: bytes, now: float) -> Step:
        self.heard.append((now, heard))
        if len(self.heard) == self._hang_up_at:
            return Step(hang_up="stop")
        return Step(bytes([len(self.heard) % 255]) * 160)


def _impaired(
    bad: Impairment, party: _Counter, seed: int = 0
) -> tuple[MediaStream, ImpairedStream]:
    stream = MediaStream(CALL, party, settings=Settings(startup_backlog=0.1))
    path = ImpairedStream(stream, bad, seed=seed)
    path.open(0.0)
    return stream, path


def _run(path: ImpairedStream, until: float) -> list[tuple[float, str | CloseSocket]]:
    """Follow the timers; return what came out, and when."""
    out = [(0.0, message) for message in path.take()]
    while (due := path.next_timer()) is not None and due <= until:
        path.on_timer(due + 1e-9)
        out += [(due, message) for message in path.take()]
    return out


@settings(max_examples=60)
@given(bad=IMPAIRMENTS, seed=st.integers(0, 1000))
def test_the_agent_gets_the_same_messages_as_on_a_good_path_only_later(
    bad: Impairment, seed: int
) -> None:
    """Stop and close at the end included, and the phone's own pace is not touched."""
    _, good_path = _impaired(Impairment(), _Counter(50))
    stream, path = _impaired(bad, _Counter(50), seed)
    good, sent = _run(good_path, 20.0), _run(path, 20.0)
    assert [message for _, message in sent] == [message for _, message in good]
    assert isinstance(sent[-1][1], CloseSocket)
    assert not path.is_open
    moments = [at for at, _ in sent]
    assert moments == sorted(moments)
    both = zip(moments, [at for at, _ in good], strict=True)
    assert all(late >= soon - 1e-9 for late, soon in both)
    assert (stream.lateness.max or 0.0) < 0.001


def test_the_agents_audio_and_its_close_arrive_late_and_in_order() -> None:
    """What was sent before a close is still played."""
    party = _Counter()
    stream, path = _impaired(Impairment(round_trip=0.2), party)
    path.receive(
        encode(wire.AgentMedia(stream.stream_sid, wire.AgentPayload(b"\x20" * 320))),
        0.0,
    )
    path.agent_closed(1000, 0.3)
    _run(path, 1.0)
    played = [round(at, 2) for at, heard in party.heard if heard]
    assert played == [0.1, 0.12]
    assert 0.36 < party.heard[-1][0] < 0.4 + 1e-6
    assert (stream.closed_politely, path.is_open) == (True, False)


def test_a_stall_holds_everything_back_and_then_lets_it_go_at_once() -> None:
    """Frames that were fifty a second before come in a burst."""
    bad = Impairment(stalls_per_minute=6, stall_shortest=0.5, stall_longest=0.5)
    _, path = _impaired(bad, _Counter())
    sent = [at for at, message in _run(path, 60.0) if "media" in str(message)]
    bursts = [sent.count(at) for at in sorted(set(sent))]
    assert max(bursts[1:]) == pytest.approx(25, abs=2)
