"""What is read of an agent's process is what the process did."""

from __future__ import annotations

import asyncio
import os
import sys
import textwrap
from pathlib import Path

import pytest

from conformance._own_agent import OwnAgent, launcher, starts_here
from fakes.addresses import Addresses
from voiceutils.errors import VoiceError

NOWHERE = Addresses(
    deepgram="http://127.0.0.1:1",
    deepgram_websocket="ws://127.0.0.1:1",
    model="http://127.0.0.1:1/v1",
    control="http://127.0.0.1:1",
)
TALKATIVE = textwrap.dedent(
    """
    import json, os, socket, sys, time
    print("key is", os.environ["DEEPGRAM_API_KEY"], flush=True)
    print("and on stderr", file=sys.stderr, flush=True)
    held = [socket.socket() for _ in range(5)]
    print(json.dumps({"media": "ws://127.0.0.1:1/media"}), flush=True)
    time.sleep(30)
    """
)


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc")
def test_output_and_sockets_are_seen(tmp_path: Path) -> None:
    """All output is kept, sockets are counted, and SIGTERM ends the process."""
    script = tmp_path / "agent.py"
    script.write_text(TALKATIVE)
    launch = launcher(NOWHERE, f"{sys.executable} {script}")
    agent = launch({"DEEPGRAM_API_KEY": "canary-1"})
    try:
        assert agent.start() == "ws://127.0.0.1:1/media"
        assert agent.sockets == 5
        assert agent.memory > os.sysconf("SC_PAGE_SIZE")
        assert agent.processor_seconds < 10
        agent.terminate()
    finally:
        agent.stop()
    assert "canary-1" in agent.output
    assert "and on stderr" in agent.output


def test_agent_that_does_not_start_is_told() -> None:
    """A command that ends at once is an error with its exit status."""
    agent = OwnAgent(NOWHERE, ["false"], {})
    with pytest.raises(VoiceError, match="status 1"):
        agent.start()


def test_agents_start_in_one_event_loop_after_the_other() -> None:
    """Who puts the suite more than once in a process has a new loop each time."""

    async def start(number: int) -> int:
        async with starts_here():
            await asyncio.sleep(0)
            return number

    async def several() -> list[int]:
        return await asyncio.gather(*map(start, range(5)))

    assert asyncio.run(several()) == asyncio.run(several()) == [0, 1, 2, 3, 4]
