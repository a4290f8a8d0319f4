"""Unmodified clients find the fakes under the providers' own names, and trust them."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest
import requests
import websockets
from deepgram import AsyncDeepgramClient
from openai import AsyncOpenAI
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from fakes.addresses import StandInAddresses
from fakes.fault_rules import Rule
from fakes.faults import Refuse, Reset
from fakes.stand_in.hosts import read_hosts
from fakes.stand_in.service import StandIn
from fakes.stand_in.visits import What
from fakes.twilio.web.credentials import Credentials
from fakes.world import World
from voiceutils.mulaw import SILENCE_FRAME

pytestmark = pytest.mark.judged(
    "Standing in for the providers' hosts", by="aiohttp, websockets, httpx"
)

MODELS = "https://api.openai.com/v1/models"
LISTEN = "wss://api.deepgram.com/v1/listen?encoding=mulaw&sample_rate=8000"
SPEAK = "https://api.deepgram.com/v1/speak?encoding=mulaw&container=none"


_AIOHTTP = f"""
import asyncio, aiohttp
async def main():
    async with aiohttp.ClientSession(trust_env=True) as session:
        async with session.get({MODELS!r}) as found:
            assert (await found.json())["object"] == "list"
asyncio.run(main())
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Return a stand-in that one host was added to."""
    monkeypatch.setenv("BUSYHOUR_CACHE", str(tmp_path))
    return StandIn(read_hosts(["llm.example=model"]))


@pytest.fixture
async def world(stand_in: StandIn) -> AsyncIterator[World]:
    """The fakes, standing in."""
    async with World(stand_in=stand_in, credentials=Credentials()) as running:
        yield running


@pytest.fixture
def place(world: World, monkeypatch: pytest.MonkeyPatch) -> StandInAddresses:
    """Lead this process's clients here, by their environment alone."""
    found = world.addresses.stand_in
    assert found is not None
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, found.authority)
    monkeypatch.setenv("HTTPS_PROXY", found.proxy)
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    return found


def visits(stand_in: StandIn) -> dict[str, What]:
    """Return who was not served."""
    return {visit.host: visit.what for visit in stand_in.book.visits}


async def test_https_clients_find_the_model_by_its_own_name(
    place: StandInAddresses,
) -> None:
    """With httpx, requests and aiohttp, all by their environment."""
    async with httpx.AsyncClient() as client:
        assert (await client.get(MODELS)).json()["object"] == "list"
    answer = await asyncio.to_thread(requests.get, MODELS, timeout=5)
    assert answer.json()["object"] == "list"
    # aiohttp reads whom it trusts when it is imported.
    script = await asyncio.create_subprocess_exec(sys.executable, "-c", _AIOHTTP)
    assert await asyncio.wait_for(script.wait(), 20) == 0


async def test_a_websocket_reaches_the_recogniser_with_all_its_faults(
    world: World, place: StandInAddresses
) -> None:
    """The connection is the fake's own: refused, reset, then heard."""
    world.faults.add(Rule(surface="listen", faults=(Refuse(503), Reset(after=0.05))))

    host, port = place.tls.split(":")
    connect = partial(websockets.connect, LISTEN, host=host, port=int(port), proxy=None)

    with pytest.raises(websockets.InvalidStatus):
        await connect()
    async with connect() as socket:
        with pytest.raises(websockets.ConnectionClosedError):
            await socket.recv()
    async with connect() as socket:
        await socket.send(SILENCE_FRAME)
        await socket.send('{"type":"CloseStream"}')
        assert '"Metadata"' in str([message async for message in socket])

    outcomes = [attempt.outcome for attempt in world.ledger.attempts]
    assert outcomes == ["refused 503", "accepted", "accepted"]


@pytest.mark.filterwarnings("ignore:.*websockets.*:DeprecationWarning")
async def test_the_unmodified_sdks_need_no_address(place: StandInAddresses) -> None:
    """deepgram-sdk, openai and twilio with their defaults."""
    account = Credentials()
    twilio = Client(
        account.account_sid, account.auth_token, http_client=TwilioHttpClient(timeout=5)
    )
    async with httpx.AsyncClient() as pool, AsyncOpenAI(api_key="k") as openai:
        deepgram = AsyncDeepgramClient(api_key="k", httpx_client=pool)
        spoken = deepgram.speak.v1.audio.generate(
            text="Hello.", encoding="mulaw", sample_rate=8000, container="none"
        )
        assert len(b"".join([piece async for piece in spoken])) > 1600
        asked = await openai.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "Hello?"}]
        )
        assert asked.choices[0].message.content
    assert await asyncio.to_thread(twilio.calls.list) == []


async def test_a_provider_without_a_fake_is_answered_501(
    stand_in: StandIn, place: StandInAddresses
) -> None:
    """The body says what is missing; a host that was added is served."""
    async with httpx.AsyncClient() as client:
        missing = await client.post("https://api.elevenlabs.io/v1/text-to-speech/x")
        added = await client.get("https://llm.example/v1/models")

    assert missing.status_code == 501
    assert "ElevenLabs' speech" in missing.json()["error"]["message"]
    assert added.json()["object"] == "list"
    assert visits(stand_in) == {"api.elevenlabs.io": What.MISSING}


async def test_the_proxy_leads_nowhere_else(
    stand_in: StandIn, place: StandInAddresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither with TLS nor without, nor to another port of a provider."""
    monkeypatch.setenv("HTTP_PROXY", place.proxy)
    async with httpx.AsyncClient() as client:
        for url in ("https://real.example/", "https://api.openai.com:8443/"):
            with pytest.raises(httpx.ProxyError, match="403"):
                await client.get(url)
        assert (await client.get("http://plain.example/x")).status_code == 403

    assert visits(stand_in) == {
        "real.example": What.ELSEWHERE,
        "api.openai.com:8443": What.ELSEWHERE,
        "plain.example": What.ELSEWHERE,
    }


async def greet(place: StandInAddresses, name: str, trust: str | None) -> str:
    """Shake hands with the TLS port directly; returns whom the certificate names."""
    host, port = place.tls.split(":")
    context = ssl.create_default_context(cafile=trust)

    def shake_hands() -> str:
        with (
            socket.create_connection((host, int(port)), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=name) as safe,
        ):
            return str((safe.getpeercert() or {})["subjectAltName"])

    return await asyncio.to_thread(shake_hands)


async def until(stand_in: StandIn, count: int) -> dict[str, What]:
    """Wait for visits; a handshake that failed is told of a moment later."""
    async with asyncio.timeout(5):
        while len(stand_in.book.visits) < count:  # noqa: ASYNC110 - no event is told
            await asyncio.sleep(0.01)
    return visits(stand_in)


async def test_a_client_that_does_not_trust_the_authority_is_told_of(
    stand_in: StandIn, place: StandInAddresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so is one that asks for a host of nobody, by TLS or without."""
    await greet(place, "api.deepgram.com", place.authority)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await greet(place, "nobody.example", place.authority)
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ssl.SSLCertVerificationError):
        await greet(place, "api.deepgram.com", None)
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.HTTPError):
            await client.get(f"http://{place.tls}/")

    assert await until(stand_in, 3) == {
        "nobody.example": What.ELSEWHERE,
        "api.deepgram.com": What.UNTRUSTING,
        place.tls: What.PLAIN,
    }


async def test_certificates_are_for_the_very_host_that_was_asked_for(
    place: StandInAddresses,
) -> None:
    """A client that asks for one host does not get the certificate of another."""
    named = await greet(place, "api.eu.deepgram.com", place.authority)

    assert named == "(('DNS', 'api.eu.deepgram.com'),)"


async def test_two_worlds_do_not_disturb_each_other(
    world: World, place: StandInAddresses
) -> None:
    """The same authority, each its own ports, ledger and book."""
    other = StandIn()
    async with World(stand_in=other) as second:
        found = second.addresses.stand_in
        assert found is not None
        async with httpx.AsyncClient(proxy=found.proxy) as client:
            await client.get("https://api.elevenlabs.io/")
        async with httpx.AsyncClient() as client:
            await client.post(SPEAK, json={"text": "Hi."})

        assert found.authority == place.authority
        assert second.ledger.attempts == []
        assert visits(other) == {"api.elevenlabs.io": What.MISSING}
    async with httpx.AsyncClient() as client:
        assert (await client.get(MODELS)).status_code == 200
    assert [attempt.surface for attempt in world.ledger.attempts] == ["speak_rest"]
    assert not Path(found.door).parent.exists()


async def test_curl_is_led_by_its_environment(
    place: StandInAddresses, stand_in: StandIn
) -> None:
    """By proxy and bundle; without the bundle it refuses."""
    safe = dict(os.environ)
    wary = {name: value for name, value in safe.items() if "CERT" not in name}
    wary.pop("CURL_CA_BUNDLE")
    codes = []
    for environment in (safe, wary):
        curl = await asyncio.create_subprocess_exec(
            "curl", "-sS", "-m", "5", "-o", os.devnull, MODELS, env=environment
        )
        codes.append(await curl.wait())

    assert codes == [0, 60]  # 60: the certificate is not trusted
    assert await until(stand_in, 1) == {"api.openai.com": What.UNTRUSTING}
