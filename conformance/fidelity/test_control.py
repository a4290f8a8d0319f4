"""The control interface as a test in any language uses it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import websockets

from fakes.faults import Refuse
from fakes.world import World

pytestmark = pytest.mark.judged(
    "Control interface, /__fakes", by="aiohttp, websockets, httpx"
)

LISTEN = "/v1/listen?model=nova-3&encoding=mulaw&sample_rate=8000"
CANARY = "canary-key-5f2c1e"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Fakes in this loop, on two ports."""
    async with World(further_deepgram_ports=(0,)) as running:
        yield running


@pytest.fixture
async def control(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the control interface."""
    base = f"{world.addresses.control}/__fakes"
    async with httpx.AsyncClient(base_url=base) as client:
        yield client


async def status_of(url: str, key: str = "") -> int:
    """Return 101 or the status of the refusal."""
    headers = {"Authorization": f"Token {key}"} if key else {}
    try:
        async with websockets.connect(url, additional_headers=headers):
            return 101
    except websockets.InvalidStatus as refused:
        return refused.response.status_code


async def test_rules_are_added_listed_and_forgotten(
    world: World, control: httpx.AsyncClient
) -> None:
    """POST, GET and DELETE of the rules."""
    rule = {"surface": "listen", "script": "refuse-503"}
    assert (await control.post("/faults", json=rule)).status_code == 200
    listed = (await control.get("/faults")).json()["rules"]
    assert [(r["surface"], r["script"]) for r in listed] == [("listen", "refuse-503")]
    url = world.addresses.deepgram_websocket + LISTEN
    assert [await status_of(url) for _ in range(2)] == [503, 503]

    assert (await control.delete("/faults")).json() == {"rules": []}
    assert (await control.get("/faults")).json()["rules"] == []
    assert await status_of(url) == 101


async def test_scripts_are_listed_and_chosen_by_path(
    world: World, control: httpx.AsyncClient
) -> None:
    """Every script has its name in the list; the path alone chooses one."""
    scripts = (await control.get("/scripts")).json()
    assert scripts["refuse-402"]["faults"][0]["status"] == 402
    url = f"{world.addresses.deepgram_websocket}/refuse-402{LISTEN}"

    assert await status_of(url) == 402


async def test_rules_find_keys_and_ports(
    world: World, control: httpx.AsyncClient
) -> None:
    """By the beginning of a key, or by the port; the key is nowhere to be read."""
    rule = {
        "surface": "listen", "key_prefix": CANARY[:6], "repeat": True,
        "faults": [{"type": "Refuse", "status": 402}],
    }  # fmt: skip
    await control.post("/faults", json=rule)
    first, second = world.deepgram_ports
    await control.post(
        "/faults",
        json={"surface": "listen", "port": second, "script": "refuse-500"},
    )
    url = "ws://127.0.0.1:{}" + LISTEN

    assert await status_of(url.format(first), CANARY) == 402
    assert await status_of(url.format(first), "another-key") == 101
    assert await status_of(url.format(second)) == 500
    for path in ("/faults", "/ledger", "/ledger.jsonl", "/verdict"):
        assert CANARY not in (await control.get(path)).text


async def test_cap_lets_running_connections_be(world: World) -> None:
    """The third connection is refused with 429 until one of two has ended."""
    rule = {"surface": "listen", "faults": [{"type": "Cap", "connections": 2}]}
    async with httpx.AsyncClient() as http:
        await http.post(f"{world.addresses.control}/__fakes/faults", json=rule)
    url = world.addresses.deepgram_websocket + LISTEN
    async with websockets.connect(url) as first:
        async with websockets.connect(url):
            assert [await status_of(url) for _ in range(3)] == [429] * 3
            await (await first.ping())
        for _ in range(100):
            if world.ledger.attempts[1].closed is not None:
                break
            await asyncio.sleep(0.01)
        assert await status_of(url) == 101
        await (await first.ping())


async def test_ledger_as_lines(world: World, control: httpx.AsyncClient) -> None:
    """One line of JSON for each attempt, with its timeline and its charge."""
    url = f"{world.addresses.deepgram_websocket}{LISTEN}&tag=CA1"
    async with websockets.connect(url) as socket:
        await socket.send(b"\xff" * 800)
        await socket.send('{"type":"CloseStream"}')
        assert [json.loads(m)["type"] async for m in socket][-1] == "Metadata"
    for number in range(200):
        world.ledger.knock("chat", f"CA{number + 2}", 1.0)
    answer = await control.get("/ledger.jsonl")
    lines = [json.loads(line) for line in answer.text.splitlines()]

    assert answer.headers["content-type"] == "application/x-ndjson"
    assert len(lines) == 201
    assert lines[0]["charge"] == {"unit": "audio seconds", "amount": 0.1}
    told = [(entry["by"], entry["kind"]) for entry in lines[0]["timeline"]]
    assert told[:2] == [("client", "audio"), ("client", "CloseStream")]
    assert told[-2:] == [("fake", "Metadata"), ("fake", "close 1000")]
    one = (await control.get("/ledger.jsonl", params={"group": "CA1"})).text
    assert [json.loads(line)["group"] for line in one.splitlines()] == ["CA1"]


async def test_verdict_over_http(world: World, control: httpx.AsyncClient) -> None:
    """Findings with evidence; limits and a group may be given."""
    rule = {"surface": "listen", "script": "refuse-401"}
    await control.post("/faults", json=rule)
    url = f"{world.addresses.deepgram_websocket}{LISTEN}&tag=CA1"
    for _ in range(3):
        await status_of(url)
    found = (await control.get("/verdict", params={"group": "CA1"})).json()["findings"]

    assert [(f["code"], f["count"]) for f in found] == [("permanent_error_retried", 2)]
    assert found[0]["evidence"][0]["attempt"] == world.ledger.attempts[1].id
    params = {"permanent_window": "0", "least_wait": "0"}
    assert (await control.get("/verdict", params=params)).json() == {"findings": []}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/faults", b"{", 400),
        ("POST", "/faults", b"\xff\xfe", 400),
        ("POST", "/faults", b"[" * 100_000, 400),
        ("POST", "/faults", b'{"surface":"listen","faults":[{"type":"Bang"}]}', 400),
        ("POST", "/faults", b'{"surface":5}', 400),
        ("POST", "/faults", b"x" * 2_000_000, 413),
        ("PUT", "/faults", b"", 405),
        ("GET", "/verdict?least_wait=soon", b"", 400),
        ("GET", "/verdict?lest_wait=1", b"", 400),
        ("GET", "/verdict?silence=nan", b"", 400),
        ("GET", "/ledger/calls/" + "9" * 5000, b"", 404),
        ("GET", "/ledger/calls/x", b"", 404),
        ("GET", "/nowhere", b"", 404),
    ],
)
async def test_bad_input_is_one_line_of_json(
    control: httpx.AsyncClient, method: str, path: str, body: bytes, status: int
) -> None:
    """Never a traceback, never a page of HTML."""
    answer = await control.request(method, path, content=body)

    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error
    assert "\n" not in error
    assert "Traceback" not in error


async def test_refusals_of_a_rule_are_among_what_fired(
    world: World, control: httpx.AsyncClient
) -> None:
    """GET /faults tells which attempts met which fault."""
    assert world.faults.next("listen", "refuse-503") == Refuse(503)
    await status_of(f"{world.addresses.deepgram_websocket}/refuse-503{LISTEN}")
    fired = (await control.get("/faults")).json()["fired"]

    assert [(f["fault"], f["surface"]) for f in fired] == [("Refuse", "listen")]
