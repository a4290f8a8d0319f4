"""A cell of the grid as a case: what is done to the agent, and what is asked of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from conformance._backoff import expect_bounds
from conformance._case import Case
from conformance._grid import PHASES, Cell
from conformance._line import Line, Unsupported

__all__ = ["case_of"]

# Who reads nothing does not read that the client has left.
_NEVER_SEE_THE_END = ("HalfOpen", "SlowReader")
_LATE_ATTEMPTS = 0.8  # seconds after the hang-up in which a retry would still show


def case_of(cell: Cell) -> Case:
    """Return the case whose number is the cell's name."""
    return Case(
        number=cell.name,
        level=cell.kind.level,
        source=cell.kind.source,
        mutants=(),
        title=f"The {cell.provider} {cell.kind.words}, {PHASES[cell.phase]}.",
        do=f"the {cell.provider} {cell.kind.words}, {PHASES[cell.phase]}; then another "
        "question, and a plain call.",
        expect="nobody waits in silence, nothing stays open after the hang-up, retries "
        "keep their bounds, and the plain call is answered.",
        because="every provider fails at some time, in any phase of some call.",
        body=_body(cell),
    )


def _body(cell: Cell) -> Callable[[Line], Awaitable[None]]:
    async def put(line: Line) -> None:
        await line.fault(cell.surfaces[0], *cell.faults)
        record = await line.talk(*cell.conversation)
        if not cell.was_met(await line.attempts(), await line.faults_fired()):
            raise Unsupported(f"the agent never met it ({record.cause or 'completed'})")
        ended = record.outcome == "completed" or record.cause.startswith("agent ")
        line.expect(
            ended,
            f"something is heard within {line.limits.silence:g} s of each question, or "
            "the agent hangs up",
            record.cause,
        )
        await _expect_clean_end(line)
        await line.check_alive()

    return put


async def _expect_clean_end(line: Line) -> None:
    limit = line.limits.teardown
    blind = await line.faults_fired()
    unseen = {one.attempt for one in blind if one.fault in _NEVER_SEE_THE_END}
    left_open = [
        attempt
        for attempt in await line.open_sockets(within=limit)
        if attempt.id not in unseen
    ]
    line.expect(
        not left_open,
        f"nothing is open {limit:g} s after the hang-up",
        ", ".join(attempt.surface for attempt in left_open),
    )
    await asyncio.sleep(_LATE_ATTEMPTS)
    expect_bounds(line, await line.attempts())
