"""An agent that is kept to itself: what it sees, and what is left of it."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fakes.processes import AgentProcess, WorldProcess, visits_at
from fakes.stand_in.visits import What
from fakes.twilio.caller.script import (
    AwaitGreeting,
    AwaitHangUp,
    Conversation,
    HangUp,
    Say,
)
from fakes.twilio.phone import place_call
from voiceutils.errors import VoiceError

pytestmark = pytest.mark.judged(
    "Standing in for the providers' hosts", by="unmodified agents"
)

AGENTS = Path(__file__).parents[1] / "plain_agents"
UNTOUCHED = ("/etc/hosts", "/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt")
# Says what it sees, and stays.
LOOK = r"""
import http.server, json, os, socket, sys, urllib.request
seen = {"pid": os.getpid(), "user": os.getuid(), "key": os.environ["DEEPGRAM_API_KEY"]}
seen["secret"] = os.environ.get("REAL_SECRET", "")
seen["hosts"] = open("/etc/hosts").read()
body = urllib.request.urlopen("https://api.openai.com/v1/models", timeout=5).read()
seen["models"] = json.loads(body)["object"]
seen["refused"] = []
for host, port in (
    ("real.example", 443), ("93.184.216.34", 5432), ("2606:2800:21f:cb07::1", 443)
):
    try:
        socket.create_connection((host, port), 2)
    except OSError as error:
        seen["refused"].append(type(error).__name__)
class Show(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(seen).encode())
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Show).serve_forever()
"""


@pytest.fixture(scope="module")
def world() -> Iterator[WorldProcess]:
    """The fakes, standing in, in a process of their own."""
    with WorldProcess(stand_in=()) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def _kept(world: WorldProcess) -> None:
    """Skip where the kernel or the container lets nobody be kept to himself."""
    nothing = [sys.executable, "-c", 'print(\'{"media": "ws://x"}\')']
    agent = AgentProcess(world.addresses, nothing, stand_in=True)
    try:
        agent.start()
    except VoiceError as error:
        if "cannot be kept to itself" in str(error):
            pytest.skip(str(error))
        raise
    finally:
        agent.stop()


def gatekeepers() -> set[int]:
    """Return the processes that stand beside a kept agent."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"fakes.stand_in" in words:
            found.add(int(entry.name))
    return found


def look(agent: AgentProcess) -> dict[str, object]:
    """Ask the agent what it saw, through the way in."""
    (place,) = agent.detours.values()
    told: dict[str, object] = httpx.get(f"http://{place}/", timeout=5).json()
    return told


def test_a_kept_agent_sees_the_fakes_and_nobody_else(
    world: WorldProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps number and user; the machine and the tester's keys are untouched."""
    monkeypatch.setenv("REAL_SECRET", "sesame")
    monkeypatch.setenv("DEEPGRAM_API_KEY", "real")
    before = [Path(path).read_bytes() for path in UNTOUCHED if Path(path).exists()]
    earlier = gatekeepers()
    command = [sys.executable, "-c", LOOK, "{port}"]

    with AgentProcess(world.addresses, command, stand_in=True) as agent:
        seen = look(agent)
        assert len(gatekeepers() - earlier) == 1
    until = time.monotonic() + 5
    while gatekeepers() - earlier and time.monotonic() < until:
        time.sleep(0.02)

    assert seen["pid"] == agent.pid
    assert seen["user"] == os.getuid()
    assert (seen["key"], seen["secret"]) == ("busyhour-deepgram-key", "")
    assert "127.0.0.1 api.deepgram.com\n" in str(seen["hosts"])
    assert seen["models"] == "list"
    assert seen["refused"] == ["gaierror"] + 2 * ["ConnectionRefusedError"]
    elsewhere = {v.host for v in visits_at(world.addresses) if v.what is What.ELSEWHERE}
    assert {"real.example", "93.184.216.34:5432", "2606:2800:21f:cb07::1"} <= elsewhere
    after = [Path(path).read_bytes() for path in UNTOUCHED if Path(path).exists()]
    assert after == before
    assert not gatekeepers() - earlier


def test_two_kept_agents_do_not_disturb_each_other(world: WorldProcess) -> None:
    """Each has port 443 and its own fakes; the end of one is nothing to the other."""
    command = [sys.executable, "-c", LOOK, "{port}"]
    with (
        AgentProcess(world.addresses, command, stand_in=True) as one,
        WorldProcess(stand_in=()) as other,
    ):
        with AgentProcess(other.addresses, command, stand_in=True) as two:
            assert look(two)["models"] == "list"
        assert visits_at(other.addresses)
        assert look(one)["models"] == "list"


def test_fakes_that_stand_in_for_nobody_are_a_mistake_of_the_user() -> None:
    """It is told before anything starts."""
    with (
        WorldProcess() as plain,
        pytest.raises(VoiceError, match="give them --stand-in"),
    ):
        AgentProcess(plain.addresses, ["true"], stand_in=True).start()


ASKS = (AwaitGreeting(), Say("Where is my parcel?"), HangUp())
LEAVES = (AwaitGreeting(), Say("Thanks, goodbye.", reply=False), AwaitHangUp(12.0))


@pytest.mark.parametrize(
    ("agent", "talks"),
    [("agent.py", (ASKS, ASKS, LEAVES)), ("shell/serve.py", (ASKS, ASKS))],
)
async def test_an_unmodified_agent_takes_calls(
    world: WorldProcess, agent: str, talks: tuple[Conversation, ...]
) -> None:
    """Several callers at once get their answers, over hosts that stand in its code.

    On a good-bye, it ends the call over REST, by Twilio's own library.
    """
    command = [sys.executable, str(AGENTS / agent), "{port}"]
    process = AgentProcess(world.addresses, command, stand_in=True, deadline=40)
    url = await asyncio.to_thread(process.start)
    try:
        records = await asyncio.gather(
            *(
                place_call(
                    url,
                    talk,
                    call=call,
                    call_sid=f"CA{call:032x}",
                    connect=process.detours,
                    deadline=30,
                    patience=12,
                    switch=world.addresses.control,
                )
                for call, talk in enumerate(talks, 7101)
            )
        )
    finally:
        await asyncio.to_thread(process.stop)

    outcomes = [record.cause or record.outcome for record in records]
    assert outcomes == ["completed"] * len(talks)
    assert not any(record.findings for record in records)
