"""Twilio's own library, pointed at the fake by its base address and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from conformance.fidelity._twilio_agent import EchoAgent, serving_agent
from fakes.processes import WorldProcess
from fakes.twilio.caller.script import HangUp, Pause
from fakes.twilio.exchange.numbers import OWN_NUMBER, Person
from fakes.twilio.exchange.settings import TwilioSettings
from fakes.twilio.web.credentials import Credentials
from fakes.world import World

pytestmark = [
    pytest.mark.judged("Twilio: REST", by="twilio"),
    pytest.mark.judged("Twilio: status callbacks", by="twilio"),
]

T = TypeVar("T")
CREDENTIALS = Credentials()
SOMEBODY = "+14155550123"
EVENTS = ["initiated", "ringing", "answered", "completed"]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Fakes whose people answer soon and say nothing for a while."""
    settings = TwilioSettings(calls_per_second=100.0, ring_delay=0.02)
    async with World(twilio=settings, credentials=CREDENTIALS) as running:
        silent = (Pause(20.0), HangUp())
        person = Person(number=SOMEBODY, after=0.05, conversation=silent)
        running.switch.exchange.numbers.settle(person)
        yield running


@pytest.fixture
async def agent() -> AsyncIterator[EchoAgent]:
    """An agent of Twilio's and Starlette's documentation."""
    async with serving_agent(CREDENTIALS.auth_token) as running:
        yield running


def client_of(world: World | WorldProcess, token: str = CREDENTIALS.auth_token) -> Any:
    """Return Twilio's client."""
    client = Client(CREDENTIALS.account_sid, token)
    client.api.base_url = world.addresses.twilio
    return client


async def inside(work: Callable[[], T]) -> T:
    """Run what blocks in a thread: the library is not asynchronous."""
    return await asyncio.to_thread(work)


async def until(happened: Callable[[], bool], what: str, within: float = 5.0) -> None:
    """Wait for something; say what did not come."""
    end = time.monotonic() + within
    while not happened():
        assert time.monotonic() < end, f"{what} did not come within {within:g} s"
        await asyncio.sleep(0.01)


async def status_of(client: Any, sid: str) -> str:
    """Return a call's status."""
    return str((await inside(client.calls(sid).fetch)).status)


async def live_call(client: Any, agent: EchoAgent) -> str:
    """Return the sid of a call that streams."""
    call = await inside(
        lambda: client.calls.create(
            to=SOMEBODY,
            from_=OWN_NUMBER,
            url=agent.url("/voice"),
            status_callback=agent.url("/status"),
            status_callback_event=EVENTS,
        )
    )
    await until(lambda: "start" in agent.events, "the stream")
    return str(call.sid)


@pytest.mark.judged("Twilio: media streams", by="Starlette")
async def test_an_outbound_call_streams_is_transferred_and_hung_up(
    world: World, agent: EchoAgent
) -> None:
    """Every request is signed as the library validates it; every event is told."""
    client = client_of(world)
    sid = await live_call(client, agent)
    (voice,) = agent.voice
    assert (voice["CallStatus"], voice["Direction"]) == ("in-progress", "outbound-api")
    assert agent.parameters == {"caller": "Jane"}
    await until(lambda: agent.echoed >= 20, "audio in both directions")
    twiml = '<Response><Say>One moment.</Say><Pause length="30"/></Response>'
    changed = await inside(lambda: client.calls(sid).update(twiml=twiml))
    assert changed.status == "in-progress"
    await until(lambda: "stop" in agent.events, "the end of the stream")
    ended = await inside(lambda: client.calls(sid).update(status="completed"))
    assert ended.status == "completed"
    await until(lambda: len(agent.told) == 4, "the last callback")
    statuses = [(one["CallStatus"], one["SequenceNumber"]) for one in agent.told]
    expected = ["initiated", "ringing", "in-progress", "completed"]
    assert statuses == [(name, str(n)) for n, name in enumerate(expected)]
    assert agent.forged == 0
    lines = await inside(client.calls(sid).notifications.list)
    assert not [one for one in lines if one.log == "0"]


async def test_an_inbound_call_is_found_and_changed_over_rest(
    world: World, agent: EchoAgent
) -> None:
    """The number's voice URL is set by the library, too."""
    client = client_of(world)
    number = (await inside(client.incoming_phone_numbers.list))[0]
    await inside(lambda: number.update(voice_url=agent.url("/voice")))
    silent = Person(number=SOMEBODY, conversation=(Pause(20.0), HangUp()))
    call = world.switch.call_in(silent, OWN_NUMBER)
    await until(lambda: "start" in agent.events, "the stream")
    assert agent.voice[0]["CallStatus"] == "ringing"
    assert await status_of(client, call.sid) == "in-progress"
    await inside(lambda: client.calls(call.sid).update(status="completed"))
    await until(lambda: "stop" in agent.events, "the end of the stream")
    assert agent.forged == 0


async def test_a_recording_is_made_listed_fetched_and_deleted(
    world: World, agent: EchoAgent
) -> None:
    """Its file is as long as the recording was."""
    client = client_of(world)
    sid = await live_call(client, agent)
    made = await inside(lambda: client.calls(sid).recordings.create())
    assert made.status == "in-progress"
    await asyncio.sleep(0.3)
    current = client.calls(sid).recordings("Twilio.CURRENT")
    await inside(lambda: current.update(status="stopped"))
    listed = await inside(client.recordings.list)
    assert [one.sid for one in listed] == [made.sid]
    assert listed[0].status == "completed"
    fetched = await inside(client.recordings(made.sid).fetch)
    assert fetched.media_url.startswith(world.addresses.twilio)
    assert await inside(client.recordings(made.sid).delete)
    assert await inside(client.recordings.list) == []


@pytest.mark.judged("Twilio: media streams", by="Starlette")
async def test_a_stream_is_forked_and_stopped(world: World, agent: EchoAgent) -> None:
    """A unidirectional one, beside the one of the document."""
    client = client_of(world)
    sid = await live_call(client, agent)
    made = await inside(
        lambda: client.calls(sid).streams.create(
            url=f"ws://127.0.0.1:{agent.port}/media", name="listener"
        )
    )
    assert (made.status, made.name) == ("in-progress", "listener")
    await until(lambda: agent.events.count("start") == 2, "the second stream")
    stopped = client.calls(sid).streams("listener")
    assert (await inside(lambda: stopped.update(status="stopped"))).status == "stopped"
    await until(lambda: "stop" in agent.events, "its end")
    assert await status_of(client, sid) == "in-progress"


async def test_calls_are_listed_page_by_page(world: World) -> None:
    """``list`` with a limit, ``stream`` and ``page`` find the same calls."""
    client = client_of(world)

    def work() -> tuple[list[str], list[str], list[str]]:
        made = [
            client.calls.create(to=SOMEBODY, from_=OWN_NUMBER, twiml="<Response/>").sid
            for _ in range(7)
        ]
        streamed = [call.sid for call in client.calls.stream(page_size=3)]
        page, paged = client.calls.page(page_size=2), []
        while page:
            paged += [call.sid for call in page]
            page = page.next_page()
        few = [call.sid for call in client.calls.list(limit=4, page_size=3)]
        assert few == streamed[:4]
        return made[::-1], streamed, paged

    made, streamed, paged = await inside(work)
    assert made == streamed == paged


async def failure(work: Callable[[], object]) -> tuple[int, int]:
    """Return status and code of the library's exception."""
    with pytest.raises(TwilioRestException) as raised:
        await inside(work)
    return raised.value.status, raised.value.code


async def test_refusals_are_the_librarys_exceptions(world: World) -> None:
    """With status and number."""
    client = client_of(world)
    stranger = client_of(world, "wrong")
    create = client.calls.create

    def order(**changes: str) -> Callable[[], object]:
        usual = {"to": SOMEBODY, "from_": OWN_NUMBER, "twiml": "<Response/>"}
        return lambda: create(**(usual | changes))

    of_theirs = stranger.calls(f"CA{'0' * 32}")
    assert await failure(of_theirs.fetch) == (401, 20003)
    assert await failure(order(to="nobody")) == (400, 21211)
    assert await failure(order(from_="+14155550199")) == (400, 21210)
    assert await failure(order(twiml="")) == (400, 21205)
    unknown = client.calls(f"CA{'0' * 32}")
    assert await failure(unknown.fetch) == (404, 20404)
    call = await inside(order())
    sid = str(getattr(call, "sid", ""))
    assert await failure(client.calls(sid).delete) == (409, 20009)
    await inside(lambda: client.calls(sid).update(status="canceled"))
    again = client.calls(sid)
    assert await failure(lambda: again.update(status="completed")) == (404, 20404)
    assert await inside(client.calls(sid).delete)


async def test_an_api_key_opens_the_account_as_the_token_does(world: World) -> None:
    """The one that stands in the environment of agents under test."""
    told = CREDENTIALS.environment()
    login = told["TWILIO_API_KEY"], told["TWILIO_API_SECRET"]
    client = Client(*login, told["TWILIO_ACCOUNT_SID"])
    client.api.base_url = world.addresses.twilio
    assert await inside(client.calls.list) == []


async def test_the_account_is_shown_without_its_token(world: World) -> None:
    """Nor is the token in the ledger or in any call."""
    client = client_of(world)
    account = client.api.accounts(CREDENTIALS.account_sid)
    shown = await inside(account.fetch)
    assert (shown.sid, shown.status) == (CREDENTIALS.account_sid, "active")
    assert CREDENTIALS.auth_token not in str(world.ledger.attempts)
    assert not shown.auth_token


async def test_a_busy_line_is_told(world: World, agent: EchoAgent) -> None:
    """As the only callback, with its SIP code."""
    world.switch.exchange.numbers.settle(
        Person(number=SOMEBODY, behaviour="busy", after=0.0)
    )
    client = client_of(world)
    call = await inside(
        lambda: client.calls.create(
            to=SOMEBODY,
            from_=OWN_NUMBER,
            url=agent.url("/voice"),
            status_callback=agent.url("/status"),
        )
    )
    await until(lambda: len(agent.told) == 1, "the callback")
    (told,) = agent.told
    assert (told["CallStatus"], told["SipResponseCode"]) == ("busy", "486")
    assert await status_of(client, call.sid) == "busy"
    assert agent.voice == []


async def test_calling_an_own_number_joins_two_legs(
    world: World, agent: EchoAgent
) -> None:
    """Each with its own document and sid; what one says the other hears."""
    client = client_of(world)
    number = (await inside(client.incoming_phone_numbers.list))[0]
    await inside(lambda: number.update(voice_url=agent.url("/voice")))
    twiml = '<Response><Say>Hello there.</Say><Pause length="20"/></Response>'
    call = await inside(
        lambda: client.calls.create(to=OWN_NUMBER, from_=OWN_NUMBER, twiml=twiml)
    )
    await until(lambda: agent.echoed > 10, "audio")
    listed = await inside(client.calls.list)
    assert {one.direction for one in listed} == {"inbound", "outbound-api"}
    await inside(lambda: client.calls(call.sid).update(status="completed"))
    await until(lambda: "stop" in agent.events, "the end of the other leg")
    assert {one.status for one in await inside(client.calls.list)} == {"completed"}
    assert agent.forged == 0


async def test_dialling_makes_a_leg_with_a_parent(world: World) -> None:
    """The action's document goes on when the dialled leg is over."""
    client = client_of(world)
    other = "+14155550188"
    person = Person(number=other, after=0.05, conversation=(Pause(0.3), HangUp()))
    world.switch.exchange.numbers.settle(person)
    twiml = f'<Response><Dial>{other}</Dial><Pause length="20"/></Response>'
    call = await inside(
        lambda: client.calls.create(to=SOMEBODY, from_=OWN_NUMBER, twiml=twiml)
    )
    calls = world.switch.exchange.calls
    await until(lambda: len(calls) == 2, "the dialled leg")
    (child,) = await inside(lambda: client.calls.list(parent_call_sid=call.sid))
    assert child.direction == "outbound-dial"
    await until(lambda: calls[child.sid].over, "its end")
    assert await status_of(client, child.sid) == "completed"
    assert await status_of(client, call.sid) == "in-progress"
