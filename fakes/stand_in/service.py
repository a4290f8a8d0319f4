"""The stand-in of one world: TLS port, proxy, door, and their control interface."""

from __future__ import annotations

import socket
from collections.abc import Mapping

import msgspec
from aiohttp import web

from fakes.addresses import StandInAddresses
from fakes.stand_in.accepting import Acceptor
from fakes.stand_in.authority import authority_in, default_folder
from fakes.stand_in.door import Door
from fakes.stand_in.front import Front, ProtocolFactory
from fakes.stand_in.hosts import Hosts, Provider
from fakes.stand_in.proxy import Proxy
from fakes.stand_in.visits import Visit, VisitBook, account_of
from voiceutils.errors import SettingError

__all__ = ["StandIn"]

HERE = "127.0.0.1"
_BACKLOG = 1024


class StandIn:
    """Stands in for the providers' hosts.

    Args:
        hosts: which ones.
        address: where the TLS front is bound.
        port: of the TLS front; 0 is any free one, here and below.
        proxy_port: of the CONNECT proxy.

    Attributes:
        book: who came and was not served.
    """

    def __init__(
        self,
        hosts: Hosts | None = None,
        *,
        address: str = HERE,
        port: int = 0,
        proxy_port: int = 0,
    ) -> None:
        self.hosts = hosts or Hosts()
        self.book = VisitBook()
        self._places = ((address, port), (HERE, proxy_port))
        self._acceptors: list[Acceptor] = []
        self._door: Door | None = None
        self._front: Front | None = None

    def add_to(self, control: web.Application) -> None:
        """Add ``/__fakes/stand-in`` to the control interface."""
        control.router.add_get("/__fakes/stand-in", self._tell)
        control.router.add_post("/__fakes/stand-in", self._enter)

    async def open(self, fakes: Mapping[Provider, ProtocolFactory]) -> StandInAddresses:
        """Start; returns where.

        Raises:
            SettingError: a port is taken, or there is no place for the authority.
        """
        authority = authority_in(default_folder())
        front = self._front = Front(authority, self.hosts, fakes, self.book)
        proxy = Proxy(self.hosts, self.book, front.take)
        serving = (("the stand-in", front.take), ("its proxy", proxy.serve))
        bound = []
        for (name, serve), place in zip(serving, self._places, strict=True):
            acceptor = Acceptor(serve)
            listener = _listener(name, place)
            bound.append(listener.getsockname()[1])
            acceptor.listen(listener)
            self._acceptors.append(acceptor)
        self._door = Door(self._acceptors[0])
        self._door.open()
        return StandInAddresses(
            tls=f"127.0.0.1:{bound[0]}",
            proxy=f"http://127.0.0.1:{bound[1]}",
            authority=str(authority.file),
            door=self._door.path,
            hosts=self.hosts.named,
        )

    async def close(self) -> None:
        """Stop listening; harmless when repeated."""
        if self._door is not None:
            await self._door.close()
            self._door = None
        for acceptor in self._acceptors:
            await acceptor.close()
        self._acceptors.clear()
        if self._front is not None:
            self._front.close()

    async def _tell(self, _: web.Request) -> web.Response:
        visits = self.book.visits
        content = {"visits": visits, "account": account_of(visits)}
        body = msgspec.json.encode(content)
        return web.Response(body=body, content_type="application/json")

    async def _enter(self, request: web.Request) -> web.Response:
        try:
            told = msgspec.json.decode(await request.read(), type=list[Visit])
        except msgspec.DecodeError as error:
            raise SettingError(f"no list of visits: {error}") from error
        for visit in told:
            self.book.enter(visit.what, visit.host, visit.count)
        return await self._tell(request)


def _listener(name: str, place: tuple[str, int]) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        why = error.strerror or error
        text = f"port {place[1]} for {name} cannot be used: {why}"
        raise SettingError(f"{text}; choose another, or 0 for a free one") from error
    return listener
