"""Commands on their way to an engine that takes none."""

from __future__ import annotations

import threading
import time
from io import StringIO

import pytest

from fakes.engine.commands import AskHealth, Quit
from fakes.engine.outbox import COMMANDS_WAITING, Outbox
from voiceutils.errors import DeadlineExceeded


class _Jammed(StringIO):
    """A pipe that takes nothing, until its reader dies."""

    def __init__(self) -> None:
        super().__init__()
        self.dies = threading.Event()

    def write(self, text: str) -> int:
        self.dies.wait()
        raise BrokenPipeError


def test_the_writer_ends_with_the_engine_however_much_was_waiting() -> None:
    """Nobody waits for a thread that has nothing left to write."""
    pipe = _Jammed()
    box = Outbox(pipe, patience=0.5)
    for _ in range(COMMANDS_WAITING + 1):  # and one is being written
        box.put(AskHealth())
    with pytest.raises(DeadlineExceeded, match="to read one of"):
        box.put(AskHealth())
    box.put_last(Quit())  # there is no room for it

    threading.Timer(0.05, pipe.dies.set).start()
    begun = time.monotonic()
    box.join(10.0)

    assert time.monotonic() - begun < 5.0
    assert not box._thread.is_alive()
