"""An agent in a process of its own, for cases that look at the process.

Its output is kept whole, its sockets and processor time are read from ``/proc``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple
from weakref import WeakKeyDictionary

from fakes.addresses import Addresses
from fakes.processes import AgentProcess
from voiceutils.errors import NotConnected

__all__ = [
    "NOT_KEPT",
    "Keeping",
    "Launch",
    "OwnAgent",
    "launcher",
    "starts_here",
    "unsigned_environment",
]

_MOST_OUTPUT = 4_000_000  # characters
_AT_ONCE = 2  # agents that start
_starts: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
    WeakKeyDictionary()
)

# From further environment to an agent that is not started yet.
Launch = Callable[[Mapping[str, str]], "OwnAgent"]


class Keeping(NamedTuple):
    """How an agent is kept to itself; see :class:`~fakes.processes.AgentProcess`."""

    stand_in: bool = False
    let_through: tuple[int, ...] = ()


NOT_KEPT = Keeping()


def starts_here() -> asyncio.Semaphore:
    """Return of what to take one to start an agent, in the running event loop.

    Agents that start at once would make each other, and every call, late.
    """
    loop = asyncio.get_running_loop()
    return _starts.setdefault(loop, asyncio.Semaphore(_AT_ONCE))


def unsigned_environment(keeping: Keeping) -> dict[str, str]:
    """Return what tells an agent that webhooks are not signed.

    Agents that take their settings from nobody have a token, for Twilio's REST
    interface; if they check signatures, they must be told of it.
    """
    return {} if keeping.stand_in else {"TWILIO_AUTH_TOKEN": ""}


class OwnAgent(AgentProcess):
    """An agent that one case has for itself."""

    name = "the agent's own process"

    def __init__(
        self,
        addresses: Addresses,
        command: str | Sequence[str] | None,
        env: Mapping[str, str],
        keeping: Keeping = NOT_KEPT,
    ) -> None:
        super().__init__(addresses, command, env, **keeping._asdict())
        self._written: list[str] = []
        self._length = 0

    @property
    def output(self) -> str:
        """All that it wrote to stdout and stderr."""
        return "".join(self._written)

    @property
    def sockets(self) -> int:
        """How many sockets it has open, listening ones included."""
        count = 0
        for entry in Path(f"/proc/{self._number}/fd").iterdir():
            try:
                count += entry.readlink().name.startswith("socket:")
            except OSError:
                continue  # closed meanwhile
        return count

    @property
    def processor_seconds(self) -> float:
        """Processor time that it has used so far."""
        text = Path(f"/proc/{self._number}/stat").read_text("ascii")
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    @property
    def memory(self) -> int:
        """Bytes that it holds in memory."""
        pages = Path(f"/proc/{self._number}/statm").read_text("ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def terminate(self) -> None:
        """Send SIGTERM, as a deployment does."""
        os.kill(self._number, signal.SIGTERM)

    @property
    def _number(self) -> int:
        if self.pid is None:
            raise NotConnected("the agent is not started")
        return self.pid

    def _keep(self, line: str) -> None:
        if self._length < _MOST_OUTPUT:
            self._written.append(line)
            self._length += len(line)

    def _read_output(self, stream: IO[str]) -> None:
        for line in _lines(stream):
            self._keep(line)
            if self._declared is None:
                self._declared = self._declaration(line)

    def _read_errors(self, stream: IO[str]) -> None:
        for line in _lines(stream):
            self._keep(line)
            self._errors.append(line.rstrip())


def _lines(stream: IO[str]) -> Iterator[str]:
    """Yield lines until the process, or our end of the pipe, is closed."""
    with contextlib.suppress(ValueError, OSError):
        yield from stream


def launcher(
    addresses: Addresses,
    command: str | None = None,
    mutant: str = "",
    keeping: Keeping = NOT_KEPT,
) -> Launch:
    """Return what starts an agent of one kind.

    Args:
        addresses: of the fakes.
        command: how to start it; None is the reference agent.
        mutant: or the mutant of this name.
        keeping: whether and how it is kept to itself.
    """
    whole: str | list[str] | None = command
    if mutant:
        module = [sys.executable, "-m", "conformance.mutants"]
        whole = [*module, "--json", "--only", mutant]

    def launch(env: Mapping[str, str]) -> OwnAgent:
        unsigned = unsigned_environment(keeping)
        return OwnAgent(addresses, whole, {**unsigned, **env}, keeping)

    return launch
