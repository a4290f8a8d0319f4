"""The fake Deepgram in a short storm of junk; the command blows longer."""

from __future__ import annotations

import asyncio

import pytest

from conformance.fidelity.junk.storm import Process, storm
from fakes.processes import WorldProcess

# A quiet second of it: what is judged here are the answers, not the speed.
RATE = 100.0
SECONDS = 5.0


@pytest.mark.judged("Deepgram: handshakes and sockets", by="storm of junk")
def test_junk_is_answered_as_the_service_would() -> None:
    """Every answer is one that the service gives; nothing crashes or stays open."""
    with WorldProcess() as world:
        assert world.pid is not None
        before = Process.of(world.pid)
        outcome = asyncio.run(
            storm(world.addresses.deepgram, rate=RATE, seconds=SECONDS, seed=7)
        )
        after = Process.of(world.pid)

    assert not outcome.problems
    assert outcome.sent.total() > 300
    assert after.files <= before.files + 5
