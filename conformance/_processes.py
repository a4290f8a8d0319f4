"""The fakes, the agent under test and the mutants, each in a process of its own."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

from conformance._booths import Booth, Booths
from conformance._own_agent import (
    NOT_KEPT,
    Keeping,
    Launch,
    launcher,
    unsigned_environment,
)
from conformance._verdict import CLEAN
from fakes.addresses import USUAL_PORTS, Addresses
from fakes.backoff.policy import Policy, declared_policy
from fakes.llm.rules_file import read_replies
from fakes.loopback import is_loopback
from fakes.processes import AgentProcess, WorldProcess, running_world
from fakes.speech import SpeechMode
from voiceutils.errors import NotConnected, SettingError

__all__ = ["Agents", "Fakes", "booths_for", "start_agents", "start_fakes"]

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


def start_fakes(
    *,
    known_ports: bool,
    stand_in: Sequence[str] | None = None,
    replies: str = "",
    speech: SpeechMode = "exact",
) -> Fakes:
    """Start the fakes on free ports.

    Args:
        speech: how the code in the audio is written and read; fakes that are there
            already must have been told the same.
        known_ports: use those of ``python -m fakes``, or the fakes that are there.
        stand_in: hosts as ``HOST=FAKE`` that are stood in for beside the known ones;
            None for none at all.
        replies: what the model answers, as ``python -m fakes --model-replies`` has it.

    Raises:
        SettingError: the replies have a mistake, or the fakes are there already.
    """
    if replies:
        read_replies(replies)
    if known_ports and (running := running_world()) is not None:
        if replies:
            text = "--model-replies: the fakes are up; give it to them"
            raise SettingError(f"{text}, python -m fakes --model-replies ...")
        return Fakes(running, None)
    options = [f"--speech={speech}"]
    options += [f"--model-replies={replies}"] if replies else []
    process = WorldProcess(options=options, stand_in=stand_in)
    if known_ports:
        process = WorldProcess(
            options=options,
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
        detours: where the public names of agents lead.
        own: the process of the agent under test, if we have started it.
    """

    def __init__(self) -> None:
        self.addresses: dict[str, str] = {}
        self.backoff: Policy | None = None
        self.launchers: dict[str, Launch] = {}
        self.detours: dict[str, str] = {}
        self.own: AgentProcess | None = None
        self._processes: list[AgentProcess] = []

    def start(self, process: AgentProcess) -> str:
        """Start an agent that is ended with the others; returns its address."""
        self._processes.append(process)
        url = process.start()
        self.detours |= process.detours
        return url

    def death(self) -> str:
        """Tell how the agent under test has ended by itself; empty if it has not."""
        if self.own is None or (code := self.own.poll()) is None:
            return ""
        last = self.own.errors.rpartition("\n")[2]
        said = f", last said: {last}" if last else ""
        return f"the agent's process ended by itself, status {code}{said}"

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
    keeping: Keeping = NOT_KEPT,
) -> Agents:
    """Start what is to be tested.

    Args:
        fakes: where the agents find their providers.
        agent: address of an agent that runs already.
        command: how to start an agent; None is the reference agent.
        clean: whether the agent under test is wanted at all.
        mutants: whether the mutants are.
        keeping: whether and how the agent under test is kept to itself.
    """
    agents = Agents()
    try:
        if agent:
            _expect_somebody(agent)
            agents.addresses[CLEAN] = agent
        elif clean:
            process = AgentProcess(
                fakes.addresses,
                command,
                unsigned_environment(keeping),
                **keeping._asdict(),
            )
            agents.own = process
            agents.addresses[CLEAN] = agents.start(process)
            agents.backoff = declared_policy(process.declared.get("backoff"))
            launch = launcher(fakes.addresses, command, keeping=keeping)
            agents.launchers[CLEAN] = launch
        if mutants:
            serve = [sys.executable, "-m", "conformance.mutants", "--json"]
            process = AgentProcess(
                fakes.addresses, serve, unsigned_environment(NOT_KEPT)
            )
            agents.start(process)
            if agents.backoff is None:
                agents.backoff = declared_policy(process.declared.get("backoff"))
            served = cast("Mapping[str, Any]", process.declared["mutants"])
            for name, address in served.items():
                agents.addresses[name] = address["voice"]
                agents.launchers[name] = launcher(fakes.addresses, mutant=name)
    except BaseException:
        agents.stop()
        raise
    return agents


def booths_for(
    fakes: Fakes,
    agent: str | None,
    command: str | None,
    keeping: Keeping = NOT_KEPT,
    stand_in: Sequence[str] | None = None,
    speech: SpeechMode = "exact",
) -> Booths | None:
    """Return where cases call that need an agent for themselves.

    Args:
        fakes: of all other cases.
        agent: address of an agent that runs already: it is the only booth.
        command: how to start an agent: each booth has one.
        keeping: whether and how that one is kept to itself.
        stand_in: as :func:`start_fakes` takes it.
        speech: likewise.
    """
    if agent:
        shared = Booth(agent, fakes.addresses.control)
        return Booths(lambda: shared, shared=True)
    if not command:
        return None
    return Booths(lambda: _booth(command, keeping, stand_in, speech))


def _booth(
    command: str, keeping: Keeping, stand_in: Sequence[str] | None, speech: SpeechMode
) -> Booth:
    world = WorldProcess(options=[f"--speech={speech}"], stand_in=stand_in)
    addresses = world.start()
    unsigned = unsigned_environment(keeping)

    def another() -> AgentProcess:
        return AgentProcess(addresses, command, unsigned, **keeping._asdict())

    process = another()
    try:
        agent = process.start()
    except BaseException:
        world.stop()
        raise
    launch = launcher(addresses, command, keeping=keeping)
    detours = process.detours
    return Booth(agent, addresses.control, launch, world, process, detours, another)
