"""A call that is over frees its memory at once: no collector has to look for it.

Looking through a thousand calls takes a tenth of a second, for which all of them wait.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import get_args

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from conformance.core._tiny_agent import tiny_agent, webhook
from fakes.engine.garbage import Garbage
from fakes.twilio.caller.script import HangUpHow
from fakes.twilio.phone import (
    AwaitGreeting,
    CallOrder,
    HangUp,
    Pause,
    PhoneCall,
    Press,
    Say,
)

_TALK = (Say("Yes.", reply=False), Press("7"), Say("No.", reply=False))


@contextmanager
def _what_only_a_collector_finds() -> Iterator[list[str]]:
    """Collect what becomes garbage meanwhile; the kinds of it that are ours."""
    found: list[str] = []
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        kinds = [type(one) for one in gc.garbage]
        found += [k.__qualname__ for k in kinds if k.__module__.startswith("fakes.")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


async def _place(order: CallOrder) -> str:
    call = PhoneCall(order)
    record = await asyncio.wait_for(call.run(), 10.0)
    return record.cause


async def _settle() -> None:
    """Let sockets be closed on either side."""
    for _ in range(20):
        await asyncio.sleep(0.01)


# A call that is left half open is let go by its deadline, or by whoever placed it.
@pytest.mark.parametrize("how", sorted({*get_args(HangUpHow)} - {"half_open"}))
async def test_however_the_caller_hangs_up(how: HangUpHow) -> None:
    """Talked to, and echoed, until then."""
    async with tiny_agent() as agent:
        order = CallOrder(agent=agent.url, conversation=(*_TALK, HangUp(how)), call=7)
        assert await _place(order) == ""
        with _what_only_a_collector_finds() as found:
            assert await _place(order) == ""
            await _settle()
    assert found == []


async def _close(media: ServerConnection, sid: str) -> None:
    await media.close(1000)


async def _vanish(media: ServerConnection, sid: str) -> None:
    media.transport.abort()


async def _babble(media: ServerConnection, sid: str) -> None:
    with suppress(ConnectionClosed):
        for _ in range(100):
            await media.send("{}")
            await media.send(b"\x00")


async def _silence(media: ServerConnection, sid: str) -> None:
    pass


@pytest.mark.parametrize(
    ("behave", "cause"),
    [
        (_close, "agent closed the media socket (1000)"),
        (_vanish, "agent dropped the media socket"),
        (_babble, "no greeting within 0.3 s"),
        (_silence, "no greeting within 0.3 s"),
        (None, "handshake answered 403"),
    ],
)
async def test_whatever_the_agent_does(behave: object, cause: str) -> None:
    """It leaves, talks nonsense, says nothing or does not take the call."""
    async with tiny_agent() as agent:
        if behave is None:
            agent.refuse = HTTPStatus.FORBIDDEN
        agent.on_start = behave  # type: ignore[assignment]
        order = CallOrder(
            agent=agent.url, conversation=(AwaitGreeting(),), call=7, patience=0.3
        )
        assert cause in await _place(order)
        with _what_only_a_collector_finds() as found:
            assert cause in await _place(order)
            await _settle()
    assert found == []


async def test_half_open_and_let_go() -> None:
    """By whoever placed the call, while its socket is open on both sides."""
    async with tiny_agent() as agent:
        order = CallOrder(agent=agent.url, conversation=(HangUp("half_open"),), call=7)
        for _ in range(2):
            with _what_only_a_collector_finds() as found:
                call = PhoneCall(order)
                running = asyncio.ensure_future(call.run())
                await _settle()
                assert not running.done()
                call.hang_up()
                await asyncio.wait_for(running, 10.0)
                del call, running
                await _settle()
    assert found == []


async def test_a_call_that_a_document_ends() -> None:
    """Without any socket of audio; by way of HTTP."""
    body = b'<?xml version="1.0"?><Response><Pause length="1"/><Hangup/></Response>'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nConnection: close\r\n"
    answer = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    async with webhook(answer) as (url, _):
        order = CallOrder(agent=url, conversation=(Pause(0.1),), call=7)
        await _place(order)
        with _what_only_a_collector_finds() as found:
            await _place(order)
            await _settle()
    assert found == []


def test_it_is_looked_for_when_nobody_talks() -> None:
    """After a hundred calls; a busy engine looks after ten thousand."""
    looks: list[int] = []
    garbage = Garbage(lambda: looks.append(number))
    for number in range(25_000):
        garbage.call_ended(idle=number in (50, 150, 200))
    assert looks == [150, 10_150, 20_150]
