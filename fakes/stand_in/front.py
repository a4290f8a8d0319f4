"""Speaks TLS in the name of the providers and hands each client to the right fake.

Which fake it is, the name in the client's greeting (SNI) decides, so every fake sees
its connections as it does on its own port, with all its faults.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import cast

from aiohttp import web

from fakes.stand_in.authority import Authority
from fakes.stand_in.hosts import Hosts, Provider
from fakes.stand_in.visits import VisitBook, What

__all__ = ["Front", "missing_app"]

HANDSHAKE_SECONDS = 10.0
_PRUNE_FROM = 256

ProtocolFactory = Callable[[], asyncio.BaseProtocol]


@dataclass
class _Greeting:
    """What one client said before anything was encrypted; None is nothing yet."""

    host: str | None = None


_greeting: ContextVar[_Greeting] = ContextVar("greeting")


class Front:
    """Takes connections in the name of the hosts.

    Args:
        authority: signs what is shown to clients.
        hosts: who answers for which host.
        fakes: makes the protocol of one connection, for every provider.
        book: where those are entered who were not served.
    """

    def __init__(
        self,
        authority: Authority,
        hosts: Hosts,
        fakes: Mapping[Provider, ProtocolFactory],
        book: VisitBook,
    ) -> None:
        self._authority = authority
        self._hosts = hosts
        self._fakes = fakes
        self._book = book
        self._open: list[asyncio.Transport] = []
        self._prune_at = _PRUNE_FROM
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.set_alpn_protocols(["http/1.1"])
        self._context.sni_callback = self._choose

    def close(self) -> None:
        """End what is open; TLS would wait half a minute for a client's goodbye."""
        for transport in self._open:
            transport.abort()
        self._open.clear()

    def _enter(self, transport: asyncio.Transport) -> None:
        # Nobody tells us of the end, and uvloop's transports know no weak references.
        if len(self._open) >= self._prune_at:
            self._open = [known for known in self._open if not known.is_closing()]
            self._prune_at = max(_PRUNE_FROM, 2 * len(self._open))
        self._open.append(transport)

    async def take(self, client: socket.socket) -> None:
        """Serve one connection, of which nothing was read yet."""
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wanted = _address_of(client)
        greeting = _Greeting()
        _greeting.set(greeting)  # the callback below runs in this task's context
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                lambda: _Handover(partial(self._fake_for, greeting), self._enter),
                client,
                ssl=self._context,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
            )
        except (OSError, TimeoutError) as error:
            self._turned_away(greeting, wanted, error)
            client.close()

    def _choose(
        self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext
    ) -> int | None:
        """Show the certificate for the host that the client asks for."""
        _greeting.get().host = name or ""
        if not name or self._hosts.provider_of(name) is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = self._authority.context_for(name.lower())
        return None

    def _fake_for(self, greeting: _Greeting) -> asyncio.BaseProtocol:
        provider = self._hosts.provider_of(greeting.host or "")
        assert provider is not None, "the handshake would have failed"
        if provider is Provider.MISSING:
            self._book.enter(What.MISSING, greeting.host or "")
        return self._fakes[provider]()

    def _turned_away(
        self, greeting: _Greeting, wanted: str, error: OSError | TimeoutError
    ) -> None:
        host = greeting.host
        if host is None:
            # Who says nothing at all is a port scan, or somebody who changed his mind.
            if getattr(error, "reason", "") in ("HTTP_REQUEST", "WRONG_VERSION_NUMBER"):
                self._book.enter(What.PLAIN, wanted)
        elif not host:
            self._book.enter(What.NAMELESS, wanted)
        elif self._hosts.provider_of(host) is None:
            self._book.enter(What.ELSEWHERE, host)
        elif not isinstance(error, TimeoutError):
            self._book.enter(What.UNTRUSTING, host)


class _Handover(asyncio.Protocol):
    """Gives the connection to the fake as soon as it is encrypted."""

    def __init__(
        self, fake: ProtocolFactory, enter: Callable[[asyncio.Transport], None]
    ) -> None:
        self._fake = fake
        self._enter = enter

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        fake = self._fake()
        # uvloop's transports are no asyncio.Transport by type.
        encrypted = cast("asyncio.Transport", transport)
        self._enter(encrypted)
        encrypted.set_protocol(fake)
        fake.connection_made(transport)


def _address_of(client: socket.socket) -> str:
    """Return where the client meant to go."""
    try:
        host, port = client.getsockname()[:2]
    except OSError:
        return ""
    return host if port == 443 else f"{host}:{port}"


def missing_app(hosts: Hosts) -> web.Application:
    """Return what answers for providers that have no fake: 501, and what is missing."""

    async def answer(request: web.Request) -> web.Response:
        host = request.host.partition(":")[0]
        what = hosts.missing(host) or "this service"
        text = (
            f"busyhour stands in for {host}, but has no fake of {what}: there are "
            "Deepgram (listen, speak, agent), chat completions in OpenAI's form and "
            f"Twilio's calls. Asked for: {request.method} {request.path}"
        )
        body = {"error": {"message": text, "type": "not_implemented", "code": 501}}
        return web.json_response(body, status=501)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    return app
