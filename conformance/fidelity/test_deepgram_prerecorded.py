"""Pre-recorded transcription of the fake Deepgram, judged by the unmodified SDK."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from aiohttp import web
from deepgram import AsyncDeepgramClient, DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.errors import BadRequestError
from deepgram.types import ListenV1AcceptedResponse, ListenV1Response

from conformance.fidelity._call import SAID, audio_of_a_call
from conformance.fidelity._sdk import environment
from conformance.fidelity._sdk_types import problems
from fakes.deepgram.accounts.admission import key_id
from fakes.fault_rules import Rule
from fakes.faults import Refuse
from fakes.world import DeepgramSettings, World, WorldProcess

# The SDK imports names that websockets has deprecated; not ours to change.
pytestmark = [
    pytest.mark.judged("Deepgram: recordings, POST /v1/listen", by="deepgram-sdk 7"),
    pytest.mark.filterwarnings(
        r"ignore:websockets\..* is deprecated:DeprecationWarning"
    ),
]

QUICK = DeepgramSettings(
    transcribe_delay=0.01,
    callback_retry_delay=0.01,
    callback_retries=2,
    recording_limit=100_000,
)
MULAW: dict[str, Any] = {"additional_query_parameters": {"sample_rate": "8000"}}
QUERY = "/v1/listen?model=nova-3&punctuate=true&encoding=mulaw&sample_rate=8000"
WORDS = "ListenV1ResponseResultsChannelsItemAlternativesItemWordsItem"
EVERYTHING = (
    "&smart_format=true&utterances=true&paragraphs=true&summarize=v2&topics=true"
    "&intents=true&sentiment=true&detect_language=true&detect_entities=true"
    "&search=caller&diarize_model=latest&extra=a:b&tag=CA1"
)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Fakes in this loop."""
    async with World(deepgram=QUICK) as running:
        yield running


@pytest.fixture
async def bare() -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client for the SDK."""
    async with httpx.AsyncClient() as client:
        yield client


@pytest.fixture
async def client(world: World, bare: httpx.AsyncClient) -> AsyncDeepgramClient:
    """The async SDK."""
    where = environment(world.addresses)
    return AsyncDeepgramClient(api_key="k", environment=where, httpx_client=bare)


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A plain HTTP client."""
    async with httpx.AsyncClient(base_url=world.addresses.deepgram) as plain:
        yield plain


class Elsewhere:
    """A server of the client: it has a recording, and takes callbacks."""

    def __init__(self) -> None:
        self.url = ""
        self.refusals = 0
        self.received: list[tuple[str, str, bytes]] = []
        self.arrived = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            if request.path == "/call.ulaw":
                return web.Response(body=audio_of_a_call())
            return web.Response(status=403)
        token = request.headers["dg-token"]
        self.received.append((request.method, token, await request.read()))
        if self.refusals:
            self.refusals -= 1
            return web.Response(status=503)
        self.arrived.set()
        return web.Response()


@pytest.fixture
async def elsewhere() -> AsyncIterator[Elsewhere]:
    """The client's own server, on this machine."""
    there = Elsewhere()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", there.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    there.url = f"http://127.0.0.1:{port}"
    yield there
    await runner.cleanup()


def transcript_of(answer: Any) -> str:
    """Return the transcript that the SDK shows."""
    return str(answer.results.channels[0].alternatives[0].transcript)


async def test_file_by_the_sdk(world: World, client: AsyncDeepgramClient) -> None:
    """The SDK gets the words that were said, and the ledger heard them."""
    answer = await client.listen.v1.media.transcribe_file(
        request=audio_of_a_call(),
        model="nova-3",
        punctuate=True,
        encoding="mulaw",
        request_options=MULAW,
    )

    assert isinstance(answer, ListenV1Response)
    assert transcript_of(answer) == SAID
    (attempt,) = world.ledger.attempts
    assert (attempt.surface, attempt.outcome) == ("listen_rest", "accepted")
    heard = world.ledger.call(4729)
    assert heard is not None
    assert heard.turns[0].transcript == SAID


async def test_url_by_the_sdk(
    client: AsyncDeepgramClient, elsewhere: Elsewhere
) -> None:
    """A recording on this machine is fetched by its URL."""
    answer = await client.listen.v1.media.transcribe_url(
        url=f"{elsewhere.url}/call.ulaw",
        model="nova-3",
        punctuate=True,
        encoding="mulaw",
        request_options=MULAW,
    )

    assert transcript_of(answer) == SAID


@pytest.mark.parametrize(
    "url",
    ["http://192.0.2.7/x.wav", "http://127.0.0.1:1/x", "file:///etc/passwd", "::"],
)
async def test_url_that_is_not_fetched(http: httpx.AsyncClient, url: str) -> None:
    """Other machines are never asked; what cannot be had is REMOTE_CONTENT_ERROR."""
    answer = await http.post("/v1/listen?model=nova-3", json={"url": url})

    assert answer.status_code == 400
    assert answer.json()["err_code"] == "REMOTE_CONTENT_ERROR"


async def test_url_whose_server_refuses(
    http: httpx.AsyncClient, elsewhere: Elsewhere
) -> None:
    """The refusal of the other server is in the message."""
    link = {"url": f"{elsewhere.url}/secret.wav"}
    answer = await http.post("/v1/listen?model=nova-3", json=link)

    assert answer.json()["err_msg"] == (
        "The remote server hosting the media returned a client error: 403 Forbidden."
    )


@pytest.mark.parametrize("query", [QUERY, QUERY + EVERYTHING])
async def test_answer_is_of_the_sdk_type(http: httpx.AsyncClient, query: str) -> None:
    """No field is unknown to the SDK's types but those of the recorded answers."""
    answer = await http.post(query, content=audio_of_a_call())
    exceptions = {
        # In the recorded answers; the SDK's schema leaves it out for words here.
        f"punctuated_word: unknown to {WORDS}",
        # Documented with detect_language and with extra.
        "language_confidence: unknown to ListenV1ResponseResultsChannelsItem",
        "extra: unknown to ListenV1ResponseMetadata",
    }
    found = problems(answer.json(), ListenV1Response)

    assert {line.rpartition(".")[2] for line in found} <= exceptions
    assert answer.headers["dg-request-id"] == answer.json()["metadata"]["request_id"]


async def test_callback_comes_later(
    http: httpx.AsyncClient, elsewhere: Elsewhere
) -> None:
    """The response has the request id alone; the answer is posted with ``dg-token``."""
    elsewhere.refusals = 1
    answer = await http.post(
        f"{QUERY}&callback={elsewhere.url}/done&callback_method=put",
        content=audio_of_a_call(),
        headers={"authorization": "Token secret"},
    )
    await asyncio.wait_for(elsewhere.arrived.wait(), 5)

    assert problems(answer.json(), ListenV1AcceptedResponse) == []
    assert len(elsewhere.received) == 2
    assert elsewhere.received[0] == elsewhere.received[1]
    method, token, body = elsewhere.received[1]
    assert (method, token) == ("PUT", key_id("secret"))
    assert b"secret" not in body
    assert json.loads(body)["metadata"]["request_id"] == answer.json()["request_id"]


async def test_callback_to_another_machine_is_not_made(
    world: World, http: httpx.AsyncClient
) -> None:
    """It is accepted and noted, but nothing leaves this machine."""
    query = f"{QUERY}&callback=http://192.0.2.7/done"
    answer = await http.post(query, content=audio_of_a_call())
    await asyncio.sleep(0.1)

    assert answer.status_code == 200
    assert world.ledger.attempts[0].notes == ["callback: taken False, refused False"]


async def test_corrupt_audio_is_a_bad_request(client: AsyncDeepgramClient) -> None:
    """The SDK raises BadRequestError with the documented body."""
    with pytest.raises(BadRequestError) as caught:
        await client.listen.v1.media.transcribe_file(
            request=b"no audio", model="nova-3"
        )

    assert caught.value.body["err_msg"] == (
        "Bad Request: failed to process audio: corrupt or unsupported data"
    )


@pytest.mark.parametrize(
    ("kind", "content", "status", "code"),
    [
        ("application/json", b"{", 400, "Bad Request"),
        ("application/json", b'{"uri":"x"}', 400, "Bad Request"),
        ("text/plain", b"hello", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("audio/wav", b"x" * 100_001, 413, "PAYLOAD_TOO_LARGE"),
    ],
)
async def test_bad_bodies(
    http: httpx.AsyncClient, kind: str, content: bytes, status: int, code: str
) -> None:
    """Junk in JSON, a body that is no audio, one that is too large."""
    answer = await http.post(
        "/v1/listen?model=nova-3", content=content, headers={"content-type": kind}
    )

    assert (answer.status_code, answer.json()["err_code"]) == (status, code)
    assert answer.headers["dg-error"] == answer.json()["err_msg"]


async def test_faults_at_the_door(world: World, client: AsyncDeepgramClient) -> None:
    """Two refusals are retried by the SDK; the third answer counts."""
    refusals = (Refuse(429, retry_after=0.01), Refuse(429, retry_after=0.01))
    world.faults.add(Rule(surface="listen_rest", faults=refusals))
    with pytest.raises(ApiError) as caught:
        await client.listen.v1.media.transcribe_file(
            request=b"x", model="nova-3", request_options={"max_retries": 0}
        )

    assert caught.value.status_code == 429
    assert caught.value.body["err_msg"] == "Too many requests. Please try again later"


@pytest.fixture(scope="module")
def world_process() -> Iterator[WorldProcess]:
    """Fakes in another process, as a sync client needs them."""
    with WorldProcess() as running:
        yield running


def test_sync_file(world_process: WorldProcess) -> None:
    """The sync SDK does the same."""
    where = environment(world_process.addresses)
    with httpx.Client() as http:
        client = DeepgramClient(api_key="good", environment=where, httpx_client=http)
        answer = client.listen.v1.media.transcribe_file(
            request=audio_of_a_call(),
            model="nova-3",
            punctuate=True,
            encoding="mulaw",
            request_options=MULAW,
        )

    assert transcript_of(answer) == SAID
