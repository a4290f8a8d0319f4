"""Plays a tape to any agent over real sockets, in real time."""

from __future__ import annotations

import asyncio
from types import TracebackType

from conformance._limits import USUAL
from conformance._line import Line, Numbering
from conformance._processes import Agents, Fakes, start_agents, start_fakes
from conformance._verdict import CLEAN
from conformance.whole.evidence import Evidence
from conformance.whole.oracles import Complaint, judge
from conformance.whole.stage import CEILING
from conformance.whole.tape import CALLER, Tape
from fakes.twilio.phone import place_call

__all__ = ["RealSockets"]

CALL_DEADLINE = 60.0
# Between two pings that find a line dead, and what the agent does then.
DEAD_LINE = 12.0


class _OwnNumber(Numbering):
    """Every call has the same number, which texts of tapes may name.

    Calls follow each other, and the ledger is asked by the call's own sid.
    """

    def take(self) -> int:
        return CALLER


class RealSockets:
    """The fakes and an agent, as long as the context lasts.

    Args:
        agent: address of an agent that runs already; it must know the usual ports.
        command: starts one; without either it is the reference agent.
    """

    def __init__(self, agent: str | None = None, command: str | None = None) -> None:
        self._agent, self._command = agent, command
        self._fakes: Fakes | None = None
        self._agents: Agents | None = None

    def __enter__(self) -> RealSockets:
        """Start what is to be started."""
        self._fakes = start_fakes(known_ports=bool(self._agent))
        try:
            self._agents = start_agents(
                self._fakes,
                agent=self._agent,
                command=self._command,
                clean=True,
                mutants=False,
            )
        except BaseException:
            self._fakes.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        if self._agents is not None:
            self._agents.stop()
        if self._fakes is not None:
            self._fakes.stop()

    def __call__(self, tape: Tape) -> list[Complaint]:
        """Play a tape and judge it."""
        return judge(tape, asyncio.run(self.play(tape)))

    async def play(self, tape: Tape) -> Evidence:
        """Play a tape; return what crossed the wires."""
        assert self._fakes is not None, "enter the context first"
        assert self._agents is not None, "enter the context first"
        address = self._agents.addresses[CLEAN]
        control = self._fakes.addresses.control
        async with Line("whole", address, control, _OwnNumber(0)) as line:
            for surface, faults in tape.faults:
                await line.fault(surface, *faults)
            record = await place_call(
                address,
                tape.caller,
                call=line.call,
                call_sid=line.call_sid,
                deadline=CALL_DEADLINE,
                patience=CEILING,
            )
            line.record = record
            vanished = any(getattr(s, "how", "") == "half_open" for s in tape.caller)
            within = USUAL.teardown + (DEAD_LINE if vanished else 0.0)
            left_open = await line.open_sockets(within)
            heard = [t for t in await line.heard() if t.first_at >= record.placed_at]
            return Evidence(
                record,
                await line.attempts(),
                heard,
                await line.findings(),
                left_open,
            )
