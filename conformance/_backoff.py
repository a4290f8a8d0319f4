"""What cases ask of a client that comes back; see :mod:`fakes.backoff.oracle`."""

from __future__ import annotations

from collections.abc import Iterable

from conformance._line import Line
from fakes.backoff.crowd import Crowd
from fakes.backoff.oracle import judge_attempts
from fakes.ledger import Attempt

__all__ = ["expect_bounds", "expect_spread"]


def expect_bounds(line: Line, attempts: Iterable[Attempt]) -> None:
    """Expect that the attempts of a call that is over keep their bounds.

    Raises:
        CaseFailed: they do not; says which.
    """
    policy = line.limits.backoff
    judgement = judge_attempts(attempts, policy, left=line.ended_at)
    line.expect(
        not judgement.violations,
        f"retries within bounds ({policy or 'general bounds'})",
        "; ".join(judgement.violations),
    )


def expect_spread(line: Line, calls: Iterable[Iterable[Attempt]]) -> None:
    """Expect that calls which failed together do not come back together.

    Raises:
        CaseFailed: they have no jitter, or come back as a herd.
    """
    policy, crowd = line.limits.backoff, Crowd()
    for attempts in calls:
        crowd.merge(judge_attempts(attempts, policy).crowd)
    found = crowd.violations(policy)
    line.expect(not found, "calls that come back apart", "; ".join(found))
