"""Faults of Twilio's REST interface, as Twilio's own library meets them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from conformance.fidelity.test_twilio_sdk import (
    CREDENTIALS,
    SOMEBODY,
    client_of,
    failure,
    inside,
)
from fakes.fault_rules import Rule
from fakes.faults import Delay, Refuse, Reset
from fakes.twilio.exchange.numbers import OWN_NUMBER
from fakes.world import World

pytestmark = pytest.mark.judged("Twilio: REST", by="twilio")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Fakes with an account that the library can log in to."""
    async with World(credentials=CREDENTIALS) as running:
        yield running


async def test_too_many_requests_are_refused_as_twilio_refuses_them(
    world: World,
) -> None:
    """20429; the library gives up at once."""
    world.faults.add(Rule(surface="twilio_rest", faults=(Refuse(429),)))
    account = client_of(world).api.accounts(CREDENTIALS.account_sid)
    assert await failure(account.fetch) == (429, 20429)
    assert (await inside(account.fetch)).status == "active"


async def test_a_call_is_placed_though_its_answer_is_lost(world: World) -> None:
    """Whoever tries again without looking dials twice."""
    fault = Reset(when="handshake")
    world.faults.add(Rule(surface="twilio_rest", faults=(fault,)))
    client = client_of(world)
    with pytest.raises(Exception, match=r"(?i)connection|reset|protocol"):
        await inside(
            lambda: client.calls.create(
                to=SOMEBODY, from_=OWN_NUMBER, twiml="<Response/>"
            )
        )
    assert len(world.switch.exchange.calls) == 1


async def test_a_fault_meets_the_calls_to_one_number_or_one_call(world: World) -> None:
    """Whoever calls somebody else, or changes another call, is served."""
    client, other = client_of(world), "+14155550188"

    def order(to: str) -> Callable[[], Any]:
        return lambda: client.calls.create(to=to, from_=OWN_NUMBER, twiml="<Response/>")

    rule = Rule(surface="twilio_rest", group=SOMEBODY, faults=(Refuse(503),))
    world.faults.add(rule)
    call = await inside(order(other))
    assert await failure(order(SOMEBODY)) == (503, 20503)
    assert (await inside(order(SOMEBODY))).to == SOMEBODY
    world.faults.add(Rule(surface="twilio_rest", group=call.sid, faults=(Refuse(404),)))
    assert await failure(client.calls(call.sid).fetch) == (404, 20404)
    assert (await inside(client.calls(call.sid).fetch)).to == other
    said = [attempt.said for attempt in world.ledger.group(call.sid)]
    assert said == [f"GET /Calls/{call.sid}.json"] * 2


async def test_answers_may_be_slow(world: World) -> None:
    """By as much as the rule says."""
    world.faults.add(Rule(surface="twilio_rest", faults=(Delay(0.3),)))
    begun = time.monotonic()
    await inside(client_of(world).calls.list)
    assert time.monotonic() - begun >= 0.3
