"""The fake Deepgram's sockets as clients of every kind meet them, on both drivers."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import struct
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
import websockets

from fakes.fault_rules import Rule
from fakes.faults import (
    Close,
    Drop,
    Duplicate,
    Fault,
    HalfOpen,
    Mute,
    Reset,
    Slice,
    SlowReader,
    Stall,
    Throttle,
)
from fakes.speech import Speaker, speak
from fakes.world import DeepgramSettings, World
from voiceutils.mulaw import SILENCE_FRAME

JUDGES = "aiohttp, websockets, httpx"
QUERY = "model=nova-3&encoding=mulaw&sample_rate=8000&tag=CA1"
SAID = speak("Goodbye.", speaker=Speaker.CALLER, call=4729, turn=1).audio
KEEP_ALIVE = '{"type":"KeepAlive"}'
CLOSE_STREAM = '{"type":"CloseStream"}'
JUNK = '{"type":"Junk"}'  # answered with an Error at once
SPEAK = '{"type":"Speak","text":"Hello, you have reached the busy hour line."}'
FLUSH = '{"type":"Flush"}'
pytestmark = [
    pytest.mark.judged("Deepgram: handshakes and sockets", by=JUDGES),
    pytest.mark.judged("Deepgram: faults", by=JUDGES),
]
OPENED: list[socket.socket] = []


@pytest.fixture(params=["swift", "plain"])
async def world(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    """Fakes in this loop, on each driver in turn."""
    monkeypatch.setenv("BUSYHOUR_SOCKETS", request.param)
    settings = DeepgramSettings(listen_pace=0, recogniser_delay=0.02, speech_delay=0.02)
    async with World(deepgram=settings) as running:
        yield running
    while OPENED:
        OPENED.pop().close()


def listen(world: World, **options: object) -> websockets.connect:
    """Open a listen connection."""
    url = f"{world.addresses.deepgram_websocket}/v1/listen?{QUERY}"
    return websockets.connect(url, **options)  # type: ignore[arg-type]


def met(world: World, *faults: Fault) -> None:
    """Have the next connections meet these faults."""
    world.faults.add(Rule(surface="listen", faults=faults))


async def ended(world: World) -> None:
    """Wait until the only attempt is over."""
    limit = time.monotonic() + 3.0
    while world.ledger.attempts[0].closed is None:
        assert time.monotonic() < limit, world.ledger.attempts
        await asyncio.sleep(0.01)


async def raw(world: World, extra: str = "") -> tuple[socket.socket, bytes]:
    """Open a connection by hand; return it with the head of the reply."""
    loop = asyncio.get_running_loop()
    host, _, port = world.addresses.deepgram.removeprefix("http://").partition(":")
    sock = socket.socket()
    OPENED.append(sock)
    sock.setblocking(False)
    await loop.sock_connect(sock, (host, int(port)))
    key = base64.b64encode(os.urandom(16)).decode()
    head = (
        f"GET /v1/listen?{QUERY} HTTP/1.1\r\nHost: fakes\r\nUpgrade: websocket\r\n"
        f"Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        f"Sec-WebSocket-Version: 13\r\n{extra}\r\n"
    )
    await loop.sock_sendall(sock, head.encode())
    reply = b""
    while b"\r\n\r\n" not in reply:
        piece = await asyncio.wait_for(loop.sock_recv(sock, 4096), 2.0)
        if not piece:
            break
        reply += piece
    return sock, reply


def masked(opcode: int, payload: bytes, first: int = 0x80) -> bytes:
    """Return a client's frame, masked with zeros."""
    size = len(payload)
    head = bytes([first | opcode, 0x80 | (size if size < 126 else 126)])
    return head + (b"" if size < 126 else struct.pack("!H", size)) + bytes(4) + payload


async def received(
    sock: socket.socket, until: bytes = b"", within: float = 2.0
) -> bytes:
    """Return what comes until this is in it, or until the end of the connection."""
    loop = asyncio.get_running_loop()
    found = b""
    async with asyncio.timeout(within):
        while not until or until not in found:
            piece = await loop.sock_recv(sock, 4096)
            if not piece:
                break
            found += piece
    return found


async def everything(client: websockets.ClientConnection, heard: list[str]) -> None:
    """Add what comes until the connection ends."""
    while True:
        heard.append(str(await client.recv()))


# --- the handshake ---------------------------------------------------------------


async def test_reply_has_the_headers_of_the_service(world: World) -> None:
    """Request id, CORS headers and the chosen sub-protocol; no compression."""
    sock, reply = await raw(
        world,
        "Sec-WebSocket-Protocol: token, abc\r\nOrigin: https://example.org\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\n",
    )
    sock.close()
    lines = reply.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)

    assert lines[0] == "HTTP/1.1 101 Switching Protocols"
    assert headers["upgrade"] == "websocket"
    assert headers["connection"] == "upgrade"
    assert headers["sec-websocket-protocol"] == "token"
    assert headers["access-control-allow-origin"] == "https://example.org"
    assert headers["access-control-allow-credentials"] == "true"
    assert "dg-request-id" in headers["access-control-expose-headers"]
    assert len(headers["dg-request-id"]) == 36
    assert headers["vary"].startswith("origin")
    assert "date" in headers
    assert "sec-websocket-accept" in headers
    assert "sec-websocket-extensions" not in headers


@pytest.mark.parametrize(
    ("line", "instead"),
    [("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 12"), ("Upgrade\r", "x\r")],
)
async def test_half_a_handshake_is_refused(
    world: World, line: str, instead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that only looks like a handshake gets 400 or 405, never an upgrade."""
    loop = asyncio.get_running_loop()
    send = loop.sock_sendall

    async def other(sock: socket.socket, data: bytes) -> None:
        await send(sock, data.replace(line.encode(), instead.encode()))

    monkeypatch.setattr(loop, "sock_sendall", other)
    sock, reply = await raw(world)
    sock.close()

    assert reply.split()[1] in (b"400", b"405")


async def test_kept_alive_connection_may_upgrade(world: World) -> None:
    """A client that asked over HTTP before opens its socket on the same connection."""
    connector = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(connector=connector) as session:
        async with session.get(f"{world.addresses.deepgram}/v1/listen") as answer:
            await answer.read()
            assert answer.status >= 400
        url = f"{world.addresses.deepgram}/v1/listen?{QUERY}"
        async with session.ws_connect(url) as client:
            await client.send_str(CLOSE_STREAM)
            first = await client.receive_json()

    assert first["type"] == "Metadata"


async def test_stop_closes_running_conversations(world: World) -> None:
    """The fakes end with connections open; the ledger calls those aborted."""
    async with listen(world) as client:
        await client.send(SAID)
        await world.stop()
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(client.recv(), 2.0)

    (attempt,) = world.ledger.attempts
    assert attempt.closed is not None


# --- messages ---------------------------------------------------------------------


async def test_fragments_are_joined(world: World) -> None:
    """A message in parts is one message, with a ping between them answered."""
    sock, _ = await raw(world)
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, masked(1, b'{"type":', first=0) + masked(9, b"hi"))
    assert await received(sock, b"hi") == b"\x8a\x02hi"
    await loop.sock_sendall(sock, masked(0, b'"CloseStream"}'))
    answer = await received(sock, b"Metadata")
    sock.close()

    assert b'"type":"Metadata"' in answer


async def test_bytes_may_come_one_at_a_time(world: World) -> None:
    """Frames are found however TCP cut them."""
    sock, _ = await raw(world)
    loop = asyncio.get_running_loop()
    for byte in masked(2, SAID[:200]) + masked(1, CLOSE_STREAM.encode()):
        await loop.sock_sendall(sock, bytes([byte]))
    answer = await received(sock, b"Metadata")
    sock.close()

    assert b'"duration":0.025' in answer


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (masked(1, b"\xff\xfe"), 1007),
        (masked(1, b"\xc3", first=0) + masked(0, b"("), 1007),
        (masked(0, b"x"), 1002),
        (masked(1, b"x", first=0) + masked(1, b"y"), 1002),
        (masked(1, b"x", first=0xC0), 1002),
        (masked(3, b"x"), 1002),
        (b"\x82\xff" + struct.pack("!Q", 2**24 + 1) + bytes(4), 1009),
    ],
    ids=["text", "joined text", "lone part", "new in part", "rsv", "opcode", "size"],
)
async def test_breach_of_protocol_closes(world: World, sent: bytes, code: int) -> None:
    """What RFC 6455 forbids is answered with its close code, and recorded."""
    sock, _ = await raw(world)
    await asyncio.get_running_loop().sock_sendall(sock, sent)
    answer = await received(sock)
    sock.close()
    await ended(world)

    assert answer[0] == 0x88
    assert struct.unpack("!H", answer[2:4]) == (code,)
    assert world.ledger.attempts[0].close_code == code


@pytest.mark.parametrize(
    ("sent", "answer", "code"),
    [
        (masked(8, b"\x03\xe8bye"), b"\x88\x02\x03\xe8", 1000),
        (masked(8, b"\x0f\xa0"), b"\x88\x02\x0f\xa0", 4000),
        (masked(8, b""), b"\x88", 1005),
    ],
)
async def test_close_is_answered(
    world: World, sent: bytes, answer: bytes, code: int
) -> None:
    """The client's close frame is answered, then TCP ends."""
    sock, _ = await raw(world)
    await asyncio.get_running_loop().sock_sendall(sock, sent)
    assert (await received(sock)).startswith(answer)
    sock.close()
    await ended(world)

    (attempt,) = world.ledger.attempts
    assert (attempt.close_code, attempt.closed_by) == (code, "client")


async def test_client_that_vanishes_is_recorded(world: World) -> None:
    """TCP ended without a close frame counts as 1006."""
    sock, _ = await raw(world)
    sock.close()
    await ended(world)

    (attempt,) = world.ledger.attempts
    assert (attempt.close_code, attempt.closed_by) == (1006, "client")


async def test_close_that_is_not_answered_is_dropped(world: World) -> None:
    """A client that ignores the close frame loses the connection in two seconds."""
    met(world, Close(4001, reason="enough"))
    sock, reply = await raw(world)
    frame = reply.partition(b"\r\n\r\n")[2]
    begun = time.monotonic()
    frame += await received(sock, within=4.0)
    took = time.monotonic() - begun
    sock.close()

    assert frame.startswith(b"\x88\x08\x0f\xa1enough")
    assert 1.5 < took < 3.5


async def test_client_that_does_not_read_is_dropped(world: World) -> None:
    """What waits for a client is bounded: beyond the bound the connection ends."""
    sock, _ = await raw(world)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    loop = asyncio.get_running_loop()
    flood = masked(1, json.dumps({"type": "Junk", "pad": "x" * 4000}).encode()) * 50

    async def pour() -> None:
        while True:
            await loop.sock_sendall(sock, flood)

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(pour(), 20.0)
    sock.close()
    await ended(world)

    assert world.ledger.attempts[0].close_code == 1011


async def test_lateness_is_counted(world: World) -> None:
    """The control interface tells how late messages went out."""
    async with listen(world) as client:
        await client.send(SAID + SILENCE_FRAME * 25)
        await client.recv()
    async with aiohttp.ClientSession() as session:
        url = f"{world.addresses.control}/__fakes/health"
        async with session.get(url) as answer:
            lateness = (await answer.json())["lateness"]

    assert lateness["messages"] >= 1
    assert 0 <= lateness["p50"] <= lateness["max"] < 1.0


# --- faults -----------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Reset(when="knock"), Close(1006, when="knock")])
async def test_fault_before_the_answer(world: World, fault: Fault) -> None:
    """The connection ends with not a byte of an answer."""
    met(world, fault)
    try:
        sock, reply = await raw(world)
        sock.close()
    except ConnectionResetError:
        reply = b""

    assert reply == b""
    assert len(world.ledger.faults()) == 1


@pytest.mark.parametrize(
    "fault", [Reset(when="handshake", after=0.05), Close(when="handshake", after=0.05)]
)
async def test_fault_in_the_answer(world: World, fault: Fault) -> None:
    """The head of the answer breaks off; no client takes it for an upgrade."""
    met(world, fault)
    with pytest.raises((websockets.InvalidMessage, ConnectionResetError, EOFError)):
        await listen(world).__aenter__()

    assert world.ledger.attempts[0].closed_by == "fake"


async def test_stall_at_the_knock_ends(world: World) -> None:
    """A stall of the handshake that is over lets the client in."""
    met(world, Stall(when="knock", seconds=0.15))
    begun = time.monotonic()
    async with listen(world):
        assert time.monotonic() - begun >= 0.15


async def test_half_open_answers_nothing(world: World) -> None:
    """Not even a ping; and the client's leaving is noticed all the same."""
    met(world, HalfOpen(after_received=1))
    async with listen(world, ping_interval=None, close_timeout=0.1) as client:
        await client.send(JUNK)
        assert "Error" in str(await client.recv())
        await client.send(JUNK)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(await client.ping(), 0.2)
    await ended(world)

    assert world.ledger.faults()[0].happened_at is not None


async def test_half_open_hears_nothing_of_what_is_on_its_way(world: World) -> None:
    """A message that came together with the last one heard counts no more."""
    met(world, HalfOpen(after_received=1))
    sock, _ = await raw(world)
    both = masked(2, SILENCE_FRAME) * 2
    await asyncio.get_running_loop().sock_sendall(sock, both)
    await asyncio.sleep(0.1)

    assert world.ledger.attempts[0].messages == 1


async def test_mute_pongs_and_closes(world: World) -> None:
    """Messages are lost, pings answered, and the close comes as it would."""
    met(world, Mute(after_sent=1))
    async with listen(world) as client:
        await client.send(JUNK)
        await client.recv()
        await client.send(JUNK)
        await asyncio.wait_for(await client.ping(), 1.0)
        await client.send(CLOSE_STREAM)
        with pytest.raises(websockets.ConnectionClosedOK):
            await client.recv()


async def test_stall_that_ends_bursts(world: World) -> None:
    """What waited during a stall comes at once after it, in order."""
    met(world, Stall(seconds=0.2))
    async with listen(world) as client:
        begun = time.monotonic()
        for number in range(3):
            await client.send(f'{{"type":"Junk{number}"}}')
        answers = [str(await client.recv()) for _ in range(3)]
        took = time.monotonic() - begun

    assert [f"Junk{n}" in answer for n, answer in enumerate(answers)] == [True] * 3
    assert took >= 0.19


@pytest.mark.parametrize("fault", [Close(1011, after_sent=2), Reset(after_sent=2)])
async def test_fault_after_a_message(world: World, fault: Close | Reset) -> None:
    """Exactly as many messages come as the fault lets through."""
    met(world, fault)
    async with listen(world) as client:
        for _ in range(2):
            await client.send(JUNK)
            await client.recv()
        with pytest.raises(websockets.ConnectionClosedError):
            await client.recv()

    assert world.ledger.attempts[0].closed_by == "fake"


async def test_fault_at_a_word(world: World) -> None:
    """The transcript with the word is never sent."""
    met(world, Close(1011, after_word="goodbye"))
    async with listen(world) as client:
        await client.send(SAID + SILENCE_FRAME * 50)
        await client.send(CLOSE_STREAM)
        heard: list[str] = []
        with pytest.raises(websockets.ConnectionClosedError):
            await everything(client, heard)

    assert not any("oodbye" in message for message in heard)


async def test_lost_and_doubled_messages(world: World) -> None:
    """Drop loses, Duplicate repeats the messages that were picked."""
    met(world, Drop(2), Duplicate(2))
    counts = []
    for _ in range(2):
        async with listen(world) as client:
            for number in range(3):
                await client.send(f'{{"type":"Junk{number}"}}')
            await client.send(CLOSE_STREAM)
            counts.append(["Junk1" in str(message) async for message in client])

    # Three errors and the epilogue; the second error is lost, then doubled.
    assert [len(flags) for flags in counts] == [3, 5]
    assert [sum(flags) for flags in counts] == [0, 2]


async def test_sliced_frames_are_whole(world: World) -> None:
    """Frames in small pieces are the same messages; so are pong and close frame."""
    met(world, Slice(size=7, gap=0.001))
    async with listen(world) as client:
        await client.send(JUNK)
        await asyncio.wait_for(await client.ping(), 1.0)
        assert "Error" in str(await client.recv())
        await client.send(CLOSE_STREAM)
        assert "Metadata" in str(await client.recv())
        with pytest.raises(websockets.ConnectionClosedOK):
            await client.recv()


async def test_throttled_connection_takes_its_time(world: World) -> None:
    """Messages come as fast as the fault lets bytes through."""
    met(world, Throttle(2000.0))
    async with listen(world) as client:
        begun = time.monotonic()
        size = 0
        for _ in range(4):
            await client.send(JUNK)
        for _ in range(4):
            size += len(await client.recv())
        took = time.monotonic() - begun

    assert took > 0.7 * size / 2000.0


@pytest.mark.parametrize("rate", [0.0, 20_000.0])
async def test_slow_reader_blocks_the_client(world: World, rate: float) -> None:
    """The client's sending comes to a halt, or to the pace of the reader."""
    met(world, SlowReader(rate))
    loop = asyncio.get_running_loop()
    sock, _ = await raw(world)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    frames = masked(2, SILENCE_FRAME) * 2000

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(loop.sock_sendall(sock, frames * 20), 0.4)
    heard = world.ledger.attempts[0].audio_bytes
    sock.close()

    assert heard < 200_000
    assert (heard > 0) == (rate > 0)
