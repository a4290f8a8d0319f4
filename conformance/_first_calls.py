"""The calls before all others: where does the agent meet its providers?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from conformance._acquaintance import Acquaintance, acquaintance_of
from conformance._line import Line
from conformance._lines import Lines
from conformance._verdict import LATE
from fakes.call_record import CallRecord
from fakes.twilio.caller.script import HangUp, Pause, Say
from voiceutils.budget import LatencyHistogram

__all__ = ["meet"]

_DEADLINE = 20.0


async def meet(
    line: Line,
    lines: Lines,
    calls: int,
    starved: Callable[[float, float], float],
) -> Acquaintance:
    """Return what a call alone tells, and then several at once.

    An agent that fails alone is not tried further: nobody else makes it worse. Where
    the phones themselves were late, fewer of them try again.

    Args:
        line: to the agent; nobody else may be calling.
        lines: how many calls there can be at once.
        calls: how many there will be in all.
        starved: tells how long somebody waited in vain between two moments.
    """
    since = line.now()
    alone = await _ask(line)
    known = acquaintance_of(await line.everything(since), line.call_sid)
    if not _is_sound(alone):
        return known
    while (together := min(lines.limit, calls)) > 1:
        began = time.monotonic()
        records = await _ask_together(line, together)
        waited = starved(began, time.monotonic())
        if max(waited, _lateness_of(records)) <= LATE:
            return known._replace(disturbed=not all(map(_is_sound, records)))
        lines.late(began)
    return known


async def _ask_together(line: Line, count: int) -> list[CallRecord]:
    others = [line.beside() for _ in range(count)]
    try:
        return await asyncio.gather(*map(_ask, others))
    finally:
        for other in others:
            await other.__aexit__()


async def _ask(line: Line) -> CallRecord:
    # Agents that speak first are interrupted at worst, and still answer.
    return await line.talk(
        Pause(2.5), Say("What time is it?"), HangUp(), deadline=_DEADLINE
    )


def _lateness_of(records: list[CallRecord]) -> float:
    lateness = LatencyHistogram()
    for record in records:
        lateness.merge(LatencyHistogram.from_counts(record.lateness))
    return lateness.percentile(99) or 0.0


def _is_sound(record: CallRecord) -> bool:
    return record.outcome == "completed" and not record.foreign
