"""The fakes, the agent under test and the mutants, each in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, cast

import httpx
import msgspec

from conformance._exchange import CLEAN
from fakes.addresses import Addresses
from fakes.processes import AgentProcess, WorldProcess

__all__ = ["Agents", "Fakes", "start_agents", "start_fakes"]

# An agent that was started by hand has been pointed at the ports of `python -m fakes`.
DEEPGRAM_PORT, MODEL_PORT, CONTROL_PORT = 8411, 8412, 8413
KNOWN_CONTROL = f"http://127.0.0.1:{CONTROL_PORT}"


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
    if known_ports and (running := _running_fakes()) is not None:
        return running
    process = WorldProcess()
    if known_ports:
        process = WorldProcess(
            deepgram_port=DEEPGRAM_PORT,
            model_port=MODEL_PORT,
            control_port=CONTROL_PORT,
        )
    return Fakes(process.start(), process)


def _running_fakes() -> Fakes | None:
    try:
        answer = httpx.get(f"{KNOWN_CONTROL}/__fakes/addresses", timeout=2.0)
        answer.raise_for_status()
        httpx.post(f"{KNOWN_CONTROL}/__fakes/reset", timeout=2.0).raise_for_status()
    except httpx.HTTPError:
        return None
    return Fakes(msgspec.json.decode(answer.content, type=Addresses), None)


class Agents:
    """The agent under test and the mutants.

    Attributes:
        addresses: whom to call, by name; CLEAN is the agent under test.
    """

    def __init__(self) -> None:
        self.addresses: dict[str, str] = {}
        self._processes: list[AgentProcess] = []

    def start(self, process: AgentProcess) -> str:
        """Start an agent that is ended with the others; returns its address."""
        self._processes.append(process)
        return process.start()

    def stop(self) -> None:
        """End all that were started here."""
        for process in self._processes:
            process.stop()


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
            agents.addresses[CLEAN] = agent
        elif clean:
            process = AgentProcess(fakes.addresses, command, unsigned)
            agents.addresses[CLEAN] = agents.start(process)
        if mutants:
            serve = [sys.executable, "-m", "conformance.mutants", "--json"]
            process = AgentProcess(fakes.addresses, serve, unsigned)
            agents.start(process)
            served = cast("Mapping[str, Any]", process.declared["mutants"])
            for name, address in served.items():
                agents.addresses[name] = address["media"]
    except BaseException:
        agents.stop()
        raise
    return agents
