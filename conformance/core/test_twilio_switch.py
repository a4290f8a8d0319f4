"""What joins the exchange with legs: registered calls, callbacks, the end."""

from __future__ import annotations

import asyncio

import msgspec

from conformance.core._webhook_server import answer, serving
from fakes.addresses import Addresses
from fakes.twilio.caller.script import HangUp, Pause
from fakes.twilio.exchange.call_state import CallbackPlan, CallPlan
from fakes.twilio.exchange.lifecycle import EVENTS
from fakes.twilio.exchange.numbers import OWN_NUMBER, Person
from fakes.twilio.exchange.settings import TwilioSettings
from fakes.twilio.exchange.switch import Switch
from fakes.twilio.flow.orders import Voice

PAUSE = Voice(twiml='<Response><Pause length="20"/></Response>')
SILENT = (Pause(20.0), HangUp())


async def test_a_callback_that_fails_is_noted_and_the_call_goes_on() -> None:
    """15003, a warning, with the address."""
    twiml = answer(200, b'<Response><Pause length="20"/></Response>')
    async with serving(twiml, answer(500, b"")) as server:
        switch = Switch(TwilioSettings(ring_delay=0.0))
        number = switch.exchange.numbers.own[OWN_NUMBER]
        number.voice_url = number.status_callback = server.url
        person = Person(number="+14155550100", conversation=SILENT)
        call = switch.call_in(person, OWN_NUMBER)
        for _ in range(200):
            if call.status == "in-progress":
                break
            await asyncio.sleep(0.01)
        assert call.status == "in-progress"
        switch.exchange.hang_up(call, switch.now())
        switch.pump()
        await switch.stop()
    (line,) = call.notifications
    assert (line.code, line.level, line.url) == ("15003", "warning", server.url)


async def test_callbacks_of_a_call_arrive_in_their_order() -> None:
    """Even when all events happen at one moment and the server is slow."""

    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.write(answer())

    async with serving(slow) as server:
        switch = Switch(TwilioSettings(ring_delay=0.0))
        person = Person(number="+14155550123", after=0.0, behaviour="busy")
        switch.exchange.numbers.settle(person)
        told = CallbackPlan(server.url, "POST", frozenset(EVENTS))
        plan = CallPlan(OWN_NUMBER, person.number, PAUSE, told)
        switch.exchange.create(plan, switch.now())
        switch.pump()
        for _ in range(200):
            if len(server.asked) == 3:
                break
            await asyncio.sleep(0.01)
        await switch.stop()
    statuses = [one.form["CallStatus"] for one in server.asked]
    assert statuses == ["initiated", "ringing", "busy"]


def test_addresses_of_before_are_still_read() -> None:
    """Whoever keeps them as JSON has none of the REST interface."""
    old = b'{"deepgram":"a","deepgram_websocket":"b","model":"c","control":"d"}'
    addresses = msgspec.json.decode(old, type=Addresses)
    assert addresses.twilio == ""
    assert "TWILIO_API_URL" not in addresses.environment()
    assert addresses.environment()["TWILIO_AUTH_TOKEN"]
