"""The unmodified deepgram-sdk, misbehaving on purpose, and what is found."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment

from fakes.client_verdict import judge_clients
from fakes.fault_rules import Rule
from fakes.world import DeepgramSettings, World
from voiceutils.mulaw import SILENCE_FRAME

pytestmark = [
    pytest.mark.judged("Deepgram: faults", by="deepgram-sdk 7"),
    # The SDK imports names that websockets has deprecated; not ours to change.
    pytest.mark.filterwarnings(
        r"ignore:websockets\..* is deprecated:DeprecationWarning"
    ),
]
LISTEN: dict[str, Any] = {
    "model": "nova-3",
    "encoding": "mulaw",
    "sample_rate": 8000,
    "tag": "CA1",
}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Fakes that close after half a second of silence instead of ten."""
    settings = DeepgramSettings(input_timeout=0.5, listen_connections=1)
    async with World(deepgram=settings) as running:
        yield running


@pytest.fixture
def client(world: World) -> AsyncDeepgramClient:
    """The SDK, pointed at the fakes."""
    at = world.addresses
    environment = DeepgramClientEnvironment(
        base=at.deepgram,
        production=at.deepgram_websocket,
        agent=at.deepgram_websocket,
        agent_rest=at.deepgram,
    )
    return AsyncDeepgramClient(api_key="any", environment=environment)


async def ended(world: World) -> None:
    """Wait until every attempt is over."""
    async with asyncio.timeout(3.0):
        while any(a.closed is None for a in world.ledger.attempts):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_well_behaved(world: World, client: AsyncDeepgramClient) -> None:
    """Frames of 100 ms, CloseStream, and the epilogue awaited."""
    async with client.listen.v1.connect(**LISTEN) as socket:
        for _ in range(5):
            await socket.send_media(SILENCE_FRAME * 5)
            await asyncio.sleep(0.05)
        await socket.send_close_stream()
        async for _ in socket:
            pass
    await ended(world)

    assert judge_clients(world.ledger) == []


async def test_everything_wrong_on_one_connection(
    world: World, client: AsyncDeepgramClient
) -> None:
    """Frames of 400 ms much too fast, KeepAlive as audio, no CloseStream."""
    async with client.listen.v1.connect(**LISTEN) as socket:
        for _ in range(30):
            await socket.send_media(SILENCE_FRAME * 20)
        await socket.send_media(b'{"type":"KeepAlive"}')
    await ended(world)
    found = {finding.code: finding for finding in judge_clients(world.ledger)}

    assert set(found) == {
        "control_in_binary", "faster_than_real_time", "frames_too_long", "no_farewell",
    }  # fmt: skip
    assert "400 ms" in found["frames_too_long"].evidence[0].what


async def test_storm_of_one(world: World, client: AsyncDeepgramClient) -> None:
    """A 401 tried again and again, as fast as it goes."""
    rule = Rule(surface="listen", script="refuse-401")
    world.faults.add(rule)
    for _ in range(4):
        with pytest.raises(ApiError):
            async with client.listen.v1.connect(**LISTEN):
                pass

    (finding,) = judge_clients(world.ledger)
    assert (finding.code, finding.count) == ("permanent_error_retried", 3)


async def test_over_the_limit(world: World, client: AsyncDeepgramClient) -> None:
    """The second of one allowed stream is refused with 429; the first goes on."""
    async with client.listen.v1.connect(**LISTEN) as first:
        with pytest.raises(ApiError) as refused:
            async with client.listen.v1.connect(**LISTEN):
                pass
        await first.send_close_stream()
        async for _ in first:
            pass

    assert refused.value.status_code == 429
    outcomes = [attempt.outcome for attempt in world.ledger.attempts]
    assert outcomes == ["accepted", "refused 429"]


async def test_silence_is_noticed_by_its_limit(
    world: World, client: AsyncDeepgramClient
) -> None:
    """A client that falls silent is closed, and judged by the same limit."""
    from fakes.client_verdict import Limits

    async with client.listen.v1.connect(**LISTEN) as socket:
        await socket.send_media(SILENCE_FRAME)
        with contextlib.suppress(Exception):
            async for _ in socket:
                pass
    await ended(world)
    codes = [f.code for f in judge_clients(world.ledger, limits=Limits(silence=0.5))]

    assert codes == ["keepalive_missing"]
