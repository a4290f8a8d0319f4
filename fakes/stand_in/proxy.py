"""A CONNECT proxy that knows the providers' hosts and no others.

For agents that cannot be put into a namespace, but take ``HTTPS_PROXY``. What is asked
for beside the providers is refused and entered in the book.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable

from fakes.loopback import is_loopback
from fakes.stand_in.hosts import Hosts
from fakes.stand_in.visits import VisitBook, What

__all__ = ["Proxy"]

HEAD_SECONDS = 10.0
_LONGEST_HEAD = 16 * 1024
_TLS_PORT = "443"
_TARGET = re.compile(rb"CONNECT \[?([^\s\]]{1,253}?)\]?:(\d{1,5}) HTTP/1\.[01]\r\n")
_PLAIN = re.compile(rb"[A-Z]+ [a-z]+://([^\s/]{1,253})\S* HTTP/1\.[01]\r\n")
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Proxy:
    """Serves CONNECT.

    Args:
        hosts: whom it leads here.
        book: where all others are entered.
        take: serves a connection from there on.
    """

    def __init__(
        self,
        hosts: Hosts,
        book: VisitBook,
        take: Callable[[socket.socket], Awaitable[None]],
    ) -> None:
        self._hosts = hosts
        self._book = book
        self._take = take

    async def serve(self, client: socket.socket) -> None:
        """Serve one connection, of which nothing was read yet."""
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                head = await self._head(client)
                refusal = self._judge(head)
                await loop.sock_sendall(client, refusal or _ESTABLISHED)
        except (OSError, TimeoutError):
            client.close()
            return
        if refusal:
            client.close()
        else:
            await self._take(client)

    async def _head(self, client: socket.socket) -> bytes:
        loop = asyncio.get_running_loop()
        head = b""
        while b"\r\n\r\n" not in head and len(head) < _LONGEST_HEAD:
            # Whoever wants TLS says nothing more before he has our answer.
            received = await loop.sock_recv(client, _LONGEST_HEAD)
            if not received:
                raise ConnectionResetError("the client left")
            head += received
        return head

    def _judge(self, head: bytes) -> bytes:
        """Return the refusal, or nothing for a connection that is let in."""
        if (asked := _TARGET.match(head)) is not None:
            host, port = asked[1].decode("latin-1"), asked[2].decode()
            if port == _TLS_PORT and self._hosts.provider_of(host) is not None:
                return b"" if head.endswith(b"\r\n\r\n") else _refusal(400, "too early")
            where = host if port == _TLS_PORT else f"{host}:{port}"
        elif (asked := _PLAIN.match(head)) is not None:
            where = asked[1].decode("latin-1")
        else:
            return _refusal(400, "this is a proxy: it takes CONNECT host:443")
        if is_loopback(where.rpartition(":")[0] or where):
            return _refusal(403, "addresses of this machine belong into NO_PROXY")
        self._book.enter(What.ELSEWHERE, where)
        return _refusal(403, f"{where} is no host that the fakes stand in for")


def _refusal(status: int, why: str) -> bytes:
    body = f"busyhour: {why}\n".encode("ascii", "replace")
    names = {400: "Bad Request", 403: "Forbidden"}
    return (
        f"HTTP/1.1 {status} {names[status]}\r\ncontent-type: text/plain\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    ).encode() + body
