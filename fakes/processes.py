"""The fakes, or an agent, in a process of its own; for callers without an event loop.

Works in a process that gevent has patched, too. Each class ends the process that it
started and no other.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import IO, Self

import msgspec

from fakes.addresses import Addresses
from voiceutils.errors import DeadlineExceeded, NotConnected, SettingError, VoiceError

__all__ = ["AgentProcess", "WorldProcess"]

START_SECONDS = 20.0
STOP_SECONDS = 5.0
_POLL = 0.02
_LINES_KEPT = 50


class _Child:
    """A process that says one line of JSON when it is ready."""

    name = "the process"

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._process: subprocess.Popen[str] | None = None
        self._declared: dict[str, object] | None = None
        self._errors: deque[str] = deque(maxlen=_LINES_KEPT)
        self._readers: list[threading.Thread] = []

    @property
    def pid(self) -> int | None:
        """Number of the process; None before the start."""
        return self._process.pid if self._process else None

    @property
    def errors(self) -> str:
        """The last lines of its stderr."""
        return "\n".join(self._errors)

    def poll(self) -> int | None:
        """Return the exit code, None while it runs or before the start."""
        return self._process.poll() if self._process else None

    def _launch(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        if self._process is not None:
            raise SettingError(f"{self.name} was started before; build another one")
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env=dict(env),
            )
        except OSError as error:
            raise SettingError(f"{self.name} cannot be started: {error}") from error
        for stream, read in (
            (self._process.stdout, self._read_output),
            (self._process.stderr, self._read_errors),
        ):
            assert stream is not None
            reader = threading.Thread(target=read, args=(stream,), daemon=True)
            reader.start()
            self._readers.append(reader)

    def _read_output(self, stream: IO[str]) -> None:
        with contextlib.suppress(ValueError, OSError):
            for line in stream:
                if self._declared is None:
                    self._declared = self._declaration(line)

    def _read_errors(self, stream: IO[str]) -> None:
        with contextlib.suppress(ValueError, OSError):
            for line in stream:
                self._errors.append(line.rstrip())

    def _declaration(self, line: str) -> dict[str, object] | None:
        try:
            content = json.loads(line)
        except ValueError:
            return None
        return content if isinstance(content, dict) else None

    def _await_ready(self, awaited: str) -> None:
        """Wait until it has declared itself.

        Raises:
            VoiceError: it ended instead; the message has its last line.
            DeadlineExceeded: it did neither.
        """
        until = time.monotonic() + self._deadline
        while not self._is_ready():
            code = self.poll()
            if code is not None:
                self._join()
                if self._is_ready():
                    return
                last = self._errors[-1] if self._errors else "it said nothing"
                self.stop()
                raise VoiceError(
                    f"{self.name} ended at its start, status {code}: {last}"
                )
            if time.monotonic() > until:
                self.stop()
                raise DeadlineExceeded(awaited, self._deadline)
            time.sleep(_POLL)

    def _is_ready(self) -> bool:
        return self._declared is not None

    def _join(self) -> None:
        for reader in self._readers:
            reader.join(timeout=1.0)

    def stop(self) -> int | None:
        """End the process, at first politely; returns its exit code.

        Harmless when repeated, or before the start.
        """
        process = self._process
        if process is None:
            return None
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_SECONDS)
        self._join()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError, RuntimeError):
                    stream.close()
        return process.returncode

    def __exit__(self, *_: object) -> None:
        self.stop()


class WorldProcess(_Child):
    """``python -m fakes --json`` as a child.

    Args:
        deepgram_port: 0 is any free port, here and below.
        model_port: of the model.
        control_port: of the control interface.
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
        model_delay: float | None = None,
        options: Sequence[str] = (),
        deadline: float = START_SECONDS,
    ) -> None:
        super().__init__(deadline)
        self._options = [
            f"--deepgram-port={deepgram_port}",
            f"--model-port={model_port}",
            f"--control-port={control_port}",
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


class AgentProcess(_Child):
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
        if self._port and _accepts(self._port):
            self._url = f"http://127.0.0.1:{self._port}{self._voice_path}"
            return True
        return False

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self


def _environment_for_python() -> dict[str, str]:
    """Return our environment; modules of the working directory stay importable."""
    return {**os.environ, "PYTHONUNBUFFERED": "1"}


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
