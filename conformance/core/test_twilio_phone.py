"""Real sockets: how a call comes about, ends, and fails with one clear cause."""

from __future__ import annotations

import asyncio
import socket
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from conformance.core._tiny_agent import tiny_agent, twiml, webhook
from fakes.call_record import ENDED_BY_TESTER, CallRecord
from fakes.twilio.media.line import VARIABLE
from fakes.twilio.phone import (
    AwaitGreeting,
    AwaitHangUp,
    CallOrder,
    HangUp,
    Pause,
    PhoneCall,
    Say,
    Settings,
    place_call,
)
from fakes.twilio.web.signature import sign
from voiceutils.budget import LatencyHistogram
from voiceutils.wire import encode, twilio

SHORT = (Say("Yes.", reply=False), HangUp())
WAIT = (AwaitGreeting(), HangUp())


@pytest.fixture(autouse=True, params=["swift", "plain"])
def sockets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test on both kinds of lines."""
    monkeypatch.setenv(VARIABLE, request.param)


async def idle(media: ServerConnection, sid: str) -> None:
    """Say nothing."""


async def test_a_call_through_the_webhook_reaches_the_agent_as_twilio_would() -> None:
    """Signed POST, TwiML, upgrade without Origin and extensions, start, stop, 1000."""
    async with tiny_agent() as agent, webhook(twiml(agent.url)) as (url, heads):
        record = await place_call(url, SHORT, call=4729, auth_token="t")
    assert (record.outcome, record.cause, record.findings) == ("completed", "", [])
    assert heads[0].startswith(b"POST /voice HTTP/1.1\r\n")
    lower = heads[0].lower()
    assert b"user-agent: twilioproxy/1.1" in lower
    assert b"accept-encoding" not in lower
    (upgrade,) = agent.upgrades
    assert upgrade["user-agent"] == "Twilio.TmeWs/1.0"
    assert upgrade["x-twilio-signature"] == sign("t", agent.url)
    assert not {"origin", "sec-websocket-extensions", "cookie"} & set(upgrade)
    assert agent.events == ["connected", "start", "stop"]
    assert agent.closes == [1000]
    assert record.answered_after is not None
    assert record.turns[0].reply_at is not None  # its own echo
    lateness = LatencyHistogram.from_counts(record.lateness)
    assert lateness.count == record.frames_sent - 10  # all but the start-up burst


async def test_a_detour_keeps_host_and_signature() -> None:
    """A hard-coded public address is served by this machine."""
    public = "wss://agent.example/media"
    async with tiny_agent() as agent, webhook(twiml(public)) as (url, heads):
        port = url.split(":")[2].split("/")[0]
        via = {"agent.example": f"127.0.0.1:{agent.port}", "h": f"127.0.0.1:{port}"}
        record = await place_call(
            "https://h/voice", SHORT, call=1, auth_token="t", connect=via
        )
    assert record.cause == ""
    assert b"\r\nhost: h\r\n" in heads[0].lower()
    assert agent.upgrades[0]["host"] == "agent.example"
    assert agent.upgrades[0]["x-twilio-signature"] == sign("t", public)


async def test_a_query_string_never_reaches_the_agent() -> None:
    """Dropped, and noted."""
    async with tiny_agent() as agent:
        record = await place_call(f"{agent.url}?token=1", SHORT, call=1)
    assert record.outcome == "completed"
    assert [finding.code for finding in record.findings] == ["31920"]
    assert agent.paths == ["/media"]


@pytest.mark.parametrize(
    ("how", "events", "closes"),
    [
        ("stop", ["connected", "start", "stop"], [1000]),
        ("close", ["connected", "start"], [1000]),
        ("reset", ["connected", "start"], [None]),
    ],
)
async def test_the_ways_to_hang_up_differ_at_the_agent(
    how: Any, events: list[str], closes: list[int | None]
) -> None:
    """With stop, with a close alone, with a TCP reset."""
    async with tiny_agent() as agent:
        agent.on_start = idle
        record = await place_call(agent.url, (Pause(0.1), HangUp(how)), call=1)
        await asyncio.sleep(0.05)
    assert record.outcome == "completed"
    assert agent.events == events
    assert agent.closes == closes
    assert agent.was_reset == (how == "reset")


@pytest.mark.parametrize(("code", "seen"), [(1001, 1001), (1005, 1005), (1006, None)])
async def test_the_close_code_after_stop_is_a_knob(code: int, seen: int | None) -> None:
    """Agents see 1000, 1001, no code, or a dropped connection."""
    async with tiny_agent() as agent:
        knobs = Settings(close_code=code)
        steps = (Pause(0.04), HangUp())
        record = await place_call(agent.url, steps, call=1, settings=knobs)
        await asyncio.sleep(0.05)
    assert record.outcome == "completed"
    assert agent.events[-1] == "stop"
    assert agent.closes == [seen]


def _failed(record: CallRecord, code: str, cause: str) -> None:
    assert record.outcome == "failed"
    assert cause in record.cause
    assert "\n" not in record.cause
    assert code in [finding.code for finding in record.findings]


async def test_a_refused_handshake_names_its_status() -> None:
    """31920, and what was answered."""
    async with tiny_agent() as agent:
        agent.refuse = HTTPStatus.FORBIDDEN
        record = await place_call(agent.url, SHORT, call=1)
    _failed(record, "31920", "handshake answered 403")
    assert record.answered_after is None


@pytest.mark.parametrize(
    ("scheme", "code"), [("http", "11202"), ("ws", "31902"), ("ftp", "11100")]
)
async def test_nobody_at_the_address_is_unreachable(scheme: str, code: str) -> None:
    """A refused connection, for webhook and media socket."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    record = await place_call(f"{scheme}://127.0.0.1:{port}/x", SHORT, call=1)
    _failed(record, code, "wrong scheme" if scheme == "ftp" else "unreachable")


@pytest.mark.parametrize(
    ("answer", "code", "cause"),
    [
        (twiml("wss://h/m", "500 Oops"), "11200", "webhook answered 500"),
        (twiml("https://h/m"), "31922", "wrong scheme"),
        (b"HTTP/1.1 200 OK\r\n\r\n<Response/>", "12300", "content type missing"),
        (b"", "11206", "webhook broke off"),
        (b"SSH-2.0-server\r\n", "11206", "webhook broke off"),
        (
            b"HTTP/1.1 302 Found\r\nLocation: /voice\r\nContent-Length: 0\r\n\r\n",
            "11215",
            "redirects too often",
        ),
    ],
)
async def test_a_bad_answer_of_the_webhook_is_the_cause(
    answer: bytes, code: str, cause: str
) -> None:
    """Each kind has its number."""
    async with webhook(answer) as (url, _):
        _failed(await place_call(url, SHORT, call=1), code, cause)


async def test_a_media_address_that_does_not_speak_websocket_is_a_handshake_error() -> (
    None
):
    """Also when it just hangs up."""
    for answer in (twiml("wss://h/m"), b""):
        async with webhook(answer) as (url, _):
            record = await place_call(url.replace("http", "ws"), SHORT, call=1)
            _failed(record, "31920", "handshake")


async def test_a_silent_webhook_ends_with_the_calls_deadline() -> None:
    """Nothing is waited for longer than the call may take."""
    async with webhook(None) as (url, _):
        record = await place_call(url, SHORT, call=1, deadline=0.2)
    assert "deadline of 0.2 s while connecting" in record.cause
    assert record.duration < 0.5


async def test_a_call_that_takes_too_long_is_hung_up() -> None:
    """Politely; the cause says how far it came."""
    async with tiny_agent() as agent:
        agent.on_start = idle
        record = await place_call(agent.url, WAIT, call=1, deadline=0.2)
    assert record.cause.endswith("deadline of 0.2 s before any greeting")
    assert agent.events[-1] == "stop"


async def test_a_call_can_be_hung_up_from_outside() -> None:
    """Which is neither the agent's fault nor a completed call."""
    async with tiny_agent() as agent:
        agent.on_start = idle
        order = CallOrder(agent=agent.url, conversation=WAIT, call=1)
        call = PhoneCall(order)
        running = asyncio.ensure_future(call.run())
        await asyncio.sleep(0.1)
        call.hang_up()
        record = await running
    assert (record.outcome, record.cause) == ("failed", ENDED_BY_TESTER)
    assert agent.events[-1] == "stop"


async def _closes_badly(media: ServerConnection, sid: str) -> None:
    await media.close(1011, "bug")


async def _goes_away(media: ServerConnection, sid: str) -> None:
    media.transport.abort()


async def _sets_reserved_bits(media: ServerConnection, sid: str) -> None:
    media.transport.write(b"\xc1\x02hi")


async def _sends_no_text(media: ServerConnection, sid: str) -> None:
    """Behind a mark, so that the phone has seen a whole text message before."""
    mark = twilio.AgentMark(sid, twilio.MarkBody("here"))
    await media.send(encode(mark))
    await asyncio.sleep(0.05)
    media.transport.write(b"\x81\x06\xc3\x28text")


async def _sends_nonsense(media: ServerConnection, sid: str) -> None:
    await media.send(b"\x00")
    await media.send("{")


@pytest.mark.parametrize(
    ("fault", "codes", "cause"),
    [
        (_closes_badly, ["31921"], "agent closed the media socket (1011 bug) before"),
        (_goes_away, ["31921"], "dropped the media socket without a close frame"),
        (_sets_reserved_bits, ["31924"], "WebSocket protocol error"),
        (_sends_no_text, ["31924"], "WebSocket protocol error"),
        (_sends_nonsense, ["31950", "31951"], "no greeting within 0.3 s"),
    ],
)
async def test_a_fault_of_the_agent_in_mid_call_is_the_cause(
    fault: Any, codes: list[str], cause: str
) -> None:
    """Framing errors and closes end the call; nonsense does not."""
    async with tiny_agent() as agent:
        agent.on_start = fault
        record = await place_call(agent.url, WAIT, call=1, patience=0.3)
    assert cause in record.cause
    assert [finding.code for finding in record.findings] == codes


async def test_an_awaited_hang_up_of_the_agent_completes_the_call() -> None:
    """Close code 1000, and the script said so."""

    async def leave(media: ServerConnection, sid: str) -> None:
        await asyncio.sleep(0.1)
        await media.close()

    async with tiny_agent() as agent:
        agent.on_start = leave
        record = await place_call(agent.url, (AwaitHangUp(1.0),), call=1)
    assert (record.outcome, record.cause) == ("completed", "")


async def test_an_agent_that_does_not_read_loses_audio_not_time() -> None:
    """31930: discarded, and no frame waits for it."""

    async def flooded(media: ServerConnection, sid: str) -> None:
        media.transport.pause_reading()

    async with tiny_agent() as agent:
        agent.on_start = flooded
        # A minute of audio is more than the buffers of this connection hold.
        knobs = Settings(startup_backlog=60.0)
        steps = (Pause(0.1), HangUp("reset"))
        record = await place_call(agent.url, steps, call=1, settings=knobs)
    assert "31930" in [finding.code for finding in record.findings]
    assert record.duration < 2.0
