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

import httpx
import msgspec

from fakes.addresses import USUAL_PORTS, Addresses
from fakes.child import START_SECONDS, Child
from voiceutils.errors import NotConnected, SettingError

__all__ = ["AgentProcess", "WorldProcess", "running_world"]

_ANSWER_SECONDS = 2.0
# An agent that tells where it is may do so after it has begun to listen.
_TOLD_SECONDS = 0.3


def running_world() -> Addresses | None:
    """Return the fakes that somebody keeps up on the usual ports; None if nobody does.

    Their ledger and faults are emptied for the new run.
    """
    control = f"http://127.0.0.1:{USUAL_PORTS.control}/__fakes"
    try:
        with httpx.Client(timeout=_ANSWER_SECONDS, trust_env=False) as client:
            told = client.get(f"{control}/addresses").raise_for_status()
            addresses = msgspec.json.decode(told.content, type=Addresses)
            client.post(f"{control}/reset").raise_for_status()
    except (httpx.HTTPError, msgspec.DecodeError):
        return None  # nobody there, or somebody else
    return addresses


class WorldProcess(Child):
    """``python -m fakes --json`` as a child.

    Args:
        deepgram_port: 0 is any free port, here and below.
        model_port: of the model.
        control_port: of the control interface.
        twilio_port: of the telephone exchange's REST interface.
        model_delay: seconds to the model's first token; None leaves the default.
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
            ``{model}`` and ``{control}`` of the command, and stand in its environment.
        command: None is the reference agent.
        env: more environment.
        options: further options of the reference agent.
        voice_path: path of the voice webhook of a command that does not tell.
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
        deadline: float = START_SECONDS,
    ) -> None:
        super().__init__(deadline)
        self._addresses = addresses
        self._command = command
        self._env = dict(env or {})
        self._options = options
        self._voice_path = voice_path
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

    def start(self) -> str:
        """Start and wait until the agent can be called; returns its address."""
        env = {
            **_environment_for_python(),
            **self._addresses.environment(),
            **self._env,
        }
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
        self._launch(command, env)
        self._await_ready("the agent to say where it can be called")
        return self.url

    def _filled_in(self, command: str | Sequence[str]) -> list[str]:
        words = shlex.split(command) if isinstance(command, str) else list(command)
        if not words:
            raise SettingError("the agent command is empty")
        values = msgspec.to_builtins(self._addresses)
        if any("{port}" in word for word in words):
            self._port = _free_port()
            values["port"] = str(self._port)
        for name, value in values.items():
            words = [word.replace("{" + name + "}", value) for word in words]
        return words

    def _declaration(self, line: str) -> dict[str, object] | None:
        content = super()._declaration(line)
        told = content and (content.get("voice") or content.get("media"))
        return content if told else None

    def _is_ready(self) -> bool:
        if super()._is_ready():
            return True
        if self._port and not self._accepted_at and _accepts(self._port):
            self._accepted_at = time.monotonic()
        if self._accepted_at and time.monotonic() - self._accepted_at > _TOLD_SECONDS:
            self._url = f"http://127.0.0.1:{self._port}{self._voice_path}"
            return True
        return False

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self


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
