"""The unmodified deepgram-sdk, sync and async, against the fake Deepgram."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import websockets
from deepgram import AsyncDeepgramClient, DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment

from fakes.faults import Close, EmptyAudio, Refuse, Reset, Rule
from fakes.speech import CodedFrame, FrameReader, Speaker, WordsHeard, speak
from fakes.world import Addresses, DeepgramSettings, World, WorldProcess
from voiceutils.mulaw import SILENCE_FRAME

# The SDK imports names that websockets has deprecated; not ours to change.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:websockets\..* is deprecated:DeprecationWarning"
)

SAID = "Hello, this is caller four seven two nine."
TEXT = "Hello, world."
LISTEN: dict[str, Any] = {
    "model": "nova-3",
    "encoding": "mulaw",
    "sample_rate": 8000,
    "interim_results": True,
    "endpointing": 200,
    "smart_format": True,
    "vad_events": True,
}
SPEAK: dict[str, Any] = {
    "model": "aura-2-thalia-en",
    "encoding": "mulaw",
    "sample_rate": 8000,
}


def audio_of_a_call() -> bytes:
    """Return what a caller says, with half a second of silence after it."""
    spoken = speak(SAID, speaker=Speaker.CALLER, call=4729, turn=1)
    return spoken.audio + SILENCE_FRAME * 25


def words_in(audio: bytes) -> str:
    """Return the words that speech from the fake carries."""
    found = FrameReader().feed(audio)
    return WordsHeard([x.code for x in found if isinstance(x, CodedFrame)]).text()


def environment(addresses: Addresses) -> DeepgramClientEnvironment:
    """Return the SDK's own way to another address."""
    return DeepgramClientEnvironment(
        base=addresses.deepgram,
        production=addresses.deepgram_websocket,
        agent=addresses.deepgram_websocket,
        agent_rest=addresses.deepgram,
    )


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


def transcript_of(messages: list[Any]) -> str:
    """Return the words of the finals."""
    finals = [m for m in messages if m.type == "Results" and m.is_final]
    said = [final.channel.alternatives[0].transcript for final in finals]
    return " ".join(text for text in said if text)


async def test_async_live_transcription(
    world: World, client: AsyncDeepgramClient
) -> None:
    """Every message is of the SDK's own type, and the words are those spoken."""
    async with client.listen.v1.connect(**LISTEN, tag="CA1") as socket:
        audio = audio_of_a_call()
        for at in range(0, len(audio), 800):
            await socket.send_media(audio[at : at + 800])
        await socket.send_close_stream()
        messages = [message async for message in socket]

    assert transcript_of(messages) == SAID
    kinds = [type(message).__name__ for message in messages]
    assert set(kinds) == {
        "ListenV1Results",
        "ListenV1SpeechStarted",
        "ListenV1Metadata",
    }
    assert kinds[-1] == "ListenV1Metadata"
    (attempt,) = world.ledger.group("CA1")
    assert (attempt.outcome, attempt.close_code) == ("accepted", 1000)
    heard = world.ledger.call(4729)
    assert heard is not None
    assert heard.turns[0].missing == []
    assert heard.turns[0].transcript == SAID


def test_sync_live_transcription(sync_client: DeepgramClient) -> None:
    """The sync SDK hears the same."""
    messages: list[Any] = []
    with sync_client.listen.v1.connect(**LISTEN) as socket:
        reader = threading.Thread(target=lambda: messages.extend(socket), daemon=True)
        reader.start()
        audio = audio_of_a_call()
        for at in range(0, len(audio), 800):
            socket.send_media(audio[at : at + 800])
        socket.send_keep_alive()
        socket.send_close_stream()
        reader.join(10)

    assert not reader.is_alive()
    assert transcript_of(messages) == SAID


def test_sync_refused_handshake_shows_the_body(world_process: WorldProcess) -> None:
    """A wrong key is refused with the documented body, header and status."""
    where = environment(world_process.addresses)
    stranger = DeepgramClient(api_key="bad", environment=where)
    with (
        pytest.raises((websockets.exceptions.InvalidStatus, ApiError)) as caught,
        stranger.listen.v1.connect(**LISTEN),
    ):
        pass

    if isinstance(caught.value, websockets.exceptions.InvalidStatus):
        response = caught.value.response
        assert response.status_code == 401
        assert response.headers["dg-error"] == "Invalid credentials."
        assert b'{"err_code":"INVALID_AUTH"' in bytes(response.body or b"")


async def test_async_refused_handshake(
    world: World, client: AsyncDeepgramClient
) -> None:
    """A fault at the door is an ApiError with its status, and is in the ledger."""
    world.faults.add(Rule(surface="listen", faults=(Refuse(503, retry_after=2.0),)))
    with pytest.raises(ApiError) as caught:
        async with client.listen.v1.connect(**LISTEN):
            pass

    assert caught.value.status_code == 503
    (attempt,) = world.ledger.attempts
    assert (attempt.outcome, attempt.retry_after) == ("refused 503", 2.0)
    (fired,) = world.ledger.faults()
    assert (fired.fault, fired.attempt) == ("Refuse", attempt.id)
    assert fired.happened_at is not None


@pytest.mark.parametrize(
    ("fault", "code"), [(Close(1011, 0.05, "gone"), 1011), (Reset(0.05), 1006)]
)
async def test_connection_lost_in_mid_stream(
    world: World, client: AsyncDeepgramClient, fault: Close | Reset, code: int
) -> None:
    """Close and Reset reach the client, and the ledger knows when they were meant."""
    world.faults.add(Rule(surface="listen", faults=(fault,)))
    async with client.listen.v1.connect(**LISTEN) as socket:
        await socket.send_media(SILENCE_FRAME)
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            await socket.recv()

    (fired,) = world.ledger.faults()
    (attempt,) = world.ledger.attempts
    assert attempt.close_code == code
    assert attempt.closed_by == "fake"
    assert fired.happened_at is not None
    assert fired.happened_at - fired.meant_at == pytest.approx(0.0, abs=0.1)


async def test_async_speech_by_request(
    world: World, client: AsyncDeepgramClient
) -> None:
    """The words asked for come back, raw mu-law, with an utterance number."""
    pieces = client.speak.v1.audio.generate(text=TEXT, **SPEAK, container="none")
    audio = b"".join([piece async for piece in pieces])

    assert words_in(audio) == TEXT
    (made,) = world.ledger.utterances()
    assert (made.text, made.audio_bytes, made.aborted) == (TEXT, len(audio), False)


def test_sync_speech_by_request_is_wav_by_default(sync_client: DeepgramClient) -> None:
    """Without container=none the audio begins with a file header."""
    audio = b"".join(sync_client.speak.v1.audio.generate(text=TEXT, **SPEAK))

    assert audio[:4] == b"RIFF"
    assert words_in(audio[44:]) == TEXT


async def test_speech_request_that_the_client_leaves(
    world: World, client: AsyncDeepgramClient
) -> None:
    """A request left in mid-stream is recorded as aborted, soon."""
    pieces = client.speak.v1.audio.generate(
        text=" ".join([TEXT] * 12), **SPEAK, container="none"
    )
    async for _ in pieces:
        break
    await pieces.aclose()
    attempt = world.ledger.attempts[0]
    await _until(lambda: attempt.closed is not None)

    assert (attempt.aborted, attempt.closed_by) == (True, "client")
    assert world.ledger.utterances()[0].aborted


async def test_speech_without_audio(world: World, client: AsyncDeepgramClient) -> None:
    """The fault EmptyAudio is a success without a byte."""
    world.faults.add(Rule(surface="speak_rest", faults=(EmptyAudio(),)))
    pieces = client.speak.v1.audio.generate(text=TEXT, **SPEAK, container="none")

    assert [piece async for piece in pieces if piece] == []


async def test_long_text_is_refused(client: AsyncDeepgramClient) -> None:
    """More than 2000 characters: 413 with the documented body."""
    with pytest.raises(ApiError) as caught:
        async for _ in client.speak.v1.audio.generate(text="x" * 2001, **SPEAK):
            pass

    assert caught.value.status_code == 413
    assert caught.value.body["err_code"] == "Payload Too Large"


async def test_async_streaming_speech(
    world: World, client: AsyncDeepgramClient
) -> None:
    """Metadata, audio, Flushed: the SDK sees them in this order."""
    from deepgram.speak.v1.types import SpeakV1Text

    received: list[Any] = []
    async with client.speak.v1.connect(**SPEAK) as socket:
        await socket.send_text(SpeakV1Text(text=TEXT, type="Speak"))
        await socket.send_flush()
        async for message in socket:
            received.append(message)
            if getattr(message, "type", "") == "Flushed":
                break
        await socket.send_close()

    audio = b"".join(part for part in received if isinstance(part, bytes))
    assert received[0].type == "Metadata"
    assert received[-1].sequence_id == 0
    assert words_in(audio) == TEXT
    assert world.ledger.utterances()[0].audio_bytes == len(audio)


def test_sync_streaming_speech(sync_client: DeepgramClient) -> None:
    """The sync SDK hears the same."""
    from deepgram.speak.v1.types import SpeakV1Text

    audio = b""
    with sync_client.speak.v1.connect(**SPEAK) as socket:
        socket.send_text(SpeakV1Text(text=TEXT, type="Speak"))
        socket.send_flush()
        for message in socket:
            if isinstance(message, bytes):
                audio += message
            elif message.type == "Flushed":
                break
        socket.send_close()

    assert words_in(audio) == TEXT


async def test_browser_keys_and_no_compression(world: World) -> None:
    """The sub-protocol ``token`` is echoed; compression is never negotiated."""
    url = f"{world.addresses.deepgram_websocket}/v1/listen"
    protocols = [websockets.Subprotocol("token"), websockets.Subprotocol("k")]
    async with websockets.connect(url, subprotocols=protocols) as socket:
        assert socket.subprotocol == "token"
        assert socket.response is not None
        assert "sec-websocket-extensions" not in socket.response.headers
        assert len(socket.response.headers["dg-request-id"]) == 36
        await (await socket.ping())


async def _until(holds: Any, seconds: float = 3.0) -> None:
    import asyncio

    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit
        await asyncio.sleep(0.01)
