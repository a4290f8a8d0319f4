"""The process beside an agent that is kept to itself: the only way in and out.

It stands with one thread in the agent's network and with all others outside. In: what
the agent listens on is opened outside under the same port. Out: the providers' ports,
handed to the fakes, and ports of this machine that were let through. All else is noted.
It ends with the agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import msgspec

from fakes.addresses import Addresses
from fakes.event_loop import run
from fakes.stand_in.accepting import Acceptor
from fakes.stand_in.door import hand_out
from fakes.stand_in.hosts import Hosts
from fakes.stand_in.listening import listening_ports
from fakes.stand_in.names import answer_to
from fakes.stand_in.namespace import HERE, enter_network, make_loopback_whole
from fakes.stand_in.relay import Relay
from fakes.stand_in.visits import VisitBook, What
from fakes.stand_in.watch import outside_sockets, wanted
from voiceutils.errors import NotConnected

__all__ = ["keep_gate"]

T = TypeVar("T")

_TLS_PORT, _NAMES_PORT = 443, 53
# To look is to walk through all connections of the machine: 8 ms. An agent that starts
# is waited for; what it opens later is found soon enough.
_LOOK_FIRST, _LOOK_EVERY = 0.1, 1.0
_TELL_EVERY = 0.05
_TELL_SECONDS = 2.0
_BACKLOG = 1024
_SIX = 28  # asked together with the other kind of address, so not counted


def keep_gate(
    agent: int,
    addresses: Addresses,
    through: tuple[int, ...],
    ready: Callable[[], None],
) -> None:
    """Keep the gate of an agent until it ends.

    Args:
        agent: number of the process whose network it is.
        addresses: of the fakes.
        through: ports of this machine that the agent may reach.
        ready: is called when the gate is open.

    Raises:
        VoiceError: it cannot be opened.
    """
    gate = _Gate(agent, addresses, through)
    run(gate.keep(ready))


class _Gate:
    def __init__(
        self, agent: int, addresses: Addresses, through: tuple[int, ...]
    ) -> None:
        self._agent = agent
        self._control = addresses.control
        if addresses.stand_in is None:
            raise NotConnected("these fakes stand in for nobody: give --stand-in")
        self._stand_in = addresses.stand_in
        self._known = {*addresses.stand_in.hosts, "localhost", socket.gethostname()}
        self._hosts = Hosts()
        self._through = through
        self._book = VisitBook()
        network = os.open(f"/proc/{agent}/ns/net", os.O_RDONLY)
        self._inside = ThreadPoolExecutor(1, "inside", partial(enter_network, network))
        self._outside = ThreadPoolExecutor(1, "telling")
        self._doors: dict[int, tuple[Acceptor, socket.socket]] = {}

    async def keep(self, ready: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        over = asyncio.Event()
        process = os.pidfd_open(self._agent)
        loop.add_reader(process, over.set)
        line = await self._open()
        ready()
        ways_out = [await self._let_through(port) for port in self._through]
        work = [asyncio.create_task(self._follow()), asyncio.create_task(self._tell())]
        try:
            await over.wait()
        finally:
            loop.remove_reader(process)
            line.close()
            for task in work:
                task.cancel()
            for acceptor in [*ways_out, *(door[0] for door in self._doors.values())]:
                await acceptor.close()
            with contextlib.suppress(OSError):
                await self._tell_once()

    # --- out -------------------------------------------------------------------------

    async def _open(self) -> socket.socket:
        try:
            await self._in_there(make_loopback_whole)
            providers = await self._in_there(partial(_bound, HERE, _TLS_PORT))
            names = await self._in_there(partial(_udp, HERE, _NAMES_PORT))
            watches = await self._in_there(outside_sockets)
        except OSError as error:
            text = f"the agent's network cannot be set up: {error}"
            raise NotConnected(text) from error
        loop = asyncio.get_running_loop()
        loop.add_reader(names, self._answer, names)
        for watch in watches:
            loop.add_reader(watch, self._see, watch)
        return await asyncio.to_thread(hand_out, self._stand_in.door, [providers])

    async def _in_there(self, make: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._inside, make)

    def _is_known(self, name: str) -> bool:
        return name in self._known or self._hosts.provider_of(name) is not None

    def _answer(self, names: socket.socket) -> None:
        with contextlib.suppress(OSError):
            packet, asker = names.recvfrom(4096)
            answer = answer_to(packet, self._is_known, HERE)
            if answer is None:
                return
            if not answer.known and answer.kind != _SIX:
                self._book.enter(What.ELSEWHERE, answer.name)
            names.sendto(answer.packet, asker)

    def _see(self, watch: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if host := wanted(watch.recv(64)):
                self._book.enter(What.ELSEWHERE, host)

    async def _let_through(self, port: int) -> Acceptor:
        async def outside() -> socket.socket:
            return _tcp()

        acceptor = Acceptor(Relay(outside, (HERE, port)).serve)
        acceptor.listen(await self._in_there(partial(_bound, HERE, port)))
        return acceptor

    # --- in --------------------------------------------------------------------------

    async def _follow(self) -> None:
        """Open outside what the agent listens on, and close what it no longer does."""
        not_his = {_TLS_PORT, *self._through}
        while True:
            ports = listening_ports(self._agent) - not_his
            for port in ports - self._doors.keys():
                try:
                    listener = _bound(HERE, port)
                except OSError as error:  # somebody else's; to be seen in the log
                    print(f"busyhour: port {port}: {error.strerror}", file=sys.stderr)
                    not_his.add(port)
                    continue
                relay = Relay(partial(self._in_there, _tcp), (HERE, port))
                acceptor = Acceptor(relay.serve)
                acceptor.listen(listener)
                self._doors[port] = acceptor, listener
            for port in self._doors.keys() - ports:
                acceptor, listener = self._doors.pop(port)
                acceptor.forget(listener)
            await asyncio.sleep(_LOOK_EVERY if self._doors else _LOOK_FIRST)

    # --- the book --------------------------------------------------------------------

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(_TELL_EVERY)
            with contextlib.suppress(OSError):  # the fakes may be gone before the agent
                await self._tell_once()

    async def _tell_once(self) -> None:
        visits = self._book.visits
        if not visits:
            return
        self._book.reset()
        request = urllib.request.Request(
            f"{self._control}/__fakes/stand-in", msgspec.json.encode(visits)
        )
        ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
        loop = asyncio.get_running_loop()
        told = partial(ask, request, timeout=_TELL_SECONDS)
        (await loop.run_in_executor(self._outside, told)).close()


def _tcp() -> socket.socket:
    made = socket.socket()
    made.setblocking(False)
    return made


def _bound(host: str, port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _udp(host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((host, port))
    made.setblocking(False)
    return made
