"""The calls before all others: where does the agent meet its providers?"""

from __future__ import annotations

import asyncio

from conformance._acquaintance import Acquaintance, acquaintance_of
from conformance._line import Line
from fakes.call_record import CallRecord
from fakes.twilio.caller.script import HangUp, Pause, Say

__all__ = ["meet"]

_DEADLINE = 20.0


async def meet(line: Line, together: int) -> Acquaintance:
    """Return what a call alone tells, and then several at once.

    An agent that fails alone is not tried further: nobody else makes it worse.

    Args:
        line: to the agent; nobody else may be calling.
        together: how many calls there will be at once.
    """
    since = line.now()
    alone = await _ask(line)
    known = acquaintance_of(await line.everything(since), line.call_sid)
    if together < 2 or not _is_sound(alone):
        return known
    others = [line.beside() for _ in range(together)]
    try:
        records = await asyncio.gather(*map(_ask, others))
    finally:
        for other in others:
            await other.__aexit__()
    return known._replace(disturbed=not all(map(_is_sound, records)))


async def _ask(line: Line) -> CallRecord:
    # Agents that speak first are interrupted at worst, and still answer.
    return await line.talk(
        Pause(2.5), Say("What time is it?"), HangUp(), deadline=_DEADLINE
    )


def _is_sound(record: CallRecord) -> bool:
    return record.outcome == "completed" and not record.foreign
