"""A tiny agent on real sockets: echoes what it hears; for the phone's own tests."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response


class TinyAgent:
    """What the agent saw, and how it misbehaves.

    Attributes:
        upgrades: headers of each upgrade request.
        events: the kinds of messages received, media left out.
        was_reset: whether the last socket to break ended with a TCP reset.
        closes: close code of each socket, None after a reset or drop.
        on_start: called after the start message, in place of echoing.
        refuse: status that answers the upgrade.
    """

    def __init__(self) -> None:
        self.url = ""
        self.port = 0
        self.paths: list[str] = []
        self.upgrades: list[dict[str, str]] = []
        self.events: list[str] = []
        self.closes: list[int | None] = []
        self.on_start: Callable[[ServerConnection, str], Awaitable[None]] | None = None
        self.was_reset = False
        self.started = asyncio.Event()  # the first start message has come
        self.refuse: HTTPStatus | None = None

    def process(self, media: ServerConnection, request: Request) -> Response | None:
        self.paths.append(request.path)
        self.upgrades.append({k.lower(): v for k, v in request.headers.raw_items()})
        return media.respond(self.refuse, "no\n") if self.refuse else None

    async def serve(self, media: ServerConnection) -> None:
        try:
            async for text in media:
                await self.answer(media, json.loads(text))
        except ConnectionClosed as closed:
            self.was_reset = isinstance(closed.__cause__, ConnectionResetError)
        await media.wait_closed()
        received = media.protocol.close_rcvd
        self.closes.append(received.code if received else None)

    async def answer(self, media: ServerConnection, message: dict[str, Any]) -> None:
        if message["event"] == "media":
            if self.on_start is None:
                body = {"payload": message["media"]["payload"]}
                sid = message["streamSid"]
                echo = {"event": "media", "streamSid": sid, "media": body}
                await media.send(json.dumps(echo))
            return
        self.events.append(message["event"])
        if message["event"] == "start":
            self.started.set()
        if message["event"] == "start" and self.on_start is not None:
            await self.on_start(media, message["streamSid"])


@asynccontextmanager
async def tiny_agent(tls: ssl.SSLContext | None = None) -> AsyncIterator[TinyAgent]:
    """Serve an agent on a free port of this machine."""
    agent = TinyAgent()
    async with serve(
        agent.serve, "127.0.0.1", 0, process_request=agent.process, ssl=tls
    ) as server:
        agent.port = next(iter(server.sockets)).getsockname()[1]
        scheme = "ws" if tls is None else "wss"
        agent.url = f"{scheme}://127.0.0.1:{agent.port}/media"
        yield agent


@asynccontextmanager
async def webhook(answer: bytes | None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Answer every connection with these bytes; None never answers."""
    heads: list[bytes] = []
    over = asyncio.Event()

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        if answer is None:
            await over.wait()
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/voice", heads
    finally:
        over.set()
        server.close()


def twiml(url: str, status: str = "200 OK") -> bytes:
    """Return a whole HTTP answer that connects the call to a media socket."""
    body = f'<Response><Connect><Stream url="{url}"/></Connect></Response>'
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/xml\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()
