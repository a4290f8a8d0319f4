"""The parent's end of a media engine process.

Works with threads and, unchanged, in a process that gevent has patched: only Popen,
pipes, threads and events, all of which gevent turns into cooperative ones.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from fakes.call_record import CallRecord
from fakes.engine.commands import (
    AskHealth,
    AskLines,
    Command,
    Dial,
    Finished,
    HangUp,
    HangUpAll,
    Health,
    LinesNow,
    Note,
    Quit,
    Ready,
    decode_report,
)
from fakes.engine.open_calls import OpenCalls
from fakes.engine.outbox import Outbox
from fakes.speech import SpeechMode
from fakes.twilio.phone import CallOrder
from voiceutils.errors import DeadlineExceeded, VoiceError, WireError

__all__ = ["EngineProcess"]

_Answer = TypeVar("_Answer", Health, LinesNow)

_PACKAGES = Path(__file__).resolve().parents[2]


class EngineProcess:
    """A media engine in a child process.

    A context manager: started on entry, stopped on exit. When the child dies, every
    open call is reported as failed with the cause ``media engine died (exit N)``.

    Args:
        max_calls: how many calls may be up at once; further ones wait in the child.
        speech: the mode that is got ready before the first call.
        on_record: called with id and record of each call that ends, in the reader's
            thread or greenlet; :meth:`wait` works either way, once a call.
        patience: seconds for which a command waits when the engine reads none.

    Attributes:
        notes: what the engine had to say, the last hundred lines.
    """

    def __init__(
        self,
        *,
        max_calls: int = 1000,
        speech: SpeechMode = "exact",
        on_record: Callable[[int, CallRecord], None] | None = None,
        patience: float = 5.0,
    ) -> None:
        self._patience = patience
        self._outbox: Outbox | None = None
        self.notes: deque[str] = deque(maxlen=100)
        self._options = ["--max-calls", str(max_calls), "--speech", speech]
        self._ids = itertools.count(1)
        self._open = OpenCalls(on_record, self.notes)
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._answered = threading.Event()  # what was asked, or the engine is gone
        self._answer: Health | LinesNow | None = None
        self._ready = threading.Event()
        self._gone = threading.Event()
        self._last_words: deque[str] = deque(maxlen=40)
        self._process: subprocess.Popen[str] | None = None
        self._threads: list[threading.Thread] = []
        self._died = ""

    def __enter__(self) -> EngineProcess:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._started().pid

    @property
    def alive(self) -> bool:
        """Whether calls can be dialled."""
        return self._ready.is_set() and not self._gone.is_set()

    @property
    def last_words(self) -> str:
        """What the child wrote to stderr, at most its last forty lines."""
        return "\n".join(self._last_words)

    @property
    def _loss(self) -> VoiceError:
        return VoiceError(f"{self._died}: {self.last_words}".rstrip(": "))

    def start(self, within: float = 15.0) -> None:
        """Start the child and wait until it takes commands.

        Raises:
            DeadlineExceeded: it did not come up in time.
            VoiceError: it died; the message has its last words.
        """
        path = os.pathsep.join(
            entry for entry in (str(_PACKAGES), os.environ.get("PYTHONPATH")) if entry
        )
        command = [sys.executable, "-m", "fakes.engine"]
        self._process = subprocess.Popen(
            [*command, *self._options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # so that its priority counts against others
        )
        assert self._process.stdin is not None
        self._outbox = Outbox(self._process.stdin, self._patience)
        for target in (self._read_errors, self._read_reports):
            thread = threading.Thread(target=target, daemon=True)
            thread.start()
            self._threads.append(thread)
        if not self._ready.wait(within):
            self.stop(0.0)
            raise DeadlineExceeded("the media engine to start", within)
        if self._gone.is_set():
            raise self._loss

    def dial(self, order: CallOrder) -> int:
        """Have a call placed; return its id at once.

        Raises:
            DeadlineExceeded: it does not read what it is told.
            VoiceError: the engine is gone; the message has its last words.
        """
        number = next(self._ids)
        with self._lock:
            if self._died:
                raise self._loss
            self._open.add(number, order)
        try:
            self._told().put(Dial(number, order))
        except DeadlineExceeded:
            self._open.forget(number)
            raise
        return number

    def wait(self, number: int, within: float | None = None) -> CallRecord:
        """Return the record of a call when it is over; ask once a call.

        Args:
            number: what :meth:`dial` returned.
            within: seconds; by default the call's own deadline and half a minute.

        Raises:
            DeadlineExceeded: no record came in time.
        """
        return self._open.wait(number, within)

    def wait_for_nobody(self, number: int) -> None:
        """Nobody will :meth:`wait` for this call; ``on_record`` is told of it still."""
        self._open.unawaited(number)

    def run_all(self, orders: Iterable[CallOrder]) -> list[CallRecord]:
        """Place all calls and return their records in the order of the orders."""
        return [self.wait(number) for number in [self.dial(order) for order in orders]]

    def hang_up(self, number: int) -> None:
        """End one call; it is reported as usual, unless that has happened already."""
        self._told().put(HangUp(number))

    def health(self, within: float = 5.0) -> Health:
        """Return how well the engine keeps its own time.

        Raises:
            DeadlineExceeded: it did not answer in time.
            VoiceError: it is gone; the message has its last words.
        """
        return self._ask(AskHealth(), Health, within)

    def lines_now(self, within: float = 2.0) -> LinesNow:
        """Return what is happening on the lines; raises as :meth:`health` does."""
        return self._ask(AskLines(), LinesNow, within)

    def _ask(self, question: Command, kind: type[_Answer], within: float) -> _Answer:
        with self._asking:
            self._answered.clear()
            self._answer = None
            self._told().put(question)
            if not self._answered.wait(within):
                raise DeadlineExceeded(f"{kind.__name__} of the media engine", within)
            if not isinstance(self._answer, kind):
                raise self._loss
            return self._answer

    def hang_up_all(self) -> None:
        """End every call; each is reported as usual."""
        self._told().put(HangUpAll())

    def stop(self, within: float = 10.0) -> None:
        """Hang up, collect the last records, end the child, by force if it lingers."""
        process = self._process
        if process is None:
            return
        self._told().put_last(Quit())
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._told().join(5.0)
        for thread in self._threads:
            thread.join(5.0)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                _close(pipe.close)
        self._process = None

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise VoiceError("the media engine was not started")
        return self._process

    def _told(self) -> Outbox:
        if self._outbox is None:
            raise VoiceError("the media engine was not started")
        return self._outbox

    # --- the readers -------------------------------------------------------------

    def _read_errors(self) -> None:
        pipe = self._started().stderr
        for line in pipe or ():
            self._last_words.append(line.rstrip())

    def _read_reports(self) -> None:
        process = self._started()
        for line in process.stdout or ():
            try:
                report = decode_report(line)
            except WireError as error:
                self.notes.append(str(error))
                continue
            match report:
                case Finished(id=number, record=record):
                    self._open.finish(number, record)
                case Health() | LinesNow():
                    self._answer = report
                    self._answered.set()
                case Note(text=text):
                    self.notes.append(text)
                case Ready():
                    self._ready.set()
        self._bury(process.wait())

    def _bury(self, code: int) -> None:
        with self._lock:
            self._died = f"media engine died (exit {code})"
        self._threads[0].join(1.0)  # stderr to its end
        self._open.bury(self._died, self.last_words)
        self._gone.set()
        self._ready.set()
        self._answered.set()


def _close(close: Callable[[], None]) -> None:
    with suppress(OSError):  # the other end may be gone already
        close()
