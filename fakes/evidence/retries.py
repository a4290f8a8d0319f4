"""How an agent came back to the recogniser: each attempt in time, beside its bounds.

What is wrong with it is for :mod:`fakes.backoff.oracle` to say; here it is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from fakes.backoff.oracle import DOORS, SLACK_EARLY, SLACK_LATE, judge_attempts
from fakes.backoff.policy import Policy
from fakes.backoff.reconnects import failed
from fakes.evidence.row_charts import Mark, Span, Track, tracks
from fakes.evidence.trace import CallKept
from fakes.evidence.trace_reading import Trace
from fakes.ledger_entries import Attempt

__all__ = ["Chain", "Retry", "all_chains", "chains_of", "retry_chart", "retry_rows"]

MOST_SHOWN = 16
MOST_ROWS, LONGEST_ROW = 40, 600
_ANYTIME = float("inf")


class Retry(NamedTuple):
    """An attempt after one that failed; seconds.

    Attributes:
        after: from the end of the one before.
        shortest: what was promised at the least.
        longest: and at the most; infinite when nothing was promised.
    """

    attempt: Attempt
    ended: float
    after: float
    shortest: float
    longest: float

    @property
    def in_bounds(self) -> bool:
        """Whether it came when it was due, as far as that can be seen."""
        return self.shortest - SLACK_EARLY <= self.after <= self.longest + SLACK_LATE


class Chain(NamedTuple):
    """Attempts of one call in a row, all but the last of which failed.

    Attributes:
        violations: what the oracle says of the call; of its first chain only.
    """

    call: int
    first: Attempt
    retries: Sequence[Retry]
    violations: Sequence[str] = ()


def chains_of(kept: CallKept, policy: Policy | None) -> list[Chain]:
    """Return the chains of a call, in order; a call that needed no retry has none."""
    evidence = kept.evidence
    tries = [a for a in evidence.attempts if a.surface in DOORS] if evidence else []
    tries.sort(key=lambda attempt: attempt.at)
    found = [
        Chain(kept.record.call, chain[0], list(_retries(chain, policy)))
        for chain in _split(tries)
        if len(chain) > 1
    ]
    if found:
        told = judge_attempts(tries, policy).violations
        found[0] = found[0]._replace(violations=told)
    return found


def all_chains(trace: Trace) -> list[Chain]:
    """Return the chains of a run, those with violations first."""
    policy = trace.run.policy if trace.run else None
    chains = [chain for kept in trace.calls for chain in chains_of(kept, policy)]
    return sorted(chains, key=lambda chain: -len(chain.violations))


def retry_rows(chains: Sequence[Chain]) -> list[dict[str, str | int]]:
    """Return the first chains as rows: call, attempts, violations."""
    return [
        {
            "call": chain.call,
            "attempts": _in_words(chain)[:LONGEST_ROW],
            "violations": "; ".join(chain.violations)[:LONGEST_ROW],
        }
        for chain in chains[:MOST_ROWS]
    ]


def _in_words(chain: Chain) -> str:
    told = [f"+{one.after:.3f} s {one.attempt.outcome[:40]}" for one in chain.retries]
    return ", ".join([chain.first.outcome[:40], *told])


def retry_chart(chains: Sequence[Chain]) -> str:
    """Return the first chains as a chart; "" without any."""
    if not chains:
        return ""
    more = len(chains) - MOST_SHOWN
    left_out = f"; {more} more are not shown" if more > 0 else ""
    return tracks(
        [_track(chain) for chain in chains[:MOST_SHOWN]],
        name="attempts at the recogniser against their bounds",
        x_title=f"seconds since the first attempt{left_out}",
    )


def _split(tries: Sequence[Attempt]) -> Iterator[list[Attempt]]:
    chain: list[Attempt] = []
    for attempt in tries:
        if chain and not failed(chain[-1]):
            yield chain
            chain = []
        chain.append(attempt)
    if chain:
        yield chain


def _retries(chain: Sequence[Attempt], policy: Policy | None) -> Iterator[Retry]:
    before: float | None = None
    for number, (last, attempt) in enumerate(pairwise(chain)):
        ended = last.at if last.closed is None else last.closed
        shortest, longest = 0.0, _ANYTIME
        if policy is not None:
            shortest, longest = policy.bounds(number, before)
        if last.retry_after is not None:
            # The provider's word goes before the policy's.
            shortest, longest = last.retry_after, max(longest, last.retry_after)
        before = None if last.retry_after is not None else attempt.at - ended
        yield Retry(attempt, ended, attempt.at - ended, shortest, longest)


def _track(chain: Chain) -> Track:
    began = chain.first.at
    marks = [Mark(0.0, "refused", f"0 s: {chain.first.outcome[:40]}")]
    spans = []
    for number, retry in enumerate(chain.retries, 1):
        at = retry.attempt.at - began
        kind = "refused" if failed(retry.attempt) else "good"
        if not retry.in_bounds:
            kind = "bad"
        marks.append(Mark(at, kind, f"{at:.3f} s: {retry.attempt.outcome[:40]}"))
        if retry.longest < _ANYTIME:
            due = retry.ended - began
            text = f"retry {number}: {retry.shortest:.3f} to {retry.longest:.3f} s"
            span = Span(due + retry.shortest, due + retry.longest, f"{text} later")
            spans.append(span)
    count = len(chain.violations)
    note = f"{count} out of bounds" if count else ""
    return Track(f"call {chain.call}", marks, spans, note)
