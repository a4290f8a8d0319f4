"""``locust -f loadtests`` as a person types it: real processes and sockets, few calls.

The machine that runs this may be too busy for 20 ms frames; then the run says INVALID
(3), which is right, and everything but the verdict on time is still checked.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from xml.etree import ElementTree as ET

import pytest

from conformance.fidelity._raw_values import check_merged
from fakes.twilio.caller.conversation_file import library

ROOT = Path(__file__).parents[2]
DEADLINE = 75


def locust(*options: str, run_time: str = "16s") -> subprocess.CompletedProcess[str]:
    """Run the load test with four phones; returns when it has ended."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "locust", "-f", "loadtests", "--headless"),
            *("-u", "4", "-r", "4", "-t", run_time, "--only-summary", *options),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


class LongRuns:
    """The runs that mostly wait, two at a time while the other tests go on."""

    def __init__(self, pool: ThreadPoolExecutor, folder: Path) -> None:
        self.results, self.calls = folder / "results.json", folder / "calls.jsonl"
        self.lost, self.curve = folder / "lost.json", folder / "curve.svg"

        def begun(
            *options: str, run_time: str = "16s"
        ) -> Future[subprocess.CompletedProcess[str]]:
            return pool.submit(locust, *options, run_time=run_time)

        self.first = begun("--turns", "1", "--fault-share", "0.5")
        self.missed = begun("--turns", "1", "--model-delay", "1", "--drop-every", "40")
        self.crowded = begun(
            *("-u", "1", "--calls-per-second", "2", "--arrivals", "constant"),
            *("--conversations", "abandons", "--results", str(self.lost)),
            run_time="12s",
        )
        self.workers = begun(
            *("--processes", "2", "--turns", "1"),
            *("--results", str(self.results), "--record-calls", str(self.calls)),
        )
        self.capacity = begun(
            *("--find-capacity", "--max-calls", "3", "--step-time", "8"),
            *("--turns", "1", "--curve", str(self.curve)),
        )


@pytest.fixture(scope="module")
def long_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LongRuns]:
    """Begun by the first test that wants one of them."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield LongRuns(pool, tmp_path_factory.mktemp("runs"))


def number_after(word: str, text: str) -> int:
    """The first number that follows ``word`` in the table."""
    found = re.search(rf"{word}\D*?(\d+)", text)
    assert found, text
    return int(found[1])


def test_the_first_run_needs_nothing(long_runs: LongRuns) -> None:
    """No option: fakes, agent and engine come up, calls complete, nothing is lost."""
    run = long_runs.first.result()

    assert run.returncode in (0, 3), run.stdout + run.stderr
    assert number_after("completed", run.stdout) >= 4
    assert number_after("failed", run.stdout) == 0
    assert re.search(r"caller to agent: 0 of \d", run.stdout), run.stdout
    assert re.search(r"agent to caller: 0 of \d", run.stdout), run.stdout
    assert re.search(r"delays checked, 0 out of bounds", run.stdout), run.stdout
    assert f"exit code {run.returncode}" in run.stdout
    assert "Traceback" not in run.stdout + run.stderr


def test_a_missed_budget_and_lost_audio_are_never_green(long_runs: LongRuns) -> None:
    """A slow model misses the turn gap; frames not sent are found, with their call."""
    run = long_runs.missed.result()

    assert run.returncode in (1, 3), run.stdout + run.stderr
    assert re.search(r"p95 <= 1100 MISSED by \d+", run.stdout), run.stdout
    assert re.search(r"call \d+, turn \d: frames? \d+", run.stdout), run.stdout


@pytest.fixture
def wrong_number() -> Iterator[int]:
    """A port that answers any request with a plain 200 that is no TwiML."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            with caller:
                caller.recv(4096)
                body = b"Hello"
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
                caller.sendall(head.encode() + body)

    thread = Thread(target=answer, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_an_agent_that_is_none_is_one_clear_line(
    wrong_number: int, scheme: str
) -> None:
    """Bad TwiML and a refused upgrade end the run before its first call."""
    run = locust("--agent", f"{scheme}://127.0.0.1:{wrong_number}/voice")

    assert run.returncode == 2
    assert "no call gets through to" in run.stderr
    assert "Traceback" not in run.stdout + run.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--agent", "http://127.0.0.1:1/voice"), "no call gets through to"),
        (("--agent", "ftp://127.0.0.1/voice"), "need http"),
        (("--agent", "https://agent.example.com/voice"), "--allow-remote"),
        (("--turns", "0"), "--turns 0 is not between"),
        (("--backoff", "fast"), "--backoff 'fast' does not read"),
        (("--erlangs", "5"), "--erlangs needs --holding-time"),
        (("--conversations", "lunch"), "'lunch': no file and none of abandons"),
    ],
)
def test_a_mistake_in_the_options_is_one_clear_line(
    options: tuple[str, ...], said: str
) -> None:
    """Exit code 2, the reason on standard error, no traceback."""
    run = locust(*options)

    assert run.returncode == 2
    assert said in run.stderr
    assert "Traceback" not in run.stdout + run.stderr


def _hear_ctrl_c() -> None:
    # What a shell runs in the background ignores it, and so do all children.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_ctrl_c_ends_everything_and_still_judges() -> None:
    """The table is printed, and no child is left behind."""
    run = subprocess.Popen(
        [
            *(sys.executable, "-m", "locust", "-f", "loadtests", "--headless"),
            *("-u", "2", "-r", "2", "--only-summary"),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=_hear_ctrl_c,
    )
    said = ""
    assert run.stdout is not None
    for line in run.stdout:
        said += line
        if "All users spawned" in line:
            break
    os.killpg(run.pid, signal.SIGINT)  # as the terminal does: children get it as well
    said += run.communicate(timeout=30)[0]

    assert "verdict" in said
    assert "Traceback" not in said
    assert run.returncode in (1, 3)
    with pytest.raises(ProcessLookupError):  # the whole session is gone
        os.killpg(run.pid, 0)


def test_a_mistake_in_a_conversation_is_told_with_its_line(tmp_path: Path) -> None:
    """Before the first call, in one line, without a traceback."""
    path = tmp_path / "talk.toml"
    path.write_text('steps = [\n  { say = "Hello." },\n  { paws = 2 },\n]\n')

    run = locust("--conversations", str(path))

    assert run.returncode == 2
    assert f"busyhour: {path}:3: step 2: paws: a step has one of" in run.stderr
    assert "Traceback" not in run.stdout + run.stderr


def test_the_library_can_be_listed() -> None:
    """Every name, each with what happens; nothing is started."""
    run = locust("--list-conversations")

    assert run.returncode == 0
    listed = re.findall(r"^([a-z_]+) +\d", run.stdout, re.MULTILINE)
    assert listed == [written.name for written in library()]


def test_calls_that_find_no_phone_are_counted_and_not_green(
    long_runs: LongRuns,
) -> None:
    """Two calls a second and one phone: most are lost, loudly."""
    run = long_runs.crowded.result()

    assert run.returncode in (1, 3), run.stdout + run.stderr
    assert re.search(r"\d+ of 2\d calls found no free phone", run.stdout), run.stdout
    told = json.loads(long_runs.lost.read_text())
    counts = told["counts"]
    assert counts["offered"] in range(22, 26)
    assert counts["blocked"] > counts["placed"] > 0
    assert told["exit_code"] == run.returncode


def test_workers_together_give_the_percentiles_of_the_raw_values(
    long_runs: LongRuns,
) -> None:
    """A master and two workers; the records of all calls are the raw values."""
    run = long_runs.workers.result()

    assert run.returncode in (0, 3), run.stdout + run.stderr
    check_merged(long_runs.results, long_runs.calls)


def test_the_capacity_is_found_in_one_command(long_runs: LongRuns) -> None:
    """One step is enough here: three calls are asked for, and the agent holds them."""
    run = long_runs.capacity.result()

    assert run.returncode in (0, 3), run.stdout + run.stderr
    assert re.search(r"^ +3  (OK|INVALID)", run.stdout, re.MULTILINE), run.stdout
    assert re.search(r"the agent holds (all 3 calls|an unknown number)", run.stdout)
    assert ET.parse(long_runs.curve).getroot().tag.endswith("svg")
    assert "Traceback" not in run.stdout + run.stderr


_SLOW_STEP = """
from locust.runners import STATE_INIT, STATE_STOPPED
from loadtests._capacity import CapacityStep
from loadtests._hunt import Hunt

class Runs:
    def talking(self): return 10
    def is_over(self): return True
    def step(self, phones): return CapacityStep(phones, "OK")
    def trouble(self): return ""

class Runner:
    state = "running"
    def stop(self): self.state = STATE_STOPPED
    def update_state(self, state): self.state = state

class Traffic:
    max_calls, step_time, need_calls = 10, 0.0, 0

hunt = Hunt(Runs(), Traffic())
hunt.runner = Runner()
assert hunt.tick()[0] == 5
assert hunt.tick()[0] == 10 and hunt.runner.state == STATE_INIT
assert hunt.tick() is None and hunt.runner.state == STATE_STOPPED
"""


def test_a_search_goes_on_however_long_an_engine_takes_to_start() -> None:
    """Locust ends a shape whose runner it finds stopped, so between steps it is not."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _SLOW_STEP],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )

    assert run.returncode == 0, run.stderr
