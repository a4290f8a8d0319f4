"""Booths: an agent and the fakes that one case at a time has for itself.

An agent that does not say whose request is whose can meet faults only where nobody else
calls. If we start it ourselves, there are several booths, each with fakes and an agent
of its own; else there is one, the agent itself, while all other cases are silent.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from typing import NamedTuple

import httpx
import msgspec

from conformance._control import control_client
from conformance._lines import Lines
from conformance._own_agent import Launch, starts_here
from fakes.ledger import Attempt
from fakes.processes import AgentProcess, WorldProcess, visits_at
from fakes.stand_in.visits import Visit, VisitBook

__all__ = ["BOOTHS", "Booth", "Booths"]

# Each takes two processes; how many have calls at once, the lines decide.
BOOTHS = 4 * (os.cpu_count() or 1)
# Whatever the last case left open has so long to be closed.
_QUIET_SECONDS = 1.5
_POLL = 0.1
# What a booth costs beside its call, in calls.
_LINES = 2


class Booth(NamedTuple):
    """Where the only case of the moment calls.

    Attributes:
        agent: address of the agent.
        control: address of the fakes' control interface.
        launch: starts another process of the agent with these fakes.
        world: the fakes, where they are of this booth.
        process: the agent, likewise.
        detours: where its public name leads, if it has one.
        another: builds a process of the agent that can take its place.
    """

    agent: str
    control: str
    launch: Launch | None = None
    world: WorldProcess | None = None
    process: AgentProcess | None = None
    detours: Mapping[str, str] = {}
    another: Callable[[], AgentProcess] | None = None

    def visits(self) -> list[Visit]:
        """Return who came to hosts of others since the last case."""
        return [] if self.world is None else visits_at(self.world.addresses)

    def renewed(self) -> Booth:
        """Return it with another agent, if the agent is of this booth."""
        if self.process is None or self.another is None:
            return self
        self.process.stop()
        process = self.another()
        agent = process.start()
        return self._replace(process=process, agent=agent, detours=process.detours)

    def close(self) -> None:
        """End what was started for it."""
        for started in (self.process, self.world):
            if started is not None:
                started.stop()

    async def clear(self) -> bool:
        """Forget the last case; return whether it has left nothing behind."""
        if self.process is not None and self.process.poll() is not None:
            return False
        async with control_client(self.control) as http:
            (await http.delete("/__fakes/faults")).raise_for_status()
            quiet = await _is_quiet(http)
            (await http.post("/__fakes/reset")).raise_for_status()
        return quiet


async def _is_quiet(http: httpx.AsyncClient) -> bool:
    for _ in range(round(_QUIET_SECONDS / _POLL)):
        content = (await http.get("/__fakes/ledger")).raise_for_status().json()
        attempts = msgspec.convert(content["attempts"], list[Attempt])
        if not any(one.opened and one.closed is None for one in attempts):
            return True
        await asyncio.sleep(_POLL)
    return False


class Booths:
    """The booths of a session, opened when they are first needed.

    Attributes:
        shared: whether the one booth is where all other cases call, too.
        visits: who came to hosts of others in the booths.

    Args:
        build: opens another one; blocks while its processes start.
        most: how many there may be.
        shared: see above.
    """

    def __init__(
        self, build: Callable[[], Booth], most: int = BOOTHS, *, shared: bool = False
    ) -> None:
        self.shared = shared
        self.visits = VisitBook()
        self._build = build
        self._free: list[Booth] = []
        self._all: list[Booth] = []
        self._places = asyncio.Semaphore(1 if shared else most)

    @contextlib.asynccontextmanager
    async def take(self, lines: Lines, count: int = 1) -> AsyncIterator[Booth]:
        """Lend a booth in which nothing goes on.

        An agent that a case has left with open sockets, or dead, is replaced by a new
        process, where it is ours.

        Args:
            lines: from which those of the booth are taken; all of them if it is shared.
            count: how many the case needs.
        """
        count = lines.most if self.shared else max(count, _LINES)
        async with self._places, lines.take(count):
            booth = self._free.pop() if self._free else await self._open(self._build)
            try:
                if not await booth.clear():
                    booth = await self._open(booth.renewed)
                yield booth
            finally:
                self._free.append(booth)
                self.visits.add(await asyncio.to_thread(booth.visits))

    async def _open(self, build: Callable[[], Booth]) -> Booth:
        async with starts_here():
            booth = await asyncio.to_thread(build)
        self._all.append(booth)
        return booth

    def close(self) -> None:
        """Close them all; nobody may be in one any more."""
        for booth in self._all:
            booth.close()
