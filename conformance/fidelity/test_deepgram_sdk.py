"""Live transcription of the fake Deepgram, judged by the unmodified SDK."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
import websockets
from deepgram import AsyncDeepgramClient, DeepgramClient
from deepgram.core.api_error import ApiError

from conformance.fidelity._call import LISTEN, PRINTED, SAID, audio_of_a_call
from conformance.fidelity._sdk import environment
from conformance.fidelity._sdk_types import problems
from fakes.fault_rules import Rule
from fakes.faults import Close, Refuse, Reset
from fakes.world import World, WorldProcess
from voiceutils.mulaw import SILENCE_FRAME

# The SDK imports names that websockets has deprecated; not ours to change.
pytestmark = [
    pytest.mark.judged("Deepgram: live transcription, /v1/listen", by="deepgram-sdk 7"),
    pytest.mark.filterwarnings(
        r"ignore:websockets\..* is deprecated:DeprecationWarning"
    ),
]


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

    assert transcript_of(messages) == PRINTED
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
    assert transcript_of(messages) == PRINTED


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


# What the SDK's schema leaves out, and why it is there all the same.
NOT_IN_THE_SCHEMA = (
    # Recorded or documented since before it: models of the epilogue, the client's
    # own pairs, and warnings of deprecated parameters.
    "models: unknown to ListenV1Metadata",
    "model_info: unknown to ListenV1Metadata",
    "extra: unknown to ListenV1Metadata",
    "warnings: unknown to ListenV1Metadata",
    "metadata.extra: unknown to ListenV1ResultsMetadata",
    # Documented for search=; the schema has it for recordings only.
    "channel.search: unknown to ListenV1ResultsChannel",
)
ALL_FEATURES = (
    "model=nova-3&encoding=mulaw&sample_rate=8000&interim_results=true"
    "&utterance_end_ms=1000&vad_events=true&smart_format=true&numerals=true"
    "&detect_entities=true&diarize_model=latest&language=multi&language_hint=en"
    "&redact=ssn&search=caller&replace=hello:hi&extra=a:b&tier=nova&debug=true"
)


async def test_every_live_message_is_of_the_sdk_types(world: World) -> None:
    """No field is unknown to the newest SDK's types and none is missing."""
    from deepgram.listen.v1.socket_client import V1SocketClientResponse

    url = f"{world.addresses.deepgram_websocket}/v1/listen?{ALL_FEATURES}"
    heard: list[dict[str, Any]] = []
    async with websockets.connect(url) as socket:
        await socket.send(audio_of_a_call() + SILENCE_FRAME * 60)
        for text in (
            '{"type":"Configure","keyterms":["x"]}',
            json.dumps({"type": "Configure", "keyterms": ["x y"] * 300}),
            '{"type":"Nonsense"}',
            '{"type":"Finalize"}',
            '{"type":"CloseStream"}',
        ):
            await socket.send(text)
        heard = [json.loads(text) async for text in socket]

    kinds = {message["type"] for message in heard}
    assert len(kinds) == 7, kinds
    found = {
        problem
        for message in heard
        for problem in problems(message, V1SocketClientResponse)
    }
    assert found == set(NOT_IN_THE_SCHEMA)


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
