"""A process that says in one line of JSON when it is ready.

Plain pipes and threads, so that it works without an event loop and under gevent. Each
child is ended by whoever started it, or by a guard if that one was killed.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import IO

from fakes.guard import Guard
from voiceutils.errors import DeadlineExceeded, SettingError, VoiceError

__all__ = ["START_SECONDS", "Child"]

START_SECONDS = 20.0
STOP_SECONDS = 5.0
_POLL = 0.02
_LINES_KEPT = 50


class Child:
    """A process that says one line of JSON when it is ready."""

    name = "the process"

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._process: subprocess.Popen[str] | None = None
        self._guard: Guard | None = None
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
        code = self._process.poll() if self._process else None
        if code is not None:
            self._dismiss_guard()  # soon its number may be another's
        return code

    def _dismiss_guard(self) -> None:
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.dismiss()

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
                # Ctrl-C on a terminal reaches a whole session. A child must outlive
                # it, or every call in the air would fail at the very end.
                start_new_session=True,
            )
        except OSError as error:
            raise SettingError(f"{self.name} cannot be started: {error}") from error
        self._guard = Guard(self._process.pid)
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
        self._dismiss_guard()
        self._join()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError, RuntimeError):
                    stream.close()
        return process.returncode

    def __exit__(self, *_: object) -> None:
        self.stop()
