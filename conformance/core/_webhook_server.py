"""A web server that answers as it is told and keeps what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple
from urllib.parse import parse_qsl

__all__ = ["Asked", "Plan", "Server", "answer", "serving"]


class Asked(NamedTuple):
    """A request as it came over the wire; header names as they were written."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """Return a header's value, empty when it is missing."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return found[0] if found else ""

    @property
    def form(self) -> dict[str, str]:
        """Return the decoded form."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


def answer(
    status: int = 200, body: bytes = b"<Response/>", *headers: tuple[str, str]
) -> bytes:
    """Return a whole answer."""
    fields = [
        ("Content-Type", "text/xml"),
        *headers,
        ("Content-Length", str(len(body))),
    ]
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"HTTP/1.1 {status} OK\r\n{lines}\r\n".encode() + body


# Bytes to send; or what to do with the connection instead; None closes it.
Plan = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]] | None


class Server:
    """Answers the n-th request with the n-th plan, the last one for ever."""

    def __init__(self, plans: tuple[Plan, ...]) -> None:
        self.asked: list[Asked] = []
        self.port = 0
        self._plans = plans

    @property
    def url(self) -> str:
        """The address of a voice webhook."""
        return f"http://127.0.0.1:{self.port}/voice"

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve one connection, one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            method, target, _ = first.split(" ")
            pairs = (line.partition(":") for line in lines)
            headers = tuple((name, value.strip()) for name, _, value in pairs)
            asked = Asked(method, target, headers, b"")
            length = int(asked.header("Content-Length") or 0)
            self.asked.append(asked._replace(body=await reader.readexactly(length)))
            plan = self._plans[min(len(self.asked), len(self._plans)) - 1]
            if callable(plan):
                await plan(writer)
            elif plan is not None:
                writer.write(plan)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(*plans: Plan) -> AsyncIterator[Server]:
    """Serve on a free port of this machine."""
    server = Server(plans or (answer(),))
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
