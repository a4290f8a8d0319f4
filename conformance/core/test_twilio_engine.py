"""The media engine as a child process: calls, death, the end of its input."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time

import pytest
from websockets.asyncio.server import ServerConnection

from conformance.core._tiny_agent import tiny_agent
from fakes.call_record import ENDED_BY_TESTER
from fakes.engine.commands import (
    Dial,
    Finished,
    HangUpAll,
    Note,
    Ready,
    Report,
    decode_command,
    decode_report,
    encode_line,
)
from fakes.engine.exchange import Exchange
from fakes.engine.link import EngineProcess
from fakes.engine.wheel import wheel_here
from fakes.twilio.phone import (
    AwaitGreeting,
    CallOrder,
    HangUp,
    Pause,
    Say,
    conversation,
)
from voiceutils.budget import LatencyHistogram
from voiceutils.errors import DeadlineExceeded, VoiceError

WAIT = (AwaitGreeting(), HangUp())


async def idle(media: ServerConnection, sid: str) -> None:
    """Say nothing."""


def _order(agent: str, *steps: object, call: int = 1) -> CallOrder:
    return CallOrder(agent=agent, conversation=steps or WAIT, call=call)  # type: ignore[arg-type]


def test_orders_survive_the_trip_as_json() -> None:
    """Every kind of step, and the knobs."""
    steps = (*conversation(4729, 4), Pause(1.0))
    dial = Dial(3, CallOrder(agent="ws://127.0.0.1:1", conversation=steps, call=4729))
    assert decode_command(encode_line(dial)) == dial


async def test_calls_through_the_engine_complete() -> None:
    """Each record comes back to the one who dialled."""
    steps = (Say("Yes.", reply=False), HangUp())
    async with tiny_agent() as agent:
        orders = [_order(agent.url, *steps, call=n) for n in (11, 12, 13)]

        def run() -> list[tuple[int, str, str]]:
            with EngineProcess() as engine:
                records = engine.run_all(orders)
            return [(r.call, r.outcome, r.cause) for r in records]

        found = await asyncio.to_thread(run)
    assert found == [(n, "completed", "") for n in (11, 12, 13)]


async def test_the_death_of_the_engine_fails_every_open_call() -> None:
    """At once, with the exit code; dialling then says so too."""
    async with tiny_agent() as agent:
        agent.on_start = idle

        def run() -> None:
            heard: list[str] = []
            with EngineProcess(on_record=lambda _, r: heard.append(r.cause)) as engine:
                calls = [engine.dial(_order(agent.url)) for _ in range(2)]
                deadline = time.monotonic() + 5
                while agent.events.count("start") < 2 and time.monotonic() < deadline:
                    time.sleep(0.01)
                os.kill(engine.pid, signal.SIGKILL)
                records = [engine.wait(call, within=5.0) for call in calls]
                assert [r.cause for r in records] == ["media engine died (exit -9)"] * 2
                assert heard == [r.cause for r in records]
                assert not engine.alive
                with pytest.raises(VoiceError, match=r"died \(exit -9\)"):
                    engine.dial(_order(agent.url))

        await asyncio.to_thread(run)


async def test_the_end_of_its_input_hangs_up_and_reports_every_call() -> None:
    """So no child outlives its parent, and no call is forgotten."""
    async with tiny_agent() as agent:
        agent.on_start = idle
        commands = b"nonsense\n" + encode_line(Dial(1, _order(agent.url)))
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "fakes.engine",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(commands)
        async with asyncio.timeout(10.0):
            await agent.started.wait()
            child.stdin.close()
            lines = (await child.stdout.read()).splitlines()
            assert await child.wait() == 0
    ready, note, finished = map(decode_report, lines)
    assert isinstance(ready, Ready)
    assert isinstance(note, Note)
    assert "nonsense" in note.text
    assert isinstance(finished, Finished)
    assert finished.record.cause == ENDED_BY_TESTER
    assert agent.events[-1] == "stop"


async def test_no_more_calls_are_up_than_allowed() -> None:
    """The others wait, and are reported too when all is hung up."""
    reports: list[Finished] = []
    async with tiny_agent() as agent:
        agent.on_start = idle
        exchange = Exchange(lambda r: reports.append(r), max_calls=2)  # type: ignore[arg-type]
        for number in range(5):
            exchange.dial(Dial(number, _order(agent.url)))
        await asyncio.sleep(0.2)
        assert agent.events.count("start") == 2
        await exchange.close(2.0)
    assert sorted(report.id for report in reports) == [0, 1, 2, 3, 4]
    assert {report.record.cause for report in reports} == {ENDED_BY_TESTER}
    assert decode_command(encode_line(HangUpAll())) == HangUpAll()


async def test_one_call_is_hung_up_and_the_others_go_on() -> None:
    """By its id; one that is over, or was never there, is left alone."""
    async with tiny_agent() as agent:
        agent.on_start = idle

        def run() -> None:
            with EngineProcess() as engine:
                one, other = (engine.dial(_order(agent.url, call=n)) for n in (1, 2))
                deadline = time.monotonic() + 5
                while agent.events.count("start") < 2 and time.monotonic() < deadline:
                    time.sleep(0.01)
                engine.hang_up(one)
                assert engine.wait(one, within=5.0).cause == ENDED_BY_TESTER
                engine.hang_up(one)
                engine.hang_up(99)
                health = engine.health()
                assert health.calls_up == 1
                assert health.waiting == 0
                assert health.frames > 0
                assert health.cpu_seconds > 0.0
                lines = engine.lines_now()
                assert sum(lines.doing.values()) == 1
                assert lines.gaps == []
                engine.hang_up(other)
                assert engine.wait(other, within=5.0).cause == ENDED_BY_TESTER
                after = engine.health()
                lateness = LatencyHistogram.from_counts(after.lateness)
                assert lateness.count > 0
                assert after.frames >= lateness.count  # the burst has no due time

        await asyncio.to_thread(run)


async def test_a_call_that_waits_can_be_hung_up() -> None:
    """It is reported, and never dialled."""
    reports: list[Finished] = []
    async with tiny_agent() as agent:
        agent.on_start = idle
        exchange = Exchange(lambda r: reports.append(r), max_calls=1)  # type: ignore[arg-type]
        for number in (1, 2):
            exchange.dial(Dial(number, _order(agent.url)))
        async with asyncio.timeout(5.0):
            await agent.started.wait()
        exchange.hang_up(2)
        assert [report.id for report in reports] == [2]
        assert exchange.health().waiting == 0
        await exchange.close(2.0)
    assert agent.events.count("start") == 1


async def test_many_short_calls_leave_nothing_behind() -> None:
    """No call, task, rider or timer is kept when all is over."""
    reports: list[Finished] = []
    over = asyncio.Event()

    def take(report: Report) -> None:
        assert isinstance(report, Finished)
        reports.append(report)
        if len(reports) == 100:
            over.set()

    async with tiny_agent() as agent:
        exchange = Exchange(take, max_calls=20)
        for number in range(100):
            exchange.dial(Dial(number, _order(agent.url, HangUp(), call=number)))
        async with asyncio.timeout(20.0):
            await over.wait()
            await asyncio.sleep(0)  # the last task has reported, and ends now
        assert {report.record.outcome for report in reports} == {"completed"}
        assert exchange.health().calls_up == 0
        assert not exchange._calls
        assert not exchange._tasks
        assert len(wheel_here()) == 0
        assert wheel_here()._timer is None
        await exchange.close(2.0)


_GEVENT_PARENT = """
from gevent import monkey; monkey.patch_all()
import gevent, sys, time
from fakes.engine.link import EngineProcess
from fakes.twilio.phone import CallOrder, HangUp, Say
ticks = 0
def tick():
    global ticks
    while True:
        gevent.sleep(0.02); ticks += 1
steps = (Say("Yes.", reply=False), HangUp())
with EngineProcess() as engine:
    gevent.spawn(tick)
    def call(n):
        order = CallOrder(agent=sys.argv[1], conversation=steps, call=n)
        record = engine.wait(engine.dial(order))
        return record.call, record.outcome
    calls = [gevent.spawn(call, n) for n in (21, 22)]
    gevent.joinall(calls, timeout=15)
    print([c.value for c in calls], ticks > 10)
    engine._process.kill()
    print(engine.wait(engine.dial(CallOrder(agent=sys.argv[1], conversation=steps,
        call=1)), within=5).cause if engine.alive else "gone")
"""


async def test_the_link_works_in_a_process_that_gevent_has_patched() -> None:
    """Other greenlets run while calls are awaited; a death is noticed there too."""
    pytest.importorskip("gevent")
    async with tiny_agent() as agent:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _GEVENT_PARENT, agent.url, stdout=subprocess.PIPE
        )
        async with asyncio.timeout(30.0):
            out, _ = await child.communicate()
    first, second = out.decode().splitlines()
    assert first == "[(21, 'completed'), (22, 'completed')] True"
    assert second in ("media engine died (exit -9)", "gone")


def _silent(number: int) -> CallOrder:
    """A call that nobody answers: over at once."""
    return _order("ws://127.0.0.1:1", call=number)


def _dial_on(engine: EngineProcess, accepted: list[int]) -> None:
    """Dial until the engine takes no more."""
    accepted.extend(engine.dial(_silent(number)) for number in itertools.count())


async def test_an_engine_whose_reports_nobody_reads_takes_no_more_commands() -> None:
    """The pipes fill, and no memory; read at last, every call is there."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fakes.engine"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=1 << 16,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    told = 0
    async with asyncio.timeout(60.0):
        try:
            while told < 60_000:
                lines = [encode_line(Dial(told + n, _silent(n))) for n in range(100)]
                child.stdin.write(b"".join(lines))
                told += 100
                await asyncio.wait_for(child.stdin.drain(), 1.5)
        except TimeoutError:
            pass
        assert told < 60_000
        child.stdin.write_eof()
        reports = map(decode_report, (await child.stdout.read()).splitlines())
        over = [report.id for report in reports if isinstance(report, Finished)]
        assert await child.wait() == 0
    assert sorted(over) == list(range(told))


async def test_an_engine_that_reads_nothing_holds_up_no_caller_for_ever() -> None:
    """Dialling fails with what was awaited; what was accepted is placed later."""

    def run() -> None:
        accepted: list[int] = []
        with EngineProcess(patience=0.3) as engine:
            os.kill(engine.pid, signal.SIGSTOP)
            try:
                with pytest.raises(DeadlineExceeded, match="to read one of 1000 comm"):
                    _dial_on(engine, accepted)
                with pytest.raises(DeadlineExceeded, match="the media engine to read"):
                    engine.health()
            finally:
                os.kill(engine.pid, signal.SIGCONT)
            records = [engine.wait(call, within=20.0) for call in accepted]
        assert [record.call for record in records] == list(range(len(accepted)))

    await asyncio.to_thread(run)


async def test_an_engine_that_reads_nothing_is_ended_all_the_same() -> None:
    """By force, in the time given; its calls are reported as lost."""

    def run() -> None:
        engine = EngineProcess(patience=0.1)
        engine.start()
        os.kill(engine.pid, signal.SIGSTOP)
        calls: list[int] = []
        with pytest.raises(DeadlineExceeded):
            _dial_on(engine, calls)
        begun = time.monotonic()
        engine.stop(within=0.3)
        assert time.monotonic() - begun < 5.0
        causes = {engine.wait(call, within=1.0).cause for call in calls}
        assert causes == {"media engine died (exit -9)"}

    await asyncio.to_thread(run)
