"""Whatever an agent does, there is a clear verdict, in bounded time and memory."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from conformance.selfcheck.hostile import CRASHES, HOSTILE
from conformance.selfcheck.test_own_agent import NOWHERE
from fakes.call_record import CallRecord
from fakes.processes import AgentProcess
from fakes.twilio.caller.script import AwaitGreeting, HangUp, Say
from fakes.twilio.phone import place_call
from voiceutils.errors import VoiceError

DEADLINE = 12.0
# Of the call's end, when the agent does not answer the farewell either.
FAREWELL = 3.0
MOST_MEMORY = 150_000_000  # bytes gained by all of them; one message alone has 100 MB

CAUSES = {
    "closes_at_once": r"agent closed the media socket \(1000\) before any greeting",
    "greets_and_leaves": r"agent closed the media socket \(1000\) after the greeting",
    "says_nothing": r"no greeting within 6 s",
    "floods": r"no greeting within 6 s",
    "sends_one_huge_message": r"100000\d* > 16777216 before any greeting",
    "sends_much": r"exceeded its deadline of 12 s after the greeting",
    "talks_for_ever": r"exceeded its deadline of 12 s after the greeting",
    "never_answers": r"handshake did not end within 10 s",
    "answers_html": r"bad TwiML: document type not allowed",
}


def _command(name: str) -> list[str]:
    return [sys.executable, "-m", "conformance.selfcheck.hostile", name]


async def _call(name: str, number: int) -> tuple[CallRecord, float]:
    """Call one of them; return the record, and how long it took."""
    agent = AgentProcess(NOWHERE, _command(name))
    url = await asyncio.to_thread(agent.start)
    script = (AwaitGreeting(), Say("What time is it?"), HangUp())
    began = time.monotonic()
    try:
        record = await place_call(
            url, script, call=number, deadline=DEADLINE, patience=6.0
        )
    finally:
        took = time.monotonic() - began
        await asyncio.to_thread(agent.stop)
    return record, took


async def test_every_hostile_agent_has_a_verdict_in_bounded_time_and_memory() -> None:
    """All at once: each call ends by its deadline, and its cause says what happened."""
    assert {*CAUSES, CRASHES} == set(HOSTILE)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    called = await asyncio.gather(
        *(_call(name, 3000 + number) for number, name in enumerate(CAUSES))
    )
    gained = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    for name, (record, took) in zip(CAUSES, called, strict=True):
        assert record.outcome == "failed", name
        assert re.search(CAUSES[name], record.cause), (name, record.cause)
        assert took <= DEADLINE + FAREWELL, name
    assert gained * 1024 <= MOST_MEMORY


def test_an_agent_that_crashes_at_its_start_is_told_with_its_last_words() -> None:
    """Nobody waits for it."""
    began = time.monotonic()
    with pytest.raises(VoiceError, match="status 1: RuntimeError: no database"):
        AgentProcess(NOWHERE, _command(CRASHES)).start()
    assert time.monotonic() - began < 10.0


# --- the exit code, as a shell sees it ---------------------------------------------


async def _suite(*words: str) -> tuple[int, str]:
    """Run the suite; return its exit code and output."""
    process = await _started(words)
    output, _ = await process.communicate()
    return _ended(process), output.decode()


async def _started(words: Sequence[str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "conformance/agent", "--seed=1", *words),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


def _ended(process: asyncio.subprocess.Process) -> int:
    assert process.returncode is not None
    return process.returncode


async def _late_suite(*words: str) -> tuple[int, str]:
    """Run the suite on a machine that stands still every now and then."""
    process = await _started(words)
    reading = asyncio.ensure_future(process.communicate())
    while not reading.done():
        for number, seconds in ((signal.SIGSTOP, 0.06), (signal.SIGCONT, 0.4)):
            if process.returncode is None:
                os.kill(process.pid, number)
            await asyncio.wait([reading], timeout=seconds)
    return _ended(process), (await reading)[0].decode()


def _hostile(name: str) -> str:
    return f"--agent-command={sys.executable} -m conformance.selfcheck.hostile {name}"


async def test_exit_codes_tell_apart_who_fell_short() -> None:
    """Failed, could not start, tester late, and usage."""
    failed, crashed, late, usage = await asyncio.gather(
        _suite("--case=1.6", _hostile("answers_html")),
        _suite("--case=1.6", _hostile(CRASHES)),
        _late_suite("--case=3.2", _hostile("greets_and_leaves")),
        _suite("--agent=ws://127.0.0.1:1/media", _hostile("says_nothing")),
    )

    assert failed[0] == 1, failed[1]
    assert "bad TwiML" in failed[1]
    assert crashed[0] == 6, crashed[1]
    assert "could not start: the agent ended at its start, status 1" in crashed[1]
    assert late[0] == 7, late[1]
    assert "INVALID case 3.2" in late[1]
    assert usage[0] == 4, usage[1]
    assert "not both" in usage[1]
