"""Twilio's own library acts on calls that a phone places beside the fakes."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from conformance.core._tiny_agent import tiny_agent
from conformance.core._webhook_server import answer, serving
from conformance.fidelity._twilio_agent import EchoAgent, serving_agent
from conformance.fidelity.test_twilio_sdk import client_of, inside, status_of, until
from fakes.call_record import CallRecord
from fakes.processes import WorldProcess
from fakes.twilio.caller.script import (
    AwaitGreeting,
    AwaitHangUp,
    ConversationStep,
    HangUp,
    Pause,
)
from fakes.twilio.phone import place_call
from fakes.twilio.phones import link
from fakes.twilio.phones.messages import PHONES_PATH, encode_frame, placed
from fakes.twilio.web.credentials import Credentials
from fakes.twilio.web.webhook import CallLeg
from fakes.world import World

pytestmark = pytest.mark.judged("Twilio: REST", by="twilio")

CREDENTIALS = Credentials()


@pytest.fixture(scope="module")
def world() -> Iterator[WorldProcess]:
    """The fakes in a process of their own, as a phone meets them."""
    with WorldProcess() as running:
        yield running


@pytest.fixture
async def agent() -> AsyncIterator[EchoAgent]:
    """An agent of Twilio's and Starlette's documentation."""
    async with serving_agent(CREDENTIALS.auth_token) as running:
        yield running


class Phoned:
    """A call that is placed in a task, and Twilio's client."""

    def __init__(
        self, world: Any, url: str, *steps: ConversationStep, sid: str = ""
    ) -> None:
        self.sid = sid or f"CA{uuid.uuid4().hex}"
        self.client = client_of(world)
        self.call = self.client.calls(self.sid)
        self._task = asyncio.ensure_future(
            place_call(
                url,
                list(steps),
                call=4729,
                call_sid=self.sid,
                deadline=15.0,
                switch=world.addresses.control,
            )
        )

    async def update(self, **form: str) -> Any:
        """Change the call as an agent does."""
        return await inside(lambda: self.call.update(**form))

    async def over(self, within: float = 2.0) -> CallRecord:
        """Return the record of the call, which must end soon."""
        return await asyncio.wait_for(self._task, within)


async def test_an_agent_hangs_up_over_rest(
    world: WorldProcess, agent: EchoAgent
) -> None:
    """The awaited end completes the call; callbacks and resource say so, too."""
    phoned = Phoned(world, agent.url("/voice"), AwaitHangUp(10.0))
    await until(lambda: agent.echoed >= 10, "audio")
    shown = await phoned.update(status_callback=agent.url("/status"))
    assert (shown.status, shown.direction) == ("in-progress", "inbound")
    assert shown._from == agent.voice[0]["From"]
    ended = await phoned.update(status="completed")
    record = await phoned.over()
    assert ended.status == "completed"
    assert (record.outcome, record.cause) == ("completed", "")
    assert record.findings == []
    await until(lambda: bool(agent.told), "the callback")
    assert [one["CallStatus"] for one in agent.told] == ["completed"]
    await until(lambda: "stop" in agent.events, "the end of the stream")
    assert agent.forged == 0
    assert await status_of(phoned.client, phoned.sid) == "completed"


async def test_a_hang_up_that_nobody_awaits_is_the_agents(
    world: WorldProcess, agent: EchoAgent
) -> None:
    """The record says who ended the call, and where in the conversation."""
    phoned = Phoned(world, agent.url("/voice"), AwaitGreeting(), HangUp())
    await until(lambda: agent.echoed >= 10, "audio")
    await phoned.update(status="completed")
    record = await phoned.over()
    assert record.outcome == "failed"
    assert record.cause == "agent ended the call over REST before any greeting"


async def test_the_caller_hears_the_document_that_rest_gives(
    world: WorldProcess, agent: EchoAgent
) -> None:
    """In mid-stream; the document's end is the agent's end of the call."""
    phoned = Phoned(world, agent.url("/voice"), AwaitHangUp(10.0))
    await until(lambda: agent.echoed >= 10, "audio")
    twiml = "<Response><Say>One moment, please.</Say></Response>"
    assert (await phoned.update(twiml=twiml)).status == "in-progress"
    record = await phoned.over(5.0)
    assert [heard.text for heard in record.utterances] == ["One moment, please."]
    (heard,) = record.utterances
    assert (heard.lost, heard.heard) == ([], heard.frames)
    assert (record.outcome, record.cause) == ("completed", "")
    assert agent.events == ["connected", "start", "stop"]


async def test_a_call_is_transferred_to_another_document(
    world: WorldProcess, agent: EchoAgent
) -> None:
    """By its address, which is signed and asked in the call's own name."""
    phoned = Phoned(world, agent.url("/voice"), Pause(10.0), HangUp())
    await until(lambda: agent.echoed >= 10, "audio")
    await phoned.update(url=agent.url("/voice"))
    await until(lambda: agent.events.count("start") == 2, "the second stream")
    assert [one["CallSid"] for one in agent.voice] == [phoned.sid] * 2
    assert agent.forged == 0
    await phoned.update(status="completed")
    await phoned.over()


async def test_rest_knows_a_call_when_the_agent_does(
    world: WorldProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even the first, for which the socket must be opened."""
    sid, statuses = f"CA{uuid.uuid4().hex}", list[str]()

    class Slow(connect):
        async def __aenter__(self) -> ClientConnection:
            await asyncio.sleep(0.1)
            return await super().__aenter__()

    async def ask(writer: asyncio.StreamWriter) -> None:
        statuses.append(await status_of(client_of(world), sid))
        writer.write(answer(200, b"<Response><Hangup/></Response>"))

    monkeypatch.setattr(link, "connect", Slow)
    async with serving(ask) as server:
        phoned = Phoned(world, server.url, AwaitHangUp(5.0), sid=sid)
        await phoned.over()
    assert statuses == ["ringing"]


async def test_rest_knows_how_the_caller_left(
    world: WorldProcess, agent: EchoAgent
) -> None:
    """The phone tells; what comes after that is too late, as on Twilio."""
    phoned = Phoned(world, agent.url("/voice"), Pause(0.1), HangUp())
    await phoned.over(5.0)
    for _ in range(100):
        if await status_of(phoned.client, phoned.sid) == "completed":
            break
        await asyncio.sleep(0.02)
    with pytest.raises(TwilioRestException) as refused:
        await phoned.update(status="completed")
    assert (refused.value.status, refused.value.code) == (404, 20404)


async def test_calls_that_no_phone_told_of_are_unknown(
    world: WorldProcess, agent: EchoAgent
) -> None:
    """Neither an invented sid nor a call without ``switch``."""
    sid = f"CA{uuid.uuid4().hex}"
    steps = (Pause(0.4), HangUp())
    call = place_call(agent.url("/voice"), steps, call=1, call_sid=sid)
    task = asyncio.ensure_future(call)
    await until(lambda: agent.echoed >= 5, "audio")
    for one in (sid, f"CA{'0' * 32}"):
        update = client_of(world).calls(one).update
        with pytest.raises(TwilioRestException) as refused:
            await inside(partial(update, status="completed"))
        assert (refused.value.status, refused.value.code) == (404, 20404)
    assert (await task).outcome == "completed"


async def test_streams_and_recordings_of_such_a_call_are_refused(
    world: WorldProcess, agent: EchoAgent
) -> None:
    """With Twilio's number, and why."""
    phoned = Phoned(world, agent.url("/voice"), AwaitHangUp(10.0))
    await until(lambda: agent.echoed >= 5, "audio")
    for ask in (
        lambda: phoned.call.recordings.create(),
        lambda: phoned.call.streams.create(url="wss://127.0.0.1:1/fork"),
    ):
        with pytest.raises(TwilioRestException, match="a phone in another") as refused:
            await inside(ask)
        assert (refused.value.status, refused.value.code) == (400, 21220)
    await phoned.update(status="completed")
    assert (await phoned.over()).outcome == "completed"


async def test_a_call_goes_on_without_fakes_and_says_so() -> None:
    """They are not there, or they go: neither ends nor delays the call."""
    async with tiny_agent() as tiny, World(credentials=CREDENTIALS) as world:
        nobody = "http://127.0.0.1:1"
        steps = (Pause(0.6), HangUp())
        early = asyncio.ensure_future(
            place_call(tiny.url, steps, call=1, switch=nobody)
        )
        late = Phoned(world, tiny.url, *steps)
        await until(lambda: late.sid in world.switch.exchange.calls, "the call")
        await world.stop()
        for record in (await early, await late.over()):
            assert record.outcome == "completed"
            assert record.duration < 1.5
            (finding,) = record.findings
            assert finding.code == "switch"
            assert finding.text.startswith("REST does not reach this call: http://127.")
    call = world.switch.exchange.calls[late.sid]
    assert (call.status, call.cause) == ("failed", "the phone that placed it has gone")


async def test_a_call_of_another_account_goes_on_and_says_so() -> None:
    """REST could not find it by the path's account."""
    other = Credentials(account_sid=f"AC{'9' * 32}")
    async with tiny_agent() as tiny, World(credentials=other) as world:
        record = await Phoned(world, tiny.url, Pause(0.2), HangUp()).over()
        assert not world.switch.exchange.calls
    (finding,) = record.findings
    assert f"belongs to {CREDENTIALS.account_sid}, not AC999" in finding.text


async def test_a_phone_that_sends_junk_is_told_so_and_its_calls_are_over() -> None:
    """1007 with the reason; a browser that asks gets a refusal."""
    async with World(credentials=CREDENTIALS) as world:
        address = f"{world.addresses.control}{PHONES_PATH}"
        for junk in ('[{"type":"hello"}]', b"\x00"):
            async with connect(address.replace("http", "ws", 1)) as socket:
                leg = CallLeg.of(1)
                await socket.send(encode_frame([placed(leg)]))
                await socket.send(junk)
                with pytest.raises(ConnectionClosed) as closed:
                    await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1007
            assert closed.value.rcvd.reason.startswith("no messages of a phone: ")
            call = world.switch.exchange.calls[leg.call_sid]
            for _ in range(100):
                if call.over:
                    break
                await asyncio.sleep(0.01)
            assert call.status == "failed"
            assert call.cause.startswith("the phone that placed it sent no messages")


async def test_calls_share_a_link_that_is_closed_when_idle(
    world: WorldProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten calls at once, one socket; the next call has another."""
    monkeypatch.setattr(link, "_IDLE", 0.05)
    async with tiny_agent() as tiny:
        calls = [Phoned(world, tiny.url, Pause(0.2), HangUp()) for _ in range(10)]
        await until(lambda: tiny.events.count("start") == 10, "the streams")
        one = link.link_here(world.addresses.control)
        for call in calls:
            assert (await call.over()).findings == []
        await until(lambda: one.stale, "the end of the link")
        last = Phoned(world, tiny.url, AwaitHangUp(5.0))
        await until(lambda: tiny.events.count("start") == 11, "the stream")
        assert link.link_here(world.addresses.control) is not one
        await last.update(status="completed")
        assert (await last.over()).outcome == "completed"
