"""The engine process: commands on stdin, reports on stdout, one JSON object a line."""

from __future__ import annotations

import argparse
import asyncio
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import get_args

from fakes import event_loop
from fakes.engine.commands import (
    AskHealth,
    AskLines,
    Dial,
    Finished,
    HangUp,
    HangUpAll,
    Note,
    Quit,
    Ready,
    Report,
    decode_command,
    encode_line,
)
from fakes.engine.exchange import Exchange
from fakes.engine.garbage import Garbage
from fakes.speech import CALLER_UTTERANCES, Speaker, SpeechMode, speaking
from fakes.twilio.caller import sounds
from voiceutils.errors import WireError

__all__ = ["main"]

_CLOSE_WITHIN = 5.0
_REPORTS_WAITING = 2000
_COMMANDS_WAITING = 1000
_NICENESS = -10


class _Reports:
    """Writes reports from a thread of its own: a full pipe must not stop the frames.

    When nobody reads them no further command is taken (:meth:`await_room`), so that
    they cannot gather without end.
    """

    def __init__(self) -> None:
        self._room = threading.Event()
        self._room.set()
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def __call__(self, report: Report) -> None:
        self._lines.put(encode_line(report))
        if self._lines.qsize() >= _REPORTS_WAITING:
            self._room.clear()

    def await_room(self) -> None:
        self._room.wait()

    def close(self, within: float) -> None:
        self._lines.put(None)
        self._thread.join(within)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            if self._lines.qsize() < _REPORTS_WAITING // 2:
                self._room.set()
            while line:
                try:
                    line = line[os.write(1, line) :]
                except OSError:
                    break  # nobody reads; the end of stdin will end the process


def _read_lines(take: Callable[[bytes], None], await_room: Callable[[], None]) -> None:
    """Pass each line of stdin on when there is room; at its end, an empty one."""
    rest = b""
    while part := os.read(0, 1 << 16):
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            if line.strip():
                await_room()
                take(line)
    take(b"")


def _ask_for_priority() -> None:
    """Be scheduled before the agent and the fakes, where the system allows it.

    Frames are due to the millisecond, while what is tested may use every core. Linux
    weighs niceness inside a session and sessions by their autogroup, hence both; this
    process is the only one of its session. Without the right to it nothing changes.
    """
    with suppress(OSError):
        os.nice(_NICENESS)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(f"{_NICENESS}", encoding="ascii")


async def _serve(max_calls: int, reports: _Reports, speech: SpeechMode) -> None:
    loop = asyncio.get_running_loop()
    garbage = Garbage()

    def report(what: Report) -> None:
        reports(what)
        if isinstance(what, Finished):
            garbage.call_ended(idle=exchange.is_idle)

    exchange = Exchange(report, max_calls=max_calls)
    quit_asked = asyncio.Event()

    def obey(line: bytes) -> None:
        try:
            command = decode_command(line) if line else Quit()
        except WireError as error:
            reports(Note(str(error)))
            return
        match command:
            case Dial():
                exchange.dial(command)
            case HangUp(id=number):
                exchange.hang_up(number)
            case AskHealth():
                reports(exchange.health())
            case AskLines():
                reports(exchange.lines_now())
            case HangUpAll():
                exchange.hang_up_all()
            case Quit():
                quit_asked.set()

    room = threading.Semaphore(_COMMANDS_WAITING)

    def obeyed(line: bytes) -> None:
        room.release()
        obey(line)

    def take(line: bytes) -> None:
        room.acquire()  # the frames go first, the commands wait in the pipe
        loop.call_soon_threadsafe(obeyed, line)

    loop.add_signal_handler(signal.SIGTERM, quit_asked.set)
    reader = (take, reports.await_room)
    threading.Thread(target=_read_lines, args=reader, daemon=True).start()
    mode = speaking(speech)
    for text in CALLER_UTTERANCES:  # the first time costs milliseconds
        mode.speak(text, speaker=Speaker.CALLER, call=0)
    sounds.prepare()
    garbage.leave_to_us()
    reports(Ready(os.getpid()))
    await quit_asked.wait()
    await exchange.close(_CLOSE_WITHIN)


def main() -> int:
    """Serve until told to quit; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m fakes.engine", description=__doc__)
    parser.add_argument(
        "--max-calls", type=int, default=1000, help="calls up at once; others wait"
    )
    parser.add_argument(
        "--speech",
        choices=get_args(SpeechMode),
        default="exact",
        help="the mode of speech that is got ready",
    )
    options = parser.parse_args()
    # Ctrl-C reaches the whole process group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _ask_for_priority()
    # Frames are paced by this thread; let it have the interpreter back soon.
    sys.setswitchinterval(0.0005)
    reports = _Reports()
    event_loop.run(_serve(options.max_calls, reports, options.speech))
    reports.close(_CLOSE_WITHIN)
    return 0
