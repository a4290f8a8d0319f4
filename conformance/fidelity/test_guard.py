"""What was started ends with who started it, even when that one is killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fakes.addresses import Addresses
from fakes.processes import AgentProcess
from voiceutils.errors import VoiceError

_PARENT = """
import sys, time
from fakes.processes import AgentProcess, WorldProcess
world = WorldProcess()
addresses = world.start()
agent = AgentProcess(addresses)
agent.start()
script = AgentProcess(addresses, ["sh", "-c", sys.argv[1]])
script.start()
print(world.pid, agent.pid, script.pid, script.declared["inner"], flush=True)
time.sleep(60)
"""
# A command that is a script, as many are: the agent proper is a child of it.
_SCRIPT = """
sleep 50 &
printf '{"media": "ws://127.0.0.1:1/", "inner": %s}\\n' $!
wait
"""


def is_there(pid: int) -> bool:
    """Whether there is such a process, dead ones that nobody buried left out."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="looks into /proc")
def test_who_is_killed_leaves_nobody_behind() -> None:
    """Neither the fakes, nor an agent, nor what its script started."""
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, _SCRIPT], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        try:
            assert len(pids) == 4
            assert all(map(is_there, pids))
            parent.kill()
            until = time.monotonic() + 10
            while any(map(is_there, pids)) and time.monotonic() < until:
                time.sleep(0.05)
            assert [pid for pid in pids if is_there(pid)] == []
        finally:
            parent.kill()
            for pid in filter(is_there, pids):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def test_a_child_that_ended_by_itself_is_watched_no_longer() -> None:
    """Its number may soon be that of somebody who has nothing to do with it."""
    nowhere = Addresses(deepgram="", deepgram_websocket="", model="", control="")
    agent = AgentProcess(nowhere, ["true"])
    with pytest.raises(VoiceError, match="ended at its start"):
        agent.start()
    assert agent._guard is None
