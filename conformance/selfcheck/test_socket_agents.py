"""What the phone must say of agents that only real sockets can be."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable

from websockets.asyncio.server import ServerConnection, serve

from conformance.selfcheck._virtual import voiced_speech
from fakes.call_record import CallRecord
from fakes.twilio.caller.script import AwaitGreeting, HangUp
from fakes.twilio.phone import place_call
from voiceutils.wire import encode
from voiceutils.wire import twilio as wire

GREETING = voiced_speech("Hello, how can I help you?", 1)[: 160 * 20]
SCRIPT = (AwaitGreeting(within=1.5), HangUp())

Handler = Callable[[ServerConnection], Awaitable[None]]


async def _start_of(socket: ServerConnection) -> str:
    """Return the stream's sid once the phone has told it."""
    async for text in socket:
        message = wire.decode_from_twilio(text)
        if isinstance(message, wire.Start):
            return message.stream_sid
    return ""


async def _greet(socket: ServerConnection) -> None:
    sid = await _start_of(socket)
    await socket.send(encode(wire.AgentMedia(sid, wire.AgentPayload(GREETING))))


async def _read_on(socket: ServerConnection) -> None:
    """Read until the phone closes; who does not read does not see the close."""
    async for _ in socket:
        pass


async def _call_many(handler: Handler, calls: int) -> list[CallRecord]:
    async with serve(
        handler, "127.0.0.1", 0, compression=None, close_timeout=0.5
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        address = f"ws://127.0.0.1:{port}/media"
        return list(
            await asyncio.gather(
                *(
                    place_call(address, SCRIPT, call=2000 + number, deadline=8.0)
                    for number in range(calls)
                )
            )
        )


async def test_dropped_calls_are_counted() -> None:
    """Of twenty calls the agent drops two without a word: exactly two have failed.

    Another tester reconnected in silence and booked the drop as a success.
    """
    order = itertools.count(1)

    async def drop_every_tenth(socket: ServerConnection) -> None:
        number = next(order)
        if number % 10 == 0:
            socket.transport.abort()
            return
        await _greet(socket)
        await _read_on(socket)

    records = await _call_many(drop_every_tenth, 20)

    assert Counter(record.outcome for record in records) == {
        "completed": 18,
        "failed": 2,
    }
    for record in records:
        assert bool(record.cause) == (record.outcome == "failed")


async def test_silent_agent_ends_with_a_cause() -> None:
    """A wait for a sound that never comes has a deadline and says what it was."""

    async def silent(socket: ServerConnection) -> None:
        await _read_on(socket)

    record = (await _call_many(silent, 1))[0]

    assert record.outcome == "failed"
    assert "no greeting" in record.cause


async def test_agent_that_stops_reading_does_not_hang_the_phone() -> None:
    """An agent that greets and never reads again cannot hold the call open."""

    async def deaf(socket: ServerConnection) -> None:
        await _greet(socket)
        socket.transport.pause_reading()
        await asyncio.sleep(3.0)

    record = (await _call_many(deaf, 1))[0]

    assert record.outcome == "completed"
