"""The fakes, the agent under test and the mutants, each in a process of its own."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from conformance._exchange import CLEAN
from conformance._own_agent import Launch, launcher
from fakes.addresses import USUAL_PORTS, Addresses
from fakes.backoff_policy import Policy, declared_policy
from fakes.loopback import is_loopback
from fakes.processes import AgentProcess, WorldProcess, running_world
from voiceutils.errors import NotConnected

__all__ = ["Agents", "Fakes", "start_agents", "start_fakes"]

_KNOCK_SECONDS = 3.0


class Fakes:
    """Deepgram and the model, running; ``process`` is None when they are not ours."""

    def __init__(self, addresses: Addresses, process: WorldProcess | None) -> None:
        self.addresses = addresses
        self._process = process

    def stop(self) -> None:
        """End them, unless somebody else started them."""
        if self._process is not None:
            self._process.stop()


def start_fakes(*, known_ports: bool) -> Fakes:
    """Start the fakes on free ports.

    Args:
        known_ports: use those of ``python -m fakes``, or the fakes that are there.
    """
    if known_ports and (running := running_world()) is not None:
        return Fakes(running, None)
    process = WorldProcess()
    if known_ports:
        process = WorldProcess(
            deepgram_port=USUAL_PORTS.deepgram,
            model_port=USUAL_PORTS.model,
            control_port=USUAL_PORTS.control,
        )
    return Fakes(process.start(), process)


class Agents:
    """The agent under test and the mutants.

    Attributes:
        addresses: whom to call, by name; CLEAN is the agent under test.
        backoff: what the agent under test declares of its retries.
        launchers: how to start another process of each, where that is possible.
    """

    def __init__(self) -> None:
        self.addresses: dict[str, str] = {}
        self.backoff: Policy | None = None
        self.launchers: dict[str, Launch] = {}
        self._processes: list[AgentProcess] = []

    def start(self, process: AgentProcess) -> str:
        """Start an agent that is ended with the others; returns its address."""
        self._processes.append(process)
        return process.start()

    def stop(self) -> None:
        """End all that were started here."""
        for process in self._processes:
            process.stop()


def _expect_somebody(agent: str) -> None:
    """Raise NotConnected when nobody listens there; other machines are not asked."""
    url = urlsplit(agent)
    if not is_loopback(url.hostname or ""):
        return
    port = url.port or (443 if url.scheme in ("https", "wss") else 80)
    try:
        socket.create_connection((url.hostname or "", port), _KNOCK_SECONDS).close()
    except OSError as error:
        why = error.strerror or error
        raise NotConnected(f"nobody answers at {agent}: {why}") from None


def start_agents(
    fakes: Fakes,
    *,
    agent: str | None,
    command: str | None,
    clean: bool,
    mutants: bool,
) -> Agents:
    """Start what is to be tested.

    Args:
        fakes: where the agents find their providers.
        agent: address of an agent that runs already.
        command: how to start an agent; None is the reference agent.
        clean: whether the agent under test is wanted at all.
        mutants: whether the mutants are.
    """
    agents = Agents()
    unsigned = {"TWILIO_AUTH_TOKEN": ""}
    try:
        if agent:
            _expect_somebody(agent)
            agents.addresses[CLEAN] = agent
        elif clean:
            process = AgentProcess(fakes.addresses, command, unsigned)
            agents.addresses[CLEAN] = agents.start(process)
            agents.backoff = declared_policy(process.declared.get("backoff"))
            agents.launchers[CLEAN] = launcher(fakes.addresses, command)
        if mutants:
            serve = [sys.executable, "-m", "conformance.mutants", "--json"]
            process = AgentProcess(fakes.addresses, serve, unsigned)
            agents.start(process)
            served = cast("Mapping[str, Any]", process.declared["mutants"])
            for name, address in served.items():
                agents.addresses[name] = address["voice"]
                agents.launchers[name] = launcher(fakes.addresses, mutant=name)
    except BaseException:
        agents.stop()
        raise
    return agents
