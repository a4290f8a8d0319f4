"""Keys, tokens and projects of the fake Deepgram, judged by the unmodified SDK."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import websockets
from deepgram import AsyncDeepgramClient, DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.types import (
    GetModelV1Response,
    GetProjectV1Response,
    GrantV1Response,
    ListModelsV1Response,
    ListProjectBalancesV1Response,
    ListProjectKeysV1Response,
    ListProjectMembersV1Response,
    ListProjectsV1Response,
    UsageV1Response,
)

from conformance.fidelity._call import LISTEN
from conformance.fidelity._sdk import environment
from conformance.fidelity._sdk_types import problems
from fakes.deepgram.accounts.admission import issue_token
from fakes.world import DeepgramSettings, World, WorldProcess
from voiceutils.mulaw import SILENCE_FRAME

# The SDK imports names that websockets has deprecated; not ours to change.
pytestmark = [
    pytest.mark.judged("Deepgram: tokens and management", by="deepgram-sdk 7"),
    pytest.mark.filterwarnings(
        r"ignore:websockets\..* is deprecated:DeprecationWarning"
    ),
]

SETTINGS = DeepgramSettings(
    keys=frozenset({"good", "weak"}), weak_keys=frozenset({"weak"})
)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Fakes in this loop that accept two keys."""
    async with World(deepgram=SETTINGS) as running:
        yield running


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A plain HTTP client with the good key."""
    async with httpx.AsyncClient(
        base_url=world.addresses.deepgram, headers={"authorization": "Token good"}
    ) as client:
        yield client


def client_of(world: World, http: httpx.AsyncClient, **credentials: str) -> Any:
    """Return the async SDK with these credentials."""
    where = environment(world.addresses)
    return AsyncDeepgramClient(environment=where, httpx_client=http, **credentials)


@pytest.fixture
async def bare() -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client for the SDK, which adds its own headers."""
    async with httpx.AsyncClient() as client:
        yield client


async def test_token_opens_a_socket(world: World, bare: httpx.AsyncClient) -> None:
    """A token from grant is taken as Bearer by the live socket; it needs no key."""
    client = client_of(world, bare, api_key="good")
    granted = await client.auth.v1.tokens.grant(ttl_seconds=60)
    assert granted.expires_in == 60
    bearer = client_of(world, bare, access_token=granted.access_token)
    async with bearer.listen.v1.connect(**LISTEN) as socket:
        await socket.send_media(SILENCE_FRAME * 50)
        await socket.send_close_stream()
        kinds = [message.type async for message in socket]

    assert kinds[-1] == "Metadata"


async def test_expired_token_is_refused_at_the_handshake(
    world: World, bare: httpx.AsyncClient
) -> None:
    """An old token on reconnect is 401; the loop must fetch a new one."""
    old = issue_token(SETTINGS, 30, 1_600_000_000.0)
    client = client_of(world, bare, access_token=old)
    with pytest.raises(ApiError) as caught:
        async with client.listen.v1.connect(**LISTEN):
            pass

    assert caught.value.status_code == 401


async def test_api_key_under_bearer_is_refused(world: World) -> None:
    """A key under Bearer is a common mistake, and 401."""
    url = f"{world.addresses.deepgram_websocket}/v1/listen"
    headers = {"authorization": "Bearer good"}
    with pytest.raises(websockets.exceptions.InvalidStatus) as caught:
        async with websockets.connect(url, additional_headers=headers):
            pass

    assert caught.value.response.status_code == 401
    assert caught.value.response.headers["dg-error"] == "Invalid credentials."


async def test_token_as_sub_protocol(world: World) -> None:
    """A browser offers ``bearer, TOKEN``; ``bearer`` is echoed."""
    url = f"{world.addresses.deepgram_websocket}/v1/listen"
    token = issue_token(SETTINGS, 30, time.time())
    offered = [websockets.Subprotocol("bearer"), websockets.Subprotocol(token)]
    async with websockets.connect(url, subprotocols=offered) as socket:
        assert socket.subprotocol == "bearer"


async def test_weak_key_may_not_grant(world: World, bare: httpx.AsyncClient) -> None:
    """A key without the role is 403 with the documented body."""
    client = client_of(world, bare, api_key="weak")
    with pytest.raises(ApiError) as caught:
        await client.auth.v1.tokens.grant()

    assert caught.value.status_code == 403
    assert caught.value.body["err_code"] == "FORBIDDEN"
    assert caught.value.body["err_msg"] == "Insufficient permissions."


async def test_projects_by_the_sdk(world: World, bare: httpx.AsyncClient) -> None:
    """Projects, keys, balances and models are read by the SDK's own methods."""
    client = client_of(world, bare, api_key="good")
    (project,) = (await client.manage.v1.projects.list()).projects
    name = project.project_id
    keys = await client.manage.v1.projects.keys.list(name)
    balances = await client.manage.v1.projects.billing.balances.list(name)
    models = await client.manage.v1.models.list()
    model = await client.manage.v1.models.get(models.stt[0].uuid_)

    assert (await client.manage.v1.projects.get(name)).name == project.name
    assert keys.api_keys[0].api_key.scopes
    assert balances.balances[0].amount > 0
    assert model.canonical_name == "nova-3-general"
    with pytest.raises(ApiError) as caught:
        await client.manage.v1.projects.get("none")
    assert caught.value.status_code == 404
    assert caught.value.body["err_code"] == "PROJECT_NOT_FOUND"


ANSWERS: list[tuple[str, Any]] = [
    ("/v1/projects", ListProjectsV1Response),
    (f"/v1/projects/{SETTINGS.project_id}", GetProjectV1Response),
    (f"/v1/projects/{SETTINGS.project_id}/keys", ListProjectKeysV1Response),
    (f"/v1/projects/{SETTINGS.project_id}/balances", ListProjectBalancesV1Response),
    (f"/v1/projects/{SETTINGS.project_id}/members", ListProjectMembersV1Response),
    (f"/v1/projects/{SETTINGS.project_id}/usage", UsageV1Response),
    ("/v1/models", ListModelsV1Response),
    ("/v1/models/40bd3654-e622-47c4-a111-63a61b23bd5f", GetModelV1Response),
]
# In the answers since before the schema; other clients read them.
EXCEPTIONS = {"results: unknown to UsageV1Response"}


@pytest.mark.parametrize(("path", "kind"), ANSWERS, ids=[path for path, _ in ANSWERS])
async def test_answers_are_of_the_sdk_types(
    http: httpx.AsyncClient, path: str, kind: Any
) -> None:
    """No field is unknown to the SDK's types, and none is missing."""
    answer = await http.get(path)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert set(problems(answer.json(), kind)) <= EXCEPTIONS


async def test_grant_is_of_the_sdk_type(world: World, http: httpx.AsyncClient) -> None:
    """The body is compact JSON with two keys; the ledger has the request."""
    answer = await http.post("/v1/auth/grant", json={})

    assert problems(answer.json(), GrantV1Response) == []
    assert json.dumps(answer.json(), separators=(",", ":")) == answer.text
    (attempt,) = world.ledger.attempts
    assert (attempt.surface, attempt.outcome) == ("manage", "accepted")


async def test_other_paths_and_methods(http: httpx.AsyncClient) -> None:
    """The key check, an unknown path and a wrong method, as the service answers."""
    checked = await http.get("/v1/auth/token")
    stranger = await http.get("/v1/auth/token", headers={"authorization": "Token x"})
    unknown = await http.get("/v1/nonsense")
    wrong = await http.get("/v1/auth/grant")

    assert checked.json()["scopes"]
    statuses = [checked, stranger, unknown, wrong]
    assert [answer.status_code for answer in statuses] == [200, 401, 404, 405]


@pytest.fixture(scope="module")
def world_process() -> Iterator[WorldProcess]:
    """Fakes in another process, as a sync client needs them."""
    with WorldProcess(options=["--accept-key=good"]) as running:
        yield running


def test_sync_grant_and_projects(world_process: WorldProcess) -> None:
    """The sync SDK does the same."""
    where = environment(world_process.addresses)
    with httpx.Client() as http:
        client = DeepgramClient(api_key="good", environment=where, httpx_client=http)
        granted = client.auth.v1.tokens.grant()
        projects = client.manage.v1.projects.list().projects

    assert granted.expires_in == 30
    assert granted.access_token.count(".") == 2
    assert projects
