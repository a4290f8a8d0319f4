"""The newest deepgram-sdk, sync and async, against every speech surface."""

from __future__ import annotations

import asyncio
import importlib.util
import io
import json
import wave
from typing import Any

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from deepgram.core.api_error import ApiError
from deepgram.speak.v1 import types as v1
from deepgram.speak.v2 import types as v2
from deepgram.speak.v2.types import (
    SpeakV2Configure,
    SpeakV2Interrupt,
    SpeakV2InterruptPlaybackOffset,
    SpeakV2Speak,
)

from conformance.fidelity._sdk import async_sdk, raw_messages, sync_sdk
from conformance.fidelity._sdk_types import problems
from fakes.fault_rules import Rule
from fakes.faults import Refuse
from fakes.speech import CodedFrame, FrameReader, WordsHeard
from fakes.world import DeepgramSettings

pytestmark = [
    pytest.mark.judged("Deepgram: Flux speech, /v2/speak", by="deepgram-sdk 7"),
    pytest.mark.judged("Deepgram: streaming speech, /v1/speak", by="deepgram-sdk 7"),
    pytest.mark.judged(
        "Deepgram: speech by request, POST /v1/speak", by="deepgram-sdk 7"
    ),
    # The SDK imports names that websockets has deprecated; not ours to change.
    pytest.mark.filterwarnings(
        r"ignore:websockets\..* is deprecated:DeprecationWarning"
    ),
]

TEXT = "Hello, you have reached the busy hour line."
PHONE: dict[str, Any] = {"encoding": "mulaw", "sample_rate": 8000}
AURA = PHONE | {"model": "aura-2-thalia-en"}
FLUX = PHONE | {"model": "flux-alexis-en"}
V2_TYPES = {
    "Connected": v2.SpeakV2Connected,
    "SpeechStarted": v2.SpeakV2SpeechStarted,
    "Flushed": v2.SpeakV2Flushed,
    "SpeechMetadata": v2.SpeakV2SpeechMetadata,
    "SpeechInterrupted": v2.SpeakV2SpeechInterrupted,
    "SessionMetadata": v2.SpeakV2SessionMetadata,
    "ConfigureSuccess": v2.SpeakV2ConfigureSuccess,
    "ConfigureFailure": v2.SpeakV2ConfigureFailure,
    "Warning": v2.SpeakV2Warning,
    "Error": v2.SpeakV2Error,
}
V1_TYPES = {
    "Metadata": v1.SpeakV1Metadata,
    "Flushed": v1.SpeakV1Flushed,
    "Cleared": v1.SpeakV1Cleared,
    "Warning": v1.SpeakV1Warning,
}
HAS_AV = importlib.util.find_spec("av") is not None


def words_in(audio: bytes) -> str:
    """Return the words that speech from the fake carries."""
    found = FrameReader().feed(audio)
    return WordsHeard([x.code for x in found if isinstance(x, CodedFrame)]).text()


# --- Flux speech ---------------------------------------------------------------------


async def test_async_flux_turn() -> None:
    """Tokens in, the words out, between SpeechStarted and SpeechMetadata."""
    async with (
        async_sdk() as (world, client),
        client.speak.v2.connect(**FLUX, tag="CA1") as socket,
    ):
        for token in ("Hello, you have ", "reached the busy hour line."):
            await socket.send_speak(SpeakV2Speak(text=token))
        await socket.send_flush()
        await socket.send_close()
        messages = [message async for message in socket]

    assert words_in(b"".join(m for m in messages if isinstance(m, bytes))) == TEXT
    kinds = [m.type for m in messages if not isinstance(m, bytes)]
    assert kinds == [
        "Connected", "SpeechStarted", "Flushed", "SpeechMetadata", "SessionMetadata",
    ]  # fmt: skip
    (made,) = world.ledger.utterances()
    assert (made.text, made.aborted, made.group) == (TEXT, False, "CA1")


async def test_every_flux_message_is_of_the_sdks_type() -> None:
    """No field that the SDK does not know, none missing, of every kind of message."""
    async with (
        async_sdk() as (_, client),
        client.speak.v2.connect(**FLUX) as socket,
    ):
        await socket.send_flush()
        await socket.send_configure(SpeakV2Configure(speed=1.15))
        await socket.send_configure(SpeakV2Configure(speed=1.07))
        await socket.send_speak(SpeakV2Speak(text=TEXT + " "))
        messages: list[dict[str, Any]] = []
        async for message in socket._websocket:
            if isinstance(message, bytes):
                break
            messages.append(json.loads(message))
        offset = SpeakV2InterruptPlaybackOffset(value=100)
        await socket.send_interrupt(SpeakV2Interrupt(playback_offset=offset))
        await socket.send_speak(SpeakV2Speak(text=TEXT))
        await socket.send_flush()
        await socket.send_close()
        messages += await raw_messages(socket)
        async with client.speak.v2.connect(**FLUX) as other:
            await other._send({"type": "Clear"})
            messages += await raw_messages(other)

    assert {message["type"] for message in messages} == set(V2_TYPES)
    wrong = {
        message["type"]: found
        for message in messages
        if (found := problems(message, V2_TYPES[message["type"]]))
    }
    assert wrong == {}


async def test_flux_socket_refuses_other_voices_and_forms() -> None:
    """An Aura voice, a container and a wrong expressivity fail the handshake."""
    container = {"additional_query_parameters": {"container": "none"}}
    for more in (
        {"model": "aura-2-thalia-en"},
        {"request_options": container},
        {"expressivity": 3},
    ):
        async with async_sdk() as (_, client):
            with pytest.raises(ApiError) as refused:
                async with client.speak.v2.connect(**FLUX | more):
                    pass
        assert refused.value.status_code == 400


def test_sync_flux_turn() -> None:
    """The sync client, with the same words."""
    with sync_sdk() as client, client.speak.v2.connect(**FLUX) as socket:
        socket.send_speak(SpeakV2Speak(text=TEXT))
        socket.send_flush()
        socket.send_close()
        messages = list(socket)

    assert words_in(b"".join(m for m in messages if isinstance(m, bytes))) == TEXT


# --- streaming speech, /v1/speak -----------------------------------------------------


async def test_every_message_of_v1_is_of_the_sdks_type_but_one() -> None:
    """The live Warning has other keys than the SDK's type; by setting it has those."""
    wrong: dict[str, list[str]] = {}
    for keys in ("live", "spec"):
        settings = DeepgramSettings(flush_limit=1, warning_keys=keys)
        async with (
            async_sdk(settings) as (_, client),
            client.speak.v1.connect(**AURA) as socket,
        ):
            await socket.send_text(v1.SpeakV1Text(text=TEXT))
            await socket.send_flush()
            await socket.send_flush()
            await socket.send_clear()
            await socket.send_close()
            messages = await raw_messages(socket)
        assert {m["type"] for m in messages} == {"Metadata", "Cleared", "Warning"}
        for message in messages:
            found = problems(message, V1_TYPES[message["type"]])
            if found:
                wrong[f"{message['type']} {keys}"] = found

    assert set(wrong) == {"Warning live"}
    assert "warn_code: unknown to SpeakV1Warning" in wrong["Warning live"]


async def test_refused_flush_looks_like_a_completed_one() -> None:
    """The SDK hands the live Warning over as SpeakV1Flushed: only ``type`` tells."""
    async with (
        async_sdk(DeepgramSettings(flush_limit=0)) as (_, client),
        client.speak.v1.connect(**AURA) as socket,
    ):
        await socket.recv()
        await socket.send_flush()
        warning = await socket.recv()

    assert isinstance(warning, v1.SpeakV1Flushed)
    assert str(warning.type) == "Warning"


async def test_alaw_and_wider_rates_on_the_socket() -> None:
    """Every encoding and rate of the socket gives as many bytes as it lasts."""
    sizes = {}
    for encoding, rate in (("mulaw", 8000), ("alaw", 8000), ("linear16", 48000)):
        form = {"encoding": encoding, "sample_rate": rate}
        async with (
            async_sdk() as (_, client),
            client.speak.v1.connect(**AURA | form) as socket,
        ):
            await socket.send_text(v1.SpeakV1Text(text="Goodbye."))
            await socket.send_flush()
            size = 0
            async for message in socket:
                if isinstance(message, bytes):
                    size += len(message)
                elif message.type == "Flushed":
                    break
            sizes[encoding] = size

    assert sizes["alaw"] == sizes["mulaw"] > 0
    assert sizes["linear16"] == 12 * sizes["mulaw"]


# --- speech by request ---------------------------------------------------------------


async def test_async_request_in_every_raw_form() -> None:
    """WAV by default, raw with container=none, the documented headers."""
    async with async_sdk() as (world, client):
        async with client.speak.v1.audio.with_raw_response.generate(
            text=TEXT, model="aura-2-thalia-en", encoding="linear16"
        ) as answer:
            wav = b"".join([piece async for piece in answer.data])
        async with client.speak.v1.audio.with_raw_response.generate(
            text=TEXT, model="aura-2-thalia-en", encoding="mulaw", container="none"
        ) as raw_answer:
            raw = b"".join([piece async for piece in raw_answer.data])
        (first, second) = world.ledger.utterances()

    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["dg-char-count"] == str(len(TEXT))
    assert answer.headers["transfer-encoding"] == "chunked"
    assert raw_answer.headers["content-type"] == "audio/mulaw;rate=8000"
    assert words_in(raw) == TEXT
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getframerate(), file.getsampwidth()) == (24000, 2)
    assert not first.aborted
    assert second.audio_bytes == len(raw)


@pytest.mark.skipif(not HAS_AV, reason="the package av makes these forms")
@pytest.mark.parametrize(
    ("form", "content_type", "rate"),
    [
        ({}, "audio/mpeg", 22050),
        ({"encoding": "mp3", "bit_rate": 32000}, "audio/mpeg", 22050),
        ({"encoding": "opus"}, "audio/ogg;codecs=opus", 48000),
        ({"encoding": "flac", "sample_rate": 16000}, "audio/flac", 16000),
        ({"encoding": "aac"}, "audio/aac", 22050),
    ],
)
async def test_compressed_forms_can_be_decoded(
    form: dict[str, Any], content_type: str, rate: int
) -> None:
    """What is sent plays: as long as the speech, at the documented rate."""
    av = importlib.import_module("av")
    async with async_sdk() as (world, client):
        async with client.speak.v1.audio.with_raw_response.generate(
            text=TEXT, model="aura-2-thalia-en", **form
        ) as answer:
            data = b"".join([piece async for piece in answer.data])
        (made,) = world.ledger.utterances()

    with av.open(io.BytesIO(data)) as file:
        samples = sum(frame.samples for frame in file.decode(audio=0))
        assert file.streams.audio[0].rate == rate
    assert answer.headers["content-type"] == content_type
    assert samples / rate == pytest.approx(made.frames / 50, abs=0.15)
    assert made.audio_bytes == len(data)


async def test_flux_request_and_its_controls() -> None:
    """POST /v2/speak: a Flux voice is required, pauses and pronunciations counted."""
    async with async_sdk() as (_, client):
        async with client.speak.v2.audio.with_raw_response.generate(
            model="flux-alexis-en",
            text=r"Hello. \{pause:500ms\} Goodbye.",
            encoding="mulaw",
            container="none",
        ) as answer:
            audio = b"".join([piece async for piece in answer.data])
        with pytest.raises(ApiError) as refused:
            async for _ in client.speak.v2.audio.generate(model="aura-x-en", text="a"):
                pass

    assert words_in(audio) == "Hello. Goodbye."
    assert answer.headers["dg-breaks-applied"] == "1"
    assert refused.value.status_code == 400


async def test_streaming_request_is_not_retried() -> None:
    """A single 429 surfaces at once."""
    async with async_sdk() as (world, client):
        world.faults.add(Rule(surface="speak_rest", faults=(Refuse(429),)))
        with pytest.raises(ApiError) as refused:
            async for _ in client.speak.v1.audio.generate(text="a", encoding="mulaw"):
                pass
        assert len(world.ledger.attempts) == 1
    assert refused.value.status_code == 429


async def test_callback_takes_the_audio_elsewhere() -> None:
    """The answer is an id; the audio is posted to the address of the client."""
    received: list[tuple[dict[str, str], bytes]] = []

    async def take(request: Any) -> Any:
        received.append((dict(request.headers), await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/take", take)
    async with TestServer(app) as server, async_sdk() as (world, _):
        async with httpx.AsyncClient() as http:
            answer = await http.post(
                f"{world.addresses.deepgram}/v1/speak",
                params={
                    "encoding": "mulaw",
                    "container": "none",
                    "callback": str(server.make_url("/take")),
                },
                json={"text": TEXT},
            )
        for _ in range(200):
            if received:
                break
            await asyncio.sleep(0.02)

    assert set(answer.json()) == {"request_id"}
    ((headers, audio),) = received
    assert headers["Content-Type"] == "audio/mulaw;rate=8000"
    assert words_in(audio) == TEXT
