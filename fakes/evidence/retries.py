"""How an agent came back to the recogniser: each attempt in time, beside its bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fakes.evidence.row_charts import Mark, Span, Track, tracks
from fakes.evidence.trace import CallKept
from fakes.evidence.trace_reading import Trace
from fakes.ledger_entries import Attempt

__all__ = ["Chain", "chains_of", "retry_chart"]

MOST_SHOWN = 16
SLACK = 0.25
"""Seconds by which an attempt may look late: connecting, and a busy machine."""
_EARLY = 0.005
_SURFACES = ("listen", "flux")


class Chain(NamedTuple):
    """Attempts of one call, up to the one that was let in."""

    call: int
    attempts: Sequence[Attempt]

    def out_of(self, bounds: Sequence[tuple[float, float]]) -> list[int]:
        """Return which attempts, from 1, came outside of their bounds."""
        wrong = []
        for number, (before, after) in enumerate(
            zip(self.attempts, self.attempts[1:], strict=False), 1
        ):
            delay = after.at - before.at
            shortest, longest = bounds_of(bounds, number - 1, before)
            if not shortest - _EARLY <= delay <= longest + SLACK:
                wrong.append(number)
        return wrong


def bounds_of(
    bounds: Sequence[tuple[float, float]], retry: int, refused: Attempt
) -> tuple[float, float]:
    """Return the shortest and the longest delay of a retry, from 0.

    Where nothing was promised, anything goes; what a provider asked for goes before.
    """
    shortest, longest = bounds[retry] if retry < len(bounds) else (0.0, float("inf"))
    if refused.retry_after is not None:
        return refused.retry_after, max(longest, refused.retry_after)
    return shortest, longest


def chains_of(kept: CallKept) -> Iterator[Chain]:
    """Yield the chains of a call that have more than one attempt, in order."""
    evidence = kept.evidence
    tries = [a for a in evidence.attempts if a.surface in _SURFACES] if evidence else []
    chain: list[Attempt] = []
    for attempt in sorted(tries, key=lambda attempt: attempt.at):
        chain.append(attempt)
        if attempt.refused_with is None:
            if len(chain) > 1:
                yield Chain(kept.record.call, chain)
            chain = []
    if len(chain) > 1:
        yield Chain(kept.record.call, chain)


def retry_chart(trace: Trace) -> str:
    """Return the chains of a run, those out of bounds first; "" when there is none."""
    bounds = trace.run.delays if trace.run else []
    chains = [chain for kept in trace.calls for chain in chains_of(kept)]
    if not chains:
        return ""
    chains.sort(key=lambda chain: -len(chain.out_of(bounds)))
    shown = [_track(chain, bounds) for chain in chains[:MOST_SHOWN]]
    more = len(chains) - len(shown)
    left_out = f"; {more} more are not shown" if more > 0 else ""
    return tracks(
        shown,
        name="attempts at the recogniser against their bounds",
        x_title=f"seconds since the first attempt{left_out}",
    )


def _track(chain: Chain, bounds: Sequence[tuple[float, float]]) -> Track:
    began = chain.attempts[0].at
    wrong = chain.out_of(bounds)
    marks, spans = [], []
    for number, attempt in enumerate(chain.attempts):
        at = attempt.at - began
        kind = "bad" if number in wrong else "good"
        if attempt.refused_with is not None and kind == "good":
            kind = "refused"
        marks.append(Mark(at, kind, f"{at:.3f} s: {attempt.outcome[:40]}"))
        shortest, longest = bounds_of(bounds, number, attempt)
        if number + 1 < len(chain.attempts) and longest < float("inf"):
            text = f"retry {number + 1}: {shortest:.3f} to {longest:.3f} s later"
            spans.append(Span(at + shortest, at + longest, text))
    note = f"{len(wrong)} out of bounds" if wrong else ""
    return Track(f"call {chain.call}", marks, spans, note)
