"""Deepgram's newest SDK and the fakes, together; a module may have fakes of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from deepgram import AsyncDeepgramClient, DeepgramClient

from conformance.fidelity._sdk import environment
from fakes.world import DeepgramSettings, World, WorldProcess


@pytest.fixture(scope="module")
def world_process() -> Iterator[WorldProcess]:
    """Fakes in another process, as a sync client needs them."""
    with WorldProcess(options=["--listen-pace=0", "--accept-key=good"]) as running:
        yield running


@pytest.fixture
def sync_client(world_process: WorldProcess) -> Iterator[DeepgramClient]:
    """The sync SDK, with an HTTP client that is closed at the end."""
    where = environment(world_process.addresses)
    with httpx.Client() as http:
        yield DeepgramClient(api_key="good", environment=where, httpx_client=http)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Fakes in this loop."""
    settings = DeepgramSettings(listen_pace=0, recogniser_delay=0.02)
    async with World(deepgram=settings) as running:
        yield running


@pytest.fixture
async def client(world: World) -> AsyncIterator[AsyncDeepgramClient]:
    """The async SDK, with an HTTP client that is closed at the end."""
    where = environment(world.addresses)
    async with httpx.AsyncClient() as http:
        yield AsyncDeepgramClient(api_key="k", environment=where, httpx_client=http)
