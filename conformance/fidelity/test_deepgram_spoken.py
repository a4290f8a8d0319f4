"""Speech of the fake Deepgram in the ledger, judged by the unmodified SDK."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from deepgram import AsyncDeepgramClient, DeepgramClient
from deepgram.core.api_error import ApiError

from fakes.fault_rules import Rule
from fakes.faults import EmptyAudio
from fakes.speech import CodedFrame, FrameReader, WordsHeard
from fakes.world import World

pytestmark = [
    pytest.mark.judged("Deepgram: streaming speech, /v1/speak", by="deepgram-sdk 7"),
    pytest.mark.judged(
        "Deepgram: speech by request, POST /v1/speak", by="deepgram-sdk 7"
    ),
    # The SDK imports names that websockets has deprecated; not ours to change.
    pytest.mark.filterwarnings(
        r"ignore:websockets\..* is deprecated:DeprecationWarning"
    ),
]

TEXT = "Hello, world."
SPEAK: dict[str, Any] = {
    "model": "aura-2-thalia-en",
    "encoding": "mulaw",
    "sample_rate": 8000,
}


def words_in(audio: bytes) -> str:
    """Return the words that speech from the fake carries."""
    found = FrameReader().feed(audio)
    return WordsHeard([x.code for x in found if isinstance(x, CodedFrame)]).text()


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


async def _until(holds: Any, seconds: float = 3.0) -> None:
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit
        await asyncio.sleep(0.01)
