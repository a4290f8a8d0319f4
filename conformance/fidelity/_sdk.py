"""The newest deepgram-sdk, unmodified, pointed at the fakes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import httpx
from deepgram import AsyncDeepgramClient, DeepgramClient
from deepgram.environment import DeepgramClientEnvironment
from websockets.exceptions import ConnectionClosedError

from fakes.world import Addresses, DeepgramSettings, World, WorldProcess

__all__ = ["QUICK", "async_sdk", "environment", "raw_messages", "sync_sdk"]

QUICK = DeepgramSettings(listen_pace=0, flux_delay=0.02, speech_delay=0.02)


def environment(addresses: Addresses) -> DeepgramClientEnvironment:
    """Return the SDK's own way to another address."""
    return DeepgramClientEnvironment(
        base=addresses.deepgram,
        production=addresses.deepgram_websocket,
        agent=addresses.deepgram_websocket,
        agent_rest=addresses.deepgram,
    )


@asynccontextmanager
async def async_sdk(
    settings: DeepgramSettings = QUICK,
) -> AsyncIterator[tuple[World, AsyncDeepgramClient]]:
    """Run fakes in this loop, with an async client of theirs."""
    async with World(deepgram=settings) as world, httpx.AsyncClient() as http:
        where = environment(world.addresses)
        yield (
            world,
            AsyncDeepgramClient(api_key="k", environment=where, httpx_client=http),
        )


@contextmanager
def sync_sdk(*options: str) -> Iterator[DeepgramClient]:
    """Run fakes in another process, as a sync client needs them."""
    with WorldProcess(options=["--listen-pace=0", *options]) as world:
        where = environment(world.addresses)
        with httpx.Client() as http:
            yield DeepgramClient(api_key="k", environment=where, httpx_client=http)


async def raw_messages(socket: Any) -> list[dict[str, Any]]:
    """Return every text message up to the close, before the SDK interprets it."""
    messages: list[dict[str, Any]] = []
    with suppress(ConnectionClosedError):  # what came before it counts
        async for message in socket._websocket:
            messages += [json.loads(message)] if isinstance(message, str) else []
    return messages
