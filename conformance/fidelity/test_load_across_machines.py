"""Load across machines, as network namespaces of this one.

The master is in one, each of two workers in another, fakes and agent in a fourth; none
reaches another's loopback. Made here and taken away again, whatever happens.
``pytest -m namespaces conformance/fidelity/test_load_across_machines.py``
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from conformance.fidelity._raw_values import check_merged

pytestmark = pytest.mark.namespaces

ROOT = Path(__file__).parents[2]
DEADLINE = 150
LOCUST = ("-m", "locust", "-f", "loadtests", "--headless")
MASTER, SERVER = "10.203.77.1", "10.203.77.2"
WORKERS = ("10.203.77.3", "10.203.77.4")


def ip(*words: str) -> None:
    """Run ``ip``; raises with what it said."""
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


class Machines:
    """Namespaces that see each other through a bridge in the first one."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._names: dict[str, str] = {}

    def __enter__(self) -> Machines:
        with self._stack:
            for number, address in enumerate((MASTER, SERVER, *WORKERS)):
                self._add(number, address)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _add(self, number: int, address: str) -> None:
        name = self._names[address] = f"busyhour-{os.getpid()}-{number}"
        ip("netns", "add", name)
        self._stack.callback(ip, "netns", "del", name)
        ip("-n", name, "link", "set", "lo", "up")
        hub = self._names[MASTER]
        if address == MASTER:
            ip("-n", hub, "link", "add", "bridge", "type", "bridge")
            link = "bridge"
        else:
            port, link = f"port{number}", "uplink"
            peer = ("peer", "name", link, "netns", name)
            ip("-n", hub, "link", "add", port, "type", "veth", *peer)
            ip("-n", hub, "link", "set", port, "master", "bridge", "up")
        ip("-n", name, "addr", "add", f"{address}/24", "dev", link)
        ip("-n", name, "link", "set", link, "up")

    def run(self, address: str, *command: str) -> subprocess.Popen[str]:
        """Start Python on one of the machines; ended with them."""
        process = subprocess.Popen(
            ["ip", "netns", "exec", self._names[address], sys.executable, *command],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._stack.callback(_end, process)
        return process


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=10)
        return
    process.kill()
    process.communicate()


@pytest.fixture
def machines() -> Iterator[Machines]:
    """Four machines, where that is allowed."""
    if shutil.which("ip") is None:
        pytest.skip("there is no ip command (iproute2)")
    if os.geteuid() != 0:
        pytest.skip("only root may make network namespaces")
    with ExitStack() as stack:
        try:
            made = stack.enter_context(Machines())
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespaces here: {error.stderr.strip()}")
        yield made


def announced(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The line of JSON in which a process says where it is."""
    assert process.stdout is not None
    line = process.stdout.readline()
    told: dict[str, Any] = json.loads(line)
    return told


def test_master_workers_and_fakes_on_machines_of_their_own(
    machines: Machines, tmp_path: Path
) -> None:
    """Merged percentiles are those of the raw values, turns are taken apart."""
    fakes = announced(machines.run(SERVER, "-m", "fakes", "--json", "--bind", SERVER))
    assert fakes["control"] == f"http://{SERVER}:8413"
    where = ("--deepgram", fakes["deepgram"], "--model", fakes["model"])
    agent = ("-m", "voiceutils.agent", "--json", "--host", SERVER, "--port", "8080")
    announced(machines.run(SERVER, *agent, *where))
    results, calls = tmp_path / "results.json", tmp_path / "calls.jsonl"
    master = machines.run(
        MASTER,
        *(*LOCUST, "--master", "--master-bind-host", MASTER, "--expect-workers", "2"),
        *(
            "--agent",
            "wss://agent.test/media",
            "--connect",
            f"agent.test={SERVER}:8080",
        ),
        *("--fakes", fakes["control"], "--allow-remote", "--only-summary"),
        *("-u", "4", "-r", "4", "-t", "30s", "--turns", "1"),
        *("--results", str(results), "--record-calls", str(calls)),
    )
    for address in WORKERS:
        machines.run(address, *LOCUST, "--worker", "--master-host", MASTER)
    said, _ = master.communicate(timeout=DEADLINE)

    assert master.returncode in (0, 3), said
    assert "lost:" not in said
    check_merged(results, calls)
    assert re.search(r"caller to agent: 0 of \d", said), said
    assert re.search(r"turn gap +mean \d+ ms of \d+ turns: buffering \d+", said), said
