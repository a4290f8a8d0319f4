"""Whole calls on real sockets: documents before, beside and after the stream."""

from __future__ import annotations

import asyncio
import re
import ssl
import wave
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.asyncio.server import ServerConnection

from conformance.core._documents import documents
from conformance.core._tiny_agent import TinyAgent, tiny_agent
from fakes.speech import Speaker, speak
from fakes.twilio.caller.party import Step
from fakes.twilio.flow.orders import DialOut, Noted, Over, StreamOrder, Voice
from fakes.twilio.leg.bridge import Bridge
from fakes.twilio.leg.leg_call import DialEnd, LegCall
from fakes.twilio.leg.observer import StreamEvent, Unobserved
from fakes.twilio.media.line import VARIABLE
from fakes.twilio.media.recording import Recording
from fakes.twilio.phone import (
    AwaitHangUp,
    CallOrder,
    HangUp,
    Pause,
    PhoneCall,
    Say,
    Settings,
    place_call,
)
from fakes.twilio.web.dial import CallFailed, Reach, dial_media
from fakes.twilio.web.signature import sign
from fakes.twilio.web.webhook import CallLeg
from voiceutils.errors import SettingError

SHORT = (Say("Yes.", reply=False), HangUp())
CALL = CallLeg.of(7, "CA" + "1" * 32)


@pytest.fixture(autouse=True, params=["swift", "plain"])
def sockets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test on both kinds of lines."""
    monkeypatch.setenv(VARIABLE, request.param)


def response(*verbs: str) -> str:
    """Return a document."""
    return f"<Response>{''.join(verbs)}</Response>"


def connect(agent: TinyAgent, attributes: str = "") -> str:
    """Return the verb that connects a call to an agent."""
    return f'<Connect><Stream url="{agent.url}" {attributes}/></Connect>'


async def idle(media: ServerConnection, sid: str) -> None:
    """Say nothing."""


async def leave(media: ServerConnection, sid: str) -> None:
    """Hang up at once."""
    await media.close()


class Watched(Unobserved):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.notes: list[Noted] = []
        self.recording: Recording | None = None

    def answered(self, now: float) -> None:
        self.told.append("answered")

    def noted(self, noted: Noted, now: float) -> None:
        self.notes.append(noted)

    def stream_event(self, event: StreamEvent, now: float) -> None:
        way = "two-way" if event.order.bidirectional else "one-way"
        self.told.append(f"{way} {event.kind}")

    def recorded(self, recording: Recording, now: float) -> None:
        self.recording = recording
        self.told.append("recorded")

    def ended(self, over: Over, now: float) -> None:
        self.told.append(over.status)


class Listener:
    """A party that only listens, for a number of frames."""

    def __init__(self, frames: int = 500, digits: str = "") -> None:
        self.heard: list[bytes] = []
        self._frames = frames
        self._digits = digits

    def frame(self, heard: bytes, now: float) -> Step:
        self.heard.append(heard)
        if len(self.heard) >= self._frames:
            return Step(hang_up="stop")
        digits = self._digits if len(self.heard) == 10 else ""
        return Step(b"\x11" * 160, digits=digits)


def leg_call(url: str, party: Any = None, **more: Any) -> tuple[LegCall, Watched]:
    """Return a leg that a document at this address runs."""
    watched = Watched()
    call = LegCall(CALL, party or Listener(), Voice(url), observer=watched, **more)
    return call, watched


async def test_verbs_before_the_stream_are_performed_and_heard() -> None:
    """The caller hears Twilio's voice, then the agent."""
    said = "Please hold."
    async with tiny_agent() as agent:
        page = response(f"<Say>{said}</Say>", '<Pause length="0"/>', connect(agent))
        async with documents({"/voice": page}) as pages:
            steps = (Pause(3.0), Say("Yes.", reply=False), HangUp())
            record = await place_call(f"{pages.url}/voice", steps, call=1)
    assert (record.outcome, record.cause) == ("completed", "")
    assert record.utterances[0].text == said
    assert record.utterances[0].lost == []
    assert record.answered_after is not None
    seconds = len(speak(said, speaker=Speaker.AGENT, call=1).frames) / 50
    assert record.answered_after == pytest.approx(seconds, abs=0.4)
    assert agent.events == ["connected", "start", "stop"]


async def test_a_redirect_is_followed_and_says_that_the_call_is_up() -> None:
    """Each request is a form of its own; the first one alone has the call's token."""
    async with tiny_agent() as agent:
        first = response("<Say>Hello.</Say>", "<Redirect>/next</Redirect>")
        served = {"/voice": first, "/next": response(connect(agent))}
        async with documents(served) as pages:
            steps = (Pause(1.5), *SHORT)
            record = await place_call(f"{pages.url}/voice", steps, call=1)
    assert record.outcome == "completed"
    assert [path for path, _ in pages.asked] == ["/voice", "/next"]
    (before,), (after,) = pages.forms("/voice"), pages.forms("/next")
    assert (before["CallStatus"], after["CallStatus"]) == ("ringing", "in-progress")
    assert "CallToken" in before
    assert "CallToken" not in after


async def test_what_follows_a_stream_runs_when_the_agent_has_closed() -> None:
    """And nothing of it when the caller has hung up."""
    for agent_leaves in (True, False):
        async with tiny_agent() as agent:
            agent.on_start = leave if agent_leaves else idle
            page = response(connect(agent), "<Redirect>/after</Redirect>")
            served = {"/voice": page, "/after": response("<Hangup/>")}
            async with documents(served) as pages:
                steps = (Pause(0.2), HangUp())
                await place_call(f"{pages.url}/voice", steps, call=1)
        assert len(pages.forms("/after")) == agent_leaves


async def test_a_pause_after_the_stream_keeps_a_dead_line_open() -> None:
    """The caller sits in silence until he has had enough."""
    async with tiny_agent() as agent:
        agent.on_start = leave
        page = response(connect(agent), '<Pause length="40"/>')
        async with documents({"/voice": page}) as pages:
            url = f"{pages.url}/voice"
            record = await place_call(url, (AwaitHangUp(0.4),), call=1)
    assert record.cause == "the agent did not hang up within 0.4 s"


async def test_a_fork_copies_both_sides_of_the_call_beside_its_stream() -> None:
    """Start/Stream does not block; both sockets end with the call."""
    async with tiny_agent() as agent, tiny_agent() as copy:
        agent.on_start = idle
        copied: list[str] = []

        async def keep(media: ServerConnection, sid: str) -> None:
            async for text in media:
                copied.append(str(text))  # noqa: PERF401 - the end is an exception

        copy.on_start = keep
        fork = f'<Start><Stream url="{copy.url}" track="both_tracks"/></Start>'
        page = response(fork, connect(agent))
        async with documents({"/voice": page}) as pages:
            call, watched = leg_call(f"{pages.url}/voice", Listener(20, digits="5"))
            await call.run()
    assert sorted(watched.told[:3]) == [
        "answered",
        "one-way started",
        "two-way started",
    ]
    assert sorted(watched.told[3:-1]) == ["one-way stopped", "two-way stopped"]
    assert watched.told[-1] == "completed"
    kinds = [re.findall(r'"event":"(\w+)"', text)[0] for text in copied]
    assert set(kinds[:-1]) == {"media"}
    assert kinds[-1] == "stop"
    assert sum('"track":"outbound"' in text for text in copied) >= 18
    assert agent.events == ["connected", "start", "dtmf", "stop"]


async def test_stream_callbacks_tell_sid_name_and_time() -> None:
    """ISO time with nanoseconds, name as given, in Twilio's order; errors with text."""
    async with tiny_agent() as agent, documents({}) as events:
        agent.on_start = leave
        there = f'name="n" statusCallback="{events.url}/stream"'
        lost = "ws://127.0.0.1:1/none"
        failing = (
            f'<Start><Stream url="{lost}" statusCallback="{events.url}/x"/></Start>'
        )
        page = response(failing, connect(agent, there), "<Pause/>")
        async with documents({"/voice": page}) as pages:
            call, watched = leg_call(f"{pages.url}/voice", Listener(30))
            await call.run()
    started, stopped = events.forms("/stream")
    assert list(started) == [
        *("StreamName", "StreamEvent", "CallSid", "Timestamp"),
        *("AccountSid", "StreamSid"),
    ]
    assert (started["StreamName"], started["StreamEvent"]) == ("n", "stream-started")
    assert stopped["StreamEvent"] == "stream-stopped"
    assert re.fullmatch(
        r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", started["Timestamp"]
    )
    (error,) = events.forms("/x")
    assert error["StreamEvent"] == "stream-error"
    assert error["StreamName"] == error["StreamSid"]
    assert error["StreamError"] == "Stream - WebSocket - Connection Refused"
    assert "one-way error" in watched.told


async def test_streams_can_be_started_and_stopped_from_outside() -> None:
    """As the REST interface does; a redirect ends the two-way stream with a stop."""
    async with tiny_agent() as agent, tiny_agent() as copy:
        agent.on_start = copy.on_start = idle
        served = {"/voice": response(connect(agent)), "/new": response("<Pause/>")}
        async with documents(served) as pages:
            party = Listener(200)
            call, _ = leg_call(f"{pages.url}/voice", party)
            running = asyncio.ensure_future(call.run())
            await agent.started.wait()
            order = StreamOrder(copy.url, {}, name="spy", bidirectional=False)
            sid = call.start_stream(order)
            await copy.started.wait()
            assert call.stop_stream("spy")
            assert not call.stop_stream("other")
            call.redirect(Voice(f"{pages.url}/new"))
            assert (await running).status == "completed"
    assert sid.startswith("MZ")
    assert copy.events == agent.events == ["connected", "start", "stop"]
    assert len(pages.forms("/new")) == 1
    assert len(party.heard) > 45  # the new document's second was waited for


async def test_a_half_open_line_says_nothing_more_and_stays_until_the_deadline() -> (
    None
):
    """No stop, no close, no reading; then the socket is gone."""
    heard: list[float] = []
    async with tiny_agent() as agent:

        async def listen(media: ServerConnection, sid: str) -> None:
            clock = asyncio.get_running_loop().time
            async for _ in media:
                heard.append(clock())  # noqa: PERF401 - the end is an exception

        agent.on_start = listen
        steps = (Pause(0.1), HangUp("half_open"))
        began = asyncio.get_running_loop().time()
        record = await place_call(agent.url, steps, call=1, deadline=0.8)
        await asyncio.sleep(0.05)
    assert (record.outcome, record.cause) == ("completed", "")
    assert record.duration == pytest.approx(0.8, abs=0.2)
    assert max(heard) - began < 0.5
    assert agent.events == ["connected", "start"]
    assert agent.closes == [None]


async def test_a_line_that_dies_half_open_answers_no_ping() -> None:
    """Nor one that was told not to."""
    async with tiny_agent() as agent:
        answered: list[bool] = []

        async def ping(media: ServerConnection, sid: str) -> None:
            try:
                await asyncio.wait_for(await media.ping(), 0.15)
                answered.append(True)
            except TimeoutError:
                answered.append(False)

        agent.on_start = ping
        for pong in (True, False):
            steps = (Pause(0.3), HangUp())
            knobs = Settings(pong=pong)
            await place_call(agent.url, steps, call=1, settings=knobs)
    assert answered == [True, False]


async def test_a_slow_handshake_is_given_up() -> None:
    """31901, after the time that was set."""

    async def silent(reader: asyncio.StreamReader, writer: Any) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    knobs = Settings(handshake_timeout=0.1)
    url = f"ws://127.0.0.1:{port}/m"
    record = await place_call(url, SHORT, call=1, settings=knobs)
    server.close()
    assert "handshake did not end within 0.1 s" in record.cause
    assert record.duration < 2.0
    assert [finding.code for finding in record.findings] == ["31901"]


async def test_a_script_that_ends_without_the_agent_is_no_completed_call() -> None:
    """The stream could not be opened, whatever the document plays after it."""
    lost = '<Connect><Stream url="ws://127.0.0.1:1/none"/></Connect>'
    async with documents({"/voice": response(lost, '<Pause length="9"/>')}) as pages:
        record = await place_call(f"{pages.url}/voice", SHORT, call=1)
    assert record.outcome == "failed"
    assert "connection refused" in record.cause
    assert [finding.code for finding in record.findings] == ["31902"]


async def test_an_unencrypted_socket_outside_this_machine_is_refused() -> None:
    """Before anything is sent there."""
    with pytest.raises(CallFailed, match="must be wss") as refused:
        await dial_media("ws://agent.example/m", Reach())
    assert refused.value.code == "31922"


# --- TLS -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, str]:
    """An authority of our own: (TLS of a server for agent.example, path of the CA)."""
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("agent.example", "127.0.0.1").configure_cert(tls)
    path = tmp_path_factory.mktemp("tls") / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return tls, str(path)


async def test_an_agent_under_its_public_name_is_reached_through_tls_here(
    trusted: tuple[Any, str],
) -> None:
    """Webhook and media socket, with the names and signatures of the public one."""
    tls, authority = trusted
    async with tiny_agent(tls) as agent:
        page = response('<Connect><Stream url="wss://agent.example/media"/></Connect>')
        async with documents({"/voice": page}, tls) as pages:
            record = await place_call(
                f"https://127.0.0.1:{pages.port}/voice",
                SHORT,
                call=1,
                auth_token="t",
                connect={"agent.example": f"127.0.0.1:{agent.port}"},
                authority=authority,
            )
    assert (record.outcome, record.cause) == ("completed", "")
    (upgrade,) = agent.upgrades
    assert upgrade["host"] == "agent.example"
    assert upgrade["x-twilio-signature"] == sign("t", "wss://agent.example/media")


async def test_a_webhook_under_its_public_name_is_reached_through_tls_here(
    trusted: tuple[Any, str],
) -> None:
    """The certificate is checked for the public name."""
    tls, authority = trusted
    async with documents({"/voice": response("<Hangup/>")}, tls) as pages:
        for host, code in (("agent.example", ""), ("other.example", "11235")):
            record = await place_call(
                f"https://{host}/voice",
                SHORT,
                call=1,
                connect={host: f"127.0.0.1:{pages.port}"},
                authority=authority,
            )
            codes = [finding.code for finding in record.findings]
            assert codes == ([code] if code else [])
    assert pages.hosts == ["agent.example"]


async def test_a_certificate_that_nobody_vouches_for_is_an_error(
    trusted: tuple[Any, str],
) -> None:
    """31910, with what TLS has to say."""
    tls, _ = trusted
    async with tiny_agent(tls) as agent:
        record = await place_call(agent.url, SHORT, call=1)
    assert "certificate verify failed" in record.cause
    assert [finding.code for finding in record.findings] == ["31910"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"authority": "/nowhere.pem"}, "no certificate of an authority"),
        ({"impairment": "awful"}, "no impairment profile"),
    ],
)
async def test_a_wrong_setting_is_told_before_the_call(
    wrong: dict[str, str], words: str
) -> None:
    """It is the tester's mistake, not the agent's."""
    with pytest.raises(SettingError, match=words):
        await place_call("ws://127.0.0.1:1/m", SHORT, call=1, **wrong)  # type: ignore[arg-type]


# --- impairments, recordings, two legs -------------------------------------------


async def test_a_call_over_a_bad_path_is_had_all_the_same() -> None:
    """Its delay is the agent's to bear, and none of this machine's lateness."""
    async with tiny_agent() as agent:
        steps = (Pause(0.3), Say("Yes.", reply=True), HangUp())
        order = CallOrder(
            agent=agent.url, conversation=steps, call=1, impairment="bad", seed=5
        )
        record = await PhoneCall(order).run()
        await asyncio.sleep(0.05)
    assert (record.outcome, record.cause) == ("completed", "")
    assert agent.events == ["connected", "start", "stop"]
    turn = record.turns[0]
    assert turn.reply_at is not None
    assert turn.spoke_from is not None
    assert turn.reply_at - turn.spoke_from > 0.2  # its own echo, there and back


async def test_a_recording_holds_both_sides_as_they_were_played(
    tmp_path: Path,
) -> None:
    """The echo of the caller's words is on the right, later than on the left."""
    file = tmp_path / "call.wav"
    async with tiny_agent() as agent:
        steps = (Pause(0.2), Say("Yes.", reply=False), Pause(0.5), HangUp())
        record = await place_call(agent.url, steps, call=1, record_to=str(file))
    with wave.open(str(file)) as read:
        assert read.getparams()[:3] == (2, 2, 8000)
        length = read.getnframes() / 8000
        pcm = read.readframes(read.getnframes())
    assert record.duration == pytest.approx(length, abs=0.3)
    loud = [
        next(n for n in range(side, len(pcm), 4) if abs(_sample(pcm, n)) > 500) // 4
        for side in (0, 2)
    ]
    assert 0 < (loud[1] - loud[0]) / 8000 < 0.3


def _sample(pcm: bytes, at: int) -> int:
    return int.from_bytes(pcm[at : at + 2], "little", signed=True)


async def test_a_recording_that_cannot_be_written_is_a_finding() -> None:
    """The call is not lost for it."""
    async with tiny_agent() as agent:
        record = await place_call(agent.url, SHORT, call=1, record_to="/nowhere/x.wav")
    assert record.outcome == "completed"
    assert [finding.code for finding in record.findings] == ["recording"]


class _Exchange:
    """Joins the dialling leg with a party that says one thing."""

    async def dial(self, call: LegCall, order: DialOut) -> DialEnd:
        bridge = Bridge()
        call.join(bridge.near)
        call.dial_answered()
        for _ in range(10):
            bridge.far.frame(b"\x33" * 160, 0.0)
            await asyncio.sleep(0.02)
        return DialEnd("completed", "CA" + "9" * 32, 1.0)


async def test_a_dialled_leg_is_heard_and_its_end_is_reported() -> None:
    """The action is told how it went."""
    page = response('<Dial action="/after">+15005550009</Dial>')
    served = {"/voice": page, "/after": response("<Hangup/>")}
    async with documents(served) as pages:
        party = Listener(200)
        call, _ = leg_call(f"{pages.url}/voice", party, dialler=_Exchange())
        await call.run()
    assert party.heard.count(b"\x33" * 160) >= 5
    (form,) = pages.forms("/after")
    assert form["DialCallStatus"] == "completed"
