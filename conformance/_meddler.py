"""A party on the media wire: loses what it is told to lose, and says what it likes.

Stands between phone and agent as one more WebSocket hop. The phone stays honest; the
agent meets a line on which marks get lost or nonsense arrives.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from conformance._wiretap import Wiretap

__all__ = ["Meddler", "Passed", "meddled", "unchanged"]

_FAREWELL = 1.0  # seconds; an agent that reads nothing never answers a close

# From one message towards the agent to those that are sent on.
Meddler = Callable[[str], Sequence[str | bytes]]


def unchanged(text: str) -> Sequence[str | bytes]:
    """Pass a message on as it is."""
    return (text,)


class Passed(NamedTuple):
    """A message of the agent, with the moment it passed."""

    at: float
    text: str | bytes


@asynccontextmanager
async def meddled(
    media: str, meddler: Meddler, linger: float = 0.0
) -> AsyncIterator[Wiretap]:
    """Put a meddler before an agent's media socket (``ws://``).

    Args:
        media: the socket.
        meddler: sees what the phone sends.
        linger: seconds between the end of the phone's socket and that of the agent's.
    """
    passed: list[Passed] = []

    async def hop(phone: ServerConnection) -> None:
        headers = {
            name: value
            for name, value in (phone.request.headers if phone.request else {}).items()
            if name.lower().startswith("x-twilio")
        }
        async with connect(
            media,
            additional_headers=headers,
            compression=None,
            max_size=None,
            close_timeout=_FAREWELL,
        ) as agent:
            ways = [
                asyncio.ensure_future(_to_agent(phone, agent, meddler)),
                asyncio.ensure_future(_to_phone(agent, phone, passed)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if ways[0].done():
                await asyncio.wait(ways[1:], timeout=linger)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async with serve(
        hop,
        "127.0.0.1",
        0,
        compression=None,
        max_size=None,
        close_timeout=_FAREWELL,
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        tap = Wiretap(f"ws://127.0.0.1:{port}/media")
        tap.passed = passed
        yield tap


async def _to_agent(
    phone: ServerConnection, agent: ClientConnection, meddler: Meddler
) -> None:
    with suppress(ConnectionClosed):
        async for message in phone:
            for kept in meddler(str(message)):
                await agent.send(kept)


async def _to_phone(
    agent: ClientConnection, phone: ServerConnection, passed: list[Passed]
) -> None:
    with suppress(ConnectionClosed):
        async for message in agent:
            passed.append(Passed(time.monotonic(), message))
            await phone.send(message)
