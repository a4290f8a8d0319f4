"""Commands on their way to the engine: bounded, and written by a thread of its own.

A pipe holds 64 KB. When the engine does not read, whoever dials waits, but only so
long, and whoever ends the engine never waits for the pipe.
"""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from typing import IO

from fakes.engine.commands import Command, encode_line
from voiceutils.errors import DeadlineExceeded

__all__ = ["COMMANDS_WAITING", "Outbox"]

COMMANDS_WAITING = 1000


class Outbox:
    """Writes commands to the standard input of the engine.

    Args:
        pipe: of the engine; broken, it swallows what comes, since the reader of the
            other pipe reports every open call then.
        patience: seconds for which a command waits for room.
    """

    def __init__(self, pipe: IO[str], patience: float) -> None:
        self._pipe = pipe
        self._patience = patience
        self._lines: queue.Queue[str | None] = queue.Queue(COMMANDS_WAITING)
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def put(self, command: Command) -> None:
        """Have a command written; raises DeadlineExceeded if the engine reads none."""
        try:
            self._lines.put(encode_line(command).decode(), timeout=self._patience)
        except queue.Full:
            text = f"the media engine to read one of {COMMANDS_WAITING} commands"
            raise DeadlineExceeded(text, self._patience) from None

    def put_last(self, command: Command) -> None:
        """Have a last command written if there is room; never waits."""
        for line in (encode_line(command).decode(), None):
            try:
                self._lines.put_nowait(line)
            except queue.Full:
                return

    def join(self, within: float) -> None:
        """Wait for the writer after the engine has ended."""
        with suppress(queue.Full):
            # Nobody reads any more, so what waits is thrown away, and there is room.
            self._lines.put(None, timeout=within)
        self._thread.join(within)

    def _write(self) -> None:
        broken = False
        while (line := self._lines.get()) is not None:
            if broken:
                continue
            try:
                self._pipe.write(line)
                self._pipe.flush()
            except (OSError, ValueError):
                broken = True
