"""A web server for TwiML documents, by path; for tests of whole calls."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl

__all__ = ["Documents", "documents"]


class Documents:
    """What was asked for.

    Attributes:
        url: of the server, without path.
        asked: path and form of each request, in order.
        hosts: the Host header of each.
    """

    def __init__(self, pages: Mapping[str, str]) -> None:
        self.url = ""
        self.port = 0
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.hosts: list[str] = []
        self._pages = pages

    def forms(self, path: str) -> list[dict[str, str]]:
        """Return the forms that were posted to a path."""
        return [form for where, form in self.asked if where == path]

    async def handle(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if line)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        path = first.split()[1]
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        self.asked.append((path, form))
        self.hosts.append(headers["host"])
        page = self._pages.get(path, "").encode()
        status = "200 OK" if page else "204 No Content"
        answer = f"HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nConnection: close\r\n"
        length = f"Content-Length: {len(page)}\r\n" if page else ""
        writer.write(f"{answer}{length}\r\n".encode() + page)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def documents(
    pages: Mapping[str, str], tls: ssl.SSLContext | None = None
) -> AsyncIterator[Documents]:
    """Serve documents on a free port of this machine; no content for other paths."""
    served = Documents(pages)
    server = await asyncio.start_server(served.handle, "127.0.0.1", 0, ssl=tls)
    served.port = server.sockets[0].getsockname()[1]
    served.url = f"{'https' if tls else 'http'}://127.0.0.1:{served.port}"
    try:
        yield served
    finally:
        server.close()
