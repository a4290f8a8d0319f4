"""The calls before all others: where does the agent meet its providers?"""

from __future__ import annotations

import asyncio

from conformance._acquaintance import Acquaintance, acquaintance_of
from conformance._line import Line
from fakes.call_record import CallRecord
from fakes.twilio.caller.script import HangUp, Pause, Say

__all__ = ["meet"]

_DEADLINE = 20.0


async def meet(line: Line) -> Acquaintance:
    """Return what two calls at once tell, and one more if they went wrong.

    Args:
        line: to the agent; nobody else may be calling.
    """
    since = line.now()
    async with line.beside() as other, line.beside() as third:
        records = await asyncio.gather(_ask(line), _ask(other))
        attempts = await line.everything(since)
        disturbed = not all(map(_is_sound, records)) and _is_sound(await _ask(third))
    sids = {line.call_sid, other.call_sid}
    return acquaintance_of(attempts, sids)._replace(disturbed=disturbed)


async def _ask(line: Line) -> CallRecord:
    # Agents that speak first are interrupted at worst, and still answer.
    return await line.talk(
        Pause(2.5), Say("What time is it?"), HangUp(), deadline=_DEADLINE
    )


def _is_sound(record: CallRecord) -> bool:
    return record.outcome == "completed" and not record.foreign
