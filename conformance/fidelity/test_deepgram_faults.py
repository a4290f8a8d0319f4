"""Faults of the fake Deepgram as a plain client meets them, and its timing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import httpx
import pytest
import websockets

from fakes.fault_rules import Rule
from fakes.faults import Close, Delay, NoFinal, Nothing, Refuse, Reset, Stall, Trickle
from fakes.speech import Speaker, speak
from fakes.world import DeepgramSettings, World
from voiceutils.mulaw import SILENCE_FRAME

pytestmark = pytest.mark.judged("Deepgram: faults", by="aiohttp, websockets, httpx")

SAID = speak("Goodbye.", speaker=Speaker.CALLER, call=4729, turn=1).audio
QUERY = "model=nova-3&encoding=mulaw&sample_rate=8000&tag=CA1"
SPEECH = "/v1/speak?model=aura-2-thalia-en&encoding=mulaw&container=none&tag=CA1"
BODY = {"text": "Hello, you have reached the busy hour line."}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Fakes in this loop."""
    settings = DeepgramSettings(listen_pace=0, recogniser_delay=0.02, speech_delay=0.02)
    async with World(deepgram=settings) as running:
        yield running


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A plain HTTP client."""
    async with httpx.AsyncClient(base_url=world.addresses.deepgram) as client:
        yield client


def listen(world: World, query: str = QUERY) -> websockets.connect:
    """Open a listen connection."""
    return websockets.connect(f"{world.addresses.deepgram_websocket}/v1/listen?{query}")


async def test_delay_holds_the_handshake(world: World) -> None:
    """The upgrade comes when the delay is over; both moments are recorded."""
    world.faults.add(Rule(surface="listen", group="CA1", faults=(Delay(0.2),)))
    begun = time.monotonic()
    async with listen(world):
        assert time.monotonic() - begun >= 0.2

    (attempt,) = world.ledger.group("CA1")
    assert attempt.opened is not None
    assert attempt.opened - attempt.at >= 0.2
    (fired,) = world.ledger.faults("CA1")
    assert fired.meant_at == pytest.approx(attempt.at + 0.2)


async def test_client_that_leaves_in_the_delay_is_recorded(world: World) -> None:
    """Giving up before the answer counts as aborted."""
    world.faults.add(Rule(surface="listen", faults=(Delay(5.0),)))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(listen(world).__aenter__(), 0.1)
    await _until(world, closed=1)

    (attempt,) = world.ledger.attempts
    assert (attempt.outcome, attempt.aborted) == ("pending", True)


async def test_refusals_in_order_then_success(world: World) -> None:
    """The first two attempts of a group are refused, the third is let in."""
    world.faults.add(
        Rule(surface="listen", faults=(Refuse(503), Refuse(429), Nothing()))
    )
    bodies = []
    for _ in range(2):
        with pytest.raises(websockets.InvalidStatus) as caught:
            await listen(world).__aenter__()
        bodies.append(json.loads(bytes(caught.value.response.body or b"")))
    async with listen(world):
        pass

    assert bodies[0]["error_code"] == "Service Unavailable"
    assert bodies[1]["err_code"] == "TOO_MANY_REQUESTS"
    outcomes = [attempt.outcome for attempt in world.ledger.group("CA1")]
    assert outcomes == ["refused 503", "refused 429", "accepted"]


async def test_stall_accepts_and_says_nothing(world: World) -> None:
    """A stalled connection stays open, answers pings and no audio."""
    world.faults.add(Rule(surface="listen", faults=(Stall(),)))
    async with listen(world) as socket:
        await socket.send(SAID + SILENCE_FRAME * 50)
        await (await socket.ping())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.15)

    assert world.ledger.call(4729) is not None


async def test_close_without_code_looks_like_success(world: World) -> None:
    """A close frame without payload arrives as 1005."""
    world.faults.add(Rule(surface="listen", faults=(Close(1005),)))
    async with listen(world) as socket:
        with pytest.raises(websockets.ConnectionClosed):
            await socket.recv()

    assert socket.close_code == 1005


async def test_no_final_leaves_the_epilogue(world: World) -> None:
    """Without finals CloseStream still gives Metadata and close 1000."""
    world.faults.add(Rule(surface="listen", faults=(NoFinal(),)))
    async with listen(world) as socket:
        await socket.send(SAID + SILENCE_FRAME * 50)
        await socket.send('{"type":"CloseStream"}')
        kinds = [json.loads(message)["type"] async for message in socket]

    assert kinds == ["Metadata"]
    assert socket.close_code == 1000


async def test_plain_text_speech(http: httpx.AsyncClient) -> None:
    """Text may come as text/plain; the headers say what was made."""
    headers = {"content-type": "text/plain"}
    answer = await http.post(SPEECH, content=b"Hello, world.", headers=headers)

    assert answer.headers["content-type"] == "audio/mulaw;rate=8000"
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.headers["dg-char-count"] == "13"
    assert answer.headers["dg-model-uuid"] == "0bb159e1-5c0a-48fb-aa29-ed7c0401f116"
    assert "content-length" not in answer.headers


async def test_speech_comes_faster_than_it_plays(
    world: World, http: httpx.AsyncClient
) -> None:
    """First byte after the delay, then about ten times faster than real time."""
    begun = time.monotonic()
    answer = await http.post(SPEECH, json=BODY)
    took = time.monotonic() - begun

    (made,) = world.ledger.utterances("CA1")
    assert made.first_audio_at is not None
    assert made.first_audio_at - made.requested_at >= 0.02
    assert len(answer.content) == made.frames * 160
    assert took < len(answer.content) / 8000 / 3


async def test_trickle_is_real_time(world: World, http: httpx.AsyncClient) -> None:
    """With a second for a second the audio takes as long as it plays."""
    world.faults.add(Rule(surface="speak_rest", faults=(Trickle(0.3),)))
    begun = time.monotonic()
    answer = await http.post(SPEECH, json={"text": "Goodbye."})
    seconds = len(answer.content) / 8000

    assert time.monotonic() - begun >= (seconds - 0.2) * 0.3


@pytest.mark.parametrize("fault", [Close(after=0.05), Reset(0.05)])
async def test_body_that_breaks_off(
    world: World, http: httpx.AsyncClient, fault: Close | Reset
) -> None:
    """A response cut in its body is an error to the client, never a short success."""
    world.faults.add(Rule(surface="speak_rest", faults=(fault,)))
    with pytest.raises(httpx.TransportError):
        await http.post(SPEECH, json=BODY)
    await _until(world, closed=1)

    (made,) = world.ledger.utterances()
    (attempt,) = world.ledger.attempts
    assert made.aborted
    assert attempt.closed_by == "fake"


async def test_group_may_be_a_path_prefix(world: World) -> None:
    """Clients that cannot pass a tag may use a prefix of the path."""
    url = f"{world.addresses.deepgram_websocket}/scenario-7/v1/listen"
    async with websockets.connect(url):
        pass

    assert [a.surface for a in world.ledger.group("scenario-7")] == ["listen"]


async def _until(world: World, closed: int) -> None:
    limit = time.monotonic() + 2.0
    while sum(a.closed is not None for a in world.ledger.attempts) < closed:
        assert time.monotonic() < limit, world.ledger.attempts
        await asyncio.sleep(0.01)
