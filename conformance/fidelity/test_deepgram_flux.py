"""The newest deepgram-sdk, sync and async, against the fake Flux, ``/v2/listen``."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from deepgram.core.api_error import ApiError
from deepgram.core.events import EventType
from deepgram.listen.v2 import types as sdk
from deepgram.listen.v2.types import (
    ListenV2Configure,
    ListenV2ConfigureThresholds,
    ListenV2TurnInfo,
)
from websockets.exceptions import InvalidStatus

from conformance.fidelity._sdk import async_sdk, raw_messages, sync_sdk
from conformance.fidelity._sdk_types import problems
from fakes.fault_rules import Rule
from fakes.faults import Refuse
from fakes.speech import Speaker, speak
from fakes.world import DeepgramSettings
from voiceutils.mulaw import SILENCE_FRAME

pytestmark = [
    pytest.mark.judged("Deepgram: Flux, /v2/listen", by="deepgram-sdk 7"),
    # The SDK imports names that websockets has deprecated; not ours to change.
    pytest.mark.filterwarnings(
        r"ignore:websockets\..* is deprecated:DeprecationWarning"
    ),
]

SAID = "Hello, this is caller four seven two nine."
FLUX: dict[str, Any] = {
    "model": "flux-general-en",
    "encoding": "mulaw",
    "sample_rate": 8000,
}
TYPES = {
    "Connected": sdk.ListenV2Connected,
    "TurnInfo": sdk.ListenV2TurnInfo,
    "ConfigureSuccess": sdk.ListenV2ConfigureSuccess,
    "ConfigureFailure": sdk.ListenV2ConfigureFailure,
    "Warning": sdk.ListenV2Warning,
    "Error": sdk.ListenV2FatalError,
}


def audio_of_a_call() -> bytes:
    """Return what a caller says, with a second of silence after it."""
    spoken = speak(SAID, speaker=Speaker.CALLER, call=4729, turn=1)
    return spoken.audio + SILENCE_FRAME * 50


async def send(socket: Any, audio: bytes) -> None:
    """Send audio in chunks of 80 ms, as recommended."""
    for at in range(0, len(audio), 640):
        await socket.send_media(audio[at : at + 640])


async def test_async_turn() -> None:
    """The turn arrives as the SDK's own type, word for word, and in the ledger."""
    async with (
        async_sdk() as (world, client),
        client.listen.v2.connect(**FLUX, eager_eot_threshold=0.4, tag="CA1") as socket,
    ):
        await send(socket, audio_of_a_call())
        await socket.send_close_stream()
        messages = [message async for message in socket]

    turns = [message for message in messages if isinstance(message, ListenV2TurnInfo)]
    ends = [turn for turn in turns if turn.event == "EndOfTurn"]
    assert [(turn.transcript, turn.trigger) for turn in ends] == [(SAID, "model")]
    assert [message.sequence_id for message in messages] == list(range(len(messages)))
    (attempt,) = [a for a in world.ledger.attempts if a.surface == "flux"]
    assert attempt.group == "CA1"
    assert attempt.close_code == 1005


async def test_every_message_is_of_the_sdks_type() -> None:
    """No field that the SDK does not know, none missing, of every kind of message."""
    async with (
        async_sdk() as (_, client),
        client.listen.v2.connect(
            **FLUX | {"model": "flux-general-multi"}, language_hint=["en", "es"]
        ) as socket,
    ):
        await socket.send_force_end_turn()
        await send(socket, audio_of_a_call()[: 160 * 60])
        await socket.send_force_end_turn()
        thresholds = ListenV2ConfigureThresholds(eot_threshold=0.8, eot_timeout_ms=900)
        configure = ListenV2Configure(
            thresholds=thresholds, keyterms=["busy hour"], numerals=True
        )
        await socket.send_configure(configure)
        wrong = ListenV2ConfigureThresholds(eager_eot_threshold=0.9)
        await socket.send_configure(ListenV2Configure(thresholds=wrong))
        await send(socket, audio_of_a_call())
        await socket._send({"type": "KeepAlive"})
        messages = await raw_messages(socket)

    assert {message["type"] for message in messages} == set(TYPES)
    wrong_ones = {
        message["type"]: found
        for message in messages
        if (found := problems(message, TYPES[message["type"]]))
    }
    assert wrong_ones == {}


async def test_keepalive_is_fatal_and_looks_like_an_ordinary_end() -> None:
    """The SDK hands over the Error, and then a close that it takes for a normal one."""
    seen: list[str] = []
    async with (
        async_sdk() as (_, client),
        client.listen.v2.connect(**FLUX) as socket,
    ):
        for kind in EventType:
            socket.on(kind, lambda told, kind=kind: seen.append(f"{kind.name} {told}"))
        await socket._send({"type": "KeepAlive"})
        await socket.start_listening()

    assert any("UNPARSABLE_CLIENT_MESSAGE" in event for event in seen)
    assert seen[-1].startswith("CLOSE")
    assert not any(event.startswith("ERROR") for event in seen)


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "nova-3"},
        {"eager_eot_threshold": 0.9},
        {"language_hint": "es"},
        {"request_options": {"additional_query_parameters": {"punctuate": "true"}}},
    ],
)
async def test_refused_handshakes_as_the_async_sdk_shows_them(
    wrong: dict[str, Any],
) -> None:
    """The async SDK keeps the status and loses the body."""
    async with async_sdk() as (_, client):
        with pytest.raises(ApiError) as refused:
            async with client.listen.v2.connect(**FLUX | wrong):
                pass
    assert refused.value.status_code in (400, 403)


async def test_faults_reach_flux() -> None:
    """A rule for the surface is dealt to its attempts."""
    rule = Rule(surface="flux", faults=(Refuse(429),))
    async with async_sdk() as (world, client):
        world.faults.add(rule)
        with pytest.raises(ApiError) as refused:
            async with client.listen.v2.connect(**FLUX):
                pass
        async with client.listen.v2.connect(**FLUX) as socket:
            assert (await socket.recv()).type == "Connected"
    assert refused.value.status_code == 429


def test_sync_turn_and_refusal() -> None:
    """The sync client hears the same, and sees the body of a refusal."""
    with sync_sdk() as client:
        with client.listen.v2.connect(**FLUX) as socket:
            audio = audio_of_a_call()
            heard: list[Any] = []
            reader = threading.Thread(target=lambda: heard.extend(socket), daemon=True)
            reader.start()
            for at in range(0, len(audio), 640):
                socket.send_media(audio[at : at + 640])
            socket.send_close_stream()
            reader.join(10.0)
        with (
            pytest.raises(InvalidStatus) as refused,
            client.listen.v2.connect(**FLUX, eager_eot_threshold=0.9),
        ):
            pass

    ends = [m.transcript for m in heard if getattr(m, "event", "") == "EndOfTurn"]
    assert ends == [SAID]
    response = refused.value.response
    problem = "eager_eot_threshold must be less than or equal to eot_threshold"
    assert response.headers["dg-error"] == problem
    assert problem in (response.body or b"").decode()


async def test_pings_keep_a_quiet_connection() -> None:
    """A client that only pings stays; one that does not is closed for being idle."""
    settings = DeepgramSettings(listen_pace=0, flux_idle_timeout=0.6)
    async with async_sdk(settings) as (_, client):
        async with client.listen.v2.connect(**FLUX) as socket:
            for _ in range(5):
                await asyncio.sleep(0.25)
                await (await socket._websocket.ping())
            await send(socket, SILENCE_FRAME * 20)
            await socket.send_close_stream()
            kept = await raw_messages(socket)
        async with client.listen.v2.connect(**FLUX) as socket:
            idle = await raw_messages(socket)

    assert [message["type"] for message in kept] == [
        "Connected",
        "TurnInfo",
        "TurnInfo",
    ]
    assert [message.get("code") for message in idle] == [None, "INACTIVE_CLIENT"]
