"""The fakes, or an agent, in a process of its own; for callers without an event loop.

Works in a process that gevent has patched, too. Each class ends the process that it
started and no other.
"""

from __future__ import annotations

import os
import shlex
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import httpx
import msgspec

from fakes.addresses import USUAL_PORTS, Addresses
from fakes.child import START_SECONDS, Child
from fakes.stand_in.environment import agent_environment
from fakes.stand_in.visits import Visit
from voiceutils.errors import NotConnected, SettingError

__all__ = ["AgentProcess", "WorldProcess", "running_world", "visits_at"]

_ANSWER_SECONDS = 2.0
# An agent that tells where it is may do so after it has begun to listen.
_TOLD_SECONDS = 0.3


def running_world(control: str = "") -> Addresses | None:
    """Return the fakes that somebody keeps up; None if nobody does.

    Their ledger and faults are emptied for the new run.

    Args:
        control: address of their control interface; by default the usual one here.
    """
    control = control.rstrip("/") or f"http://127.0.0.1:{USUAL_PORTS.control}"
    control += "/__fakes"
    try:
        with httpx.Client(timeout=_ANSWER_SECONDS, trust_env=False) as client:
            told = client.get(f"{control}/addresses").raise_for_status()
            addresses = msgspec.json.decode(told.content, type=Addresses)
            client.post(f"{control}/reset").raise_for_status()
    except (httpx.HTTPError, msgspec.DecodeError):
        return None  # nobody there, or somebody else
    return addresses


def visits_at(addresses: Addresses) -> list[Visit]:
    """Return who came to the providers' own hosts, or elsewhere, and was not served.

    Raises:
        NotConnected: the fakes do not answer.
    """
    if addresses.stand_in is None:
        return []
    try:
        with httpx.Client(timeout=_ANSWER_SECONDS, trust_env=False) as client:
            told = client.get(f"{addresses.control}/__fakes/stand-in")
            return msgspec.convert(
                told.raise_for_status().json()["visits"], list[Visit]
            )
    except httpx.HTTPError as error:
        raise NotConnected(f"the fakes do not tell who came: {error}") from error


class WorldProcess(Child):
    """``python -m fakes --json`` as a child.

    Args:
        deepgram_port: 0 is any free port, here and below.
        model_port: of the model.
        control_port: of the control interface.
        twilio_port: of the telephone exchange's REST interface.
        model_delay: seconds to the model's first token; None leaves the default.
        stand_in: also answer for the providers' own hosts, and for these, named as
            ``HOST=FAKE``; None does neither.
        options: further options of ``python -m fakes``.
        deadline: seconds for the start.
    """

    name = "the fakes"

    def __init__(
        self,
        *,
        deepgram_port: int = 0,
        model_port: int = 0,
        control_port: int = 0,
        twilio_port: int = 0,
        model_delay: float | None = None,
        stand_in: Sequence[str] | None = None,
        options: Sequence[str] = (),
        deadline: float = START_SECONDS,
    ) -> None:
        super().__init__(deadline)
        self._options = [
            f"--deepgram-port={deepgram_port}",
            f"--model-port={model_port}",
            f"--control-port={control_port}",
            f"--twilio-port={twilio_port}",
            *([] if model_delay is None else [f"--model-delay={model_delay}"]),
            *([] if stand_in is None else _standing_in(stand_in)),
            *options,
        ]

    def start(self) -> Addresses:
        """Start and wait until the fakes listen; raises VoiceError otherwise."""
        command = [sys.executable, "-m", "fakes", "--json", *self._options]
        self._launch(command, _environment_for_python())
        self._await_ready("the fakes to say where they listen")
        return self.addresses

    @property
    def addresses(self) -> Addresses:
        """Where the fakes listen; raises NotConnected before the start."""
        if self._declared is None:
            raise NotConnected("the fakes are not started; call start() first")
        return msgspec.convert(self._declared, Addresses)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self


class AgentProcess(Child):
    """An agent as a child: the reference agent, or any command.

    The agent says where it is in one line of JSON on stdout, ``{"voice": URL}`` or
    ``{"media": URL}``. A command with ``{port}`` need not: it is ready when that port
    accepts connections, and its voice webhook is ``voice_path`` there.

    Args:
        addresses: of the fakes; they fill in ``{deepgram}``, ``{deepgram_websocket}``,
            ``{model}`` and ``{control}`` of the command, and stand in its environment;
            ``{host}`` is the agent's own host as callers know it.
        command: None is the reference agent.
        env: more environment.
        options: further options of the reference agent.
        voice_path: path of the voice webhook of a command that does not tell.
        stand_in: keep it to itself: it finds its providers' own hosts, which are the
            fakes, and no others. A command with ``{port}`` is then called by a public
            name, as behind a tunnel; see ``detours``.
        let_through: ports of this machine that it may reach all the same.
        deadline: seconds for the start.
    """

    name = "the agent"

    def __init__(
        self,
        addresses: Addresses,
        command: str | Sequence[str] | None = None,
        env: Mapping[str, str] | None = None,
        *,
        options: Sequence[str] = (),
        voice_path: str = "/voice",
        stand_in: bool = False,
        let_through: Sequence[int] = (),
        deadline: float = START_SECONDS,
    ) -> None:
        super().__init__(deadline)
        self._addresses = addresses
        self._command = command
        self._env = dict(env or {})
        self._options = options
        self._voice_path = voice_path
        self._stand_in = stand_in
        self._let_through = let_through
        self._port = 0
        self._url = ""
        self._accepted_at = 0.0

    @property
    def declared(self) -> dict[str, object]:
        """The agent's line of JSON; empty if it gave none."""
        return dict(self._declared or {})

    @property
    def url(self) -> str:
        """Whom to call; raises NotConnected before the start."""
        told = self.declared
        url = told.get("voice") or told.get("media") or self._url
        if not url:
            raise NotConnected("the agent is not started; call start() first")
        return str(url)

    @property
    def detours(self) -> dict[str, str]:
        """Where the agent's public name leads, if it has one."""
        public = self._stand_in and self._port and not self._declared
        return {self._public_name: f"127.0.0.1:{self._port}"} if public else {}

    @property
    def _public_name(self) -> str:
        return f"agent-{self._port}.test"  # RFC 6761: nobody's

    def start(self) -> str:
        """Start and wait until the agent can be called; returns its address."""
        env = self._environment()
        if self._command is None:
            command = [sys.executable, "-m", "voiceutils.agent", "--json", "--port=0"]
            command += [
                f"--deepgram={self._addresses.deepgram}",
                f"--model={self._addresses.model}",
                *self._options,
            ]
        else:
            command = self._filled_in(self._command)
            env |= {"PORT": str(self._port)} if self._port else {}
        if self._stand_in:
            command = [*self._gate(), *command]
        self._launch(command, env)
        self._await_ready("the agent to say where it can be called")
        return self.url

    def _environment(self) -> dict[str, str]:
        env = _environment_for_python()
        if not self._stand_in:
            return {**env, **self._addresses.environment(), **self._env}
        if self._addresses.stand_in is None:
            raise SettingError("these fakes stand in for nobody; give them --stand-in")
        return {**agent_environment(env, self._addresses), **self._env}

    def _gate(self) -> list[str]:
        """Return what an agent's command follows when it is kept to itself."""
        module = [sys.executable, "-m", "fakes.stand_in", "--environment-as-is"]
        through = [f"--let-through={port}" for port in self._let_through]
        return [*module, f"--control={self._addresses.control}", *through, "--"]

    def _filled_in(self, command: str | Sequence[str]) -> list[str]:
        words = shlex.split(command) if isinstance(command, str) else list(command)
        if not words:
            raise SettingError("the agent command is empty")
        told = msgspec.to_builtins(self._addresses)
        values = {name: value for name, value in told.items() if isinstance(value, str)}
        if any("{port}" in word for word in words):
            self._port = _free_port()
            values["port"] = str(self._port)
            values["host"] = next(iter(self.detours), f"127.0.0.1:{self._port}")
        for name, value in values.items():
            words = [word.replace("{" + name + "}", value) for word in words]
        return words

    def _declaration(self, line: str) -> dict[str, object] | None:
        content = super()._declaration(line)
        told = content and (content.get("voice") or content.get("media"))
        return content if told else None

    def _is_ready(self) -> bool:
        if super()._is_ready():
            # A gate is opened a moment after the agent listens.
            port = urlsplit(self.url).port
            return not self._stand_in or port is None or _accepts(port)
        if self._port and not self._accepted_at and _accepts(self._port):
            self._accepted_at = time.monotonic()
        if self._accepted_at and time.monotonic() - self._accepted_at > _TOLD_SECONDS:
            base = f"http://127.0.0.1:{self._port}"
            if self._stand_in:
                base = f"https://{self._public_name}"
            self._url = f"{base}{self._voice_path}"
            return True
        return False

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self


def _standing_in(further: Sequence[str]) -> list[str]:
    ports = ["--stand-in-port=0", "--proxy-port=0"]
    return ["--stand-in", *ports, *(f"--stand-in-for={host}" for host in further)]


def _environment_for_python() -> dict[str, str]:
    """Return our environment, in which a child finds the packages that we found."""
    here = str(Path(__file__).resolve().parents[1])
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.pathsep.join(paths),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.2):
            return True
    except OSError:
        return False
