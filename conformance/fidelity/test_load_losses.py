"""A load run that loses a part of itself: what is missing is told, the rest is kept.

The machine that runs this may be too busy for 20 ms frames; then the run says INVALID
(3), which is right, and everything but the verdict on time is still checked.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from fakes.call_record import ENDED_BY_TESTER, CallRecord, decode_record

ROOT = Path(__file__).parents[2]
DEADLINE = 120
LOCUST = (sys.executable, "-m", "locust", "-f", "loadtests", "--headless")


@contextmanager
def locust(*options: str) -> Iterator[subprocess.Popen[str]]:
    """A run with four phones that call once a turn; ended on exit, whatever happens."""
    command = [*LOCUST, "-u", "4", "-r", "4", "--turns", "1", "--only-summary"]
    run = subprocess.Popen(
        [*command, *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield run
    finally:
        with suppress(psutil.Error):
            for child in psutil.Process(run.pid).children(recursive=True):
                child.kill()
        run.kill()
        run.wait()


def said_until(run: subprocess.Popen[str], words: str) -> str:
    """What it prints until some words are there."""
    said = ""
    assert run.stdout is not None
    for line in run.stdout:
        said += line
        if re.search(words, line):
            return said
    raise AssertionError(f"{words!r} was never said:\n{said}")


def engine_of(run: subprocess.Popen[str]) -> psutil.Process:
    """The process that paces the calls."""
    for child in psutil.Process(run.pid).children(recursive=True):
        if "fakes.engine" in child.cmdline():
            return child
    raise AssertionError("there is no engine")


def wait_for(path: Path, count: int) -> list[CallRecord]:
    """The records in a file, as soon as there are so many."""
    until = time.monotonic() + DEADLINE
    while True:
        lines = path.read_text().splitlines() if path.exists() else []
        if len(lines) >= count:
            return [decode_record(line) for line in lines]
        assert time.monotonic() < until, f"{len(lines)} of {count} calls are over"
        time.sleep(0.05)


def counts_of(results: Path) -> dict[str, Any]:
    """What the run counted."""
    told: dict[str, Any] = json.loads(results.read_text())["counts"]
    return told


def a_starved_generator_says_that_its_figures_mean_nothing(folder: Path) -> None:
    """Stopped for 100 ms of each half second: INVALID, and its own exit code."""
    with locust("-t", "8s", "--fault-share", "0") as run:
        said = said_until(run, "All users spawned")
        engine = engine_of(run)
        for _ in range(12):
            engine.suspend()
            time.sleep(0.1)
            engine.resume()
            time.sleep(0.4)
        said += run.communicate(timeout=DEADLINE)[0]

    assert run.returncode == 3, said
    assert re.search(r"verdict +INVALID \(exit code 3\)", said), said
    assert re.search(r"lateness p50 \S+ p99 (\d{2,}|[5-9])\.", said), said


def a_killed_engine_ends_the_run_and_keeps_what_was_over(folder: Path) -> None:
    """Its open calls have failed, with the reason; finished calls are counted."""
    calls, results = folder / "calls.jsonl", folder / "results.json"
    with locust(
        *("-t", "60s", "--record-calls", str(calls), "--results", str(results))
    ) as run:
        said = said_until(run, "All users spawned")
        finished = wait_for(calls, 3)
        engine_of(run).kill()
        said += run.communicate(timeout=DEADLINE)[0]

    assert run.returncode in (1, 3), said
    assert "the media engine ended by itself" in said
    assert "Traceback" not in said
    counts = counts_of(results)
    done = sum(record.outcome == "completed" for record in finished)
    assert counts["completed"] >= done >= 1
    assert counts["placed"] == len(calls.read_text().splitlines())
    lost = [decode_record(line).cause for line in calls.read_text().splitlines()]
    assert "media engine died (exit -9)" in lost


def a_worker_lost_in_mid_run_is_told_and_what_it_finished_is_kept(
    folder: Path,
) -> None:
    """Killed while it has calls up: the master says what is missing, since when."""
    calls, results = folder / "calls.jsonl", folder / "results.json"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    with locust(
        *("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port),
        *("--expect-workers", "2", "-t", "120s", "--results", str(results)),
        *("--record-calls", str(calls)),
    ) as master:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        command = [*LOCUST, "--worker", "--master-port", port]
        workers = [
            subprocess.Popen(command, cwd=ROOT, **quiet)  # type: ignore[call-overload]
            for _ in range(2)
        ]
        try:
            said = said_until(master, "Sending spawn jobs")
            wait_for(calls, 2)
            time.sleep(1.0)  # until the master must have been told
            finished = len(calls.read_text().splitlines())
            workers[0].kill()
            said += said_until(master, "lost:")
            wait_for(calls, finished + 1)  # the other goes on
            master.send_signal(signal.SIGINT)
            said += master.communicate(timeout=DEADLINE)[0]
        finally:
            for process in workers:
                process.kill()
                process.wait()

    told = " ".join(said.split())
    heard = r"last heard \d+ s into the run with \d calls up; they and its part"
    assert re.search(rf"worker \S+ lost: {heard}", told), said
    assert master.returncode in (1, 3)
    assert "Traceback" not in said
    records = [decode_record(line) for line in calls.read_text().splitlines()]
    in_full = [one for one in records if one.cause != ENDED_BY_TESTER]
    counts = counts_of(results)
    assert counts["placed"] >= finished
    assert len(records) - counts["placed"] <= 1  # over in the worker's last 0.2 s
    assert counts["completed"] >= len(in_full) - 1


LOSSES = (
    a_worker_lost_in_mid_run_is_told_and_what_it_finished_is_kept,
    a_killed_engine_ends_the_run_and_keeps_what_was_over,
    a_starved_generator_says_that_its_figures_mean_nothing,
)


@pytest.fixture(scope="module")
def lossy_runs(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[list[Future[None]]]:
    """All of them at once, since each mostly waits."""
    with ThreadPoolExecutor(len(LOSSES)) as pool:
        folders = (tmp_path_factory.mktemp("run") for _ in LOSSES)
        yield list(map(pool.submit, LOSSES, folders))


@pytest.mark.parametrize(
    "number", range(len(LOSSES)), ids=[loss.__name__ for loss in LOSSES]
)
def test_what_a_run_loses_is_told(number: int, lossy_runs: list[Future[None]]) -> None:
    """As the names have it."""
    lossy_runs[number].result()
