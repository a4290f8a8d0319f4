"""Judges how a client comes back, from the ledger of its attempts alone.

Nothing is known here of the client's code. :func:`judge_attempts` reads one call's
attempts in order and asks of each what became of the one before it:

==============  =====================================================================
failed          refused, cut before it was let in, or ended by the service sooner
                than a healthy link lasts: the next one is a retry, one step further
                in the policy
lasted          ended by the service after a healthy time: counting begins anew
over            finished, or given up by the client: the next one is a new need
==============  =====================================================================

With a declared :class:`~fakes.backoff.policy.Policy` every delay has exact bounds at
the recogniser's door (`DOORS`); without one, and elsewhere, the general bounds below
hold. What only many calls can show (missing jitter, the herd) is gathered in a
:class:`~fakes.backoff.crowd.Crowd`.

Two things are not the client's doing and are allowed for: an attempt is seen when it
reaches the door, so connecting and the scheduler lengthen every delay (`SLACK_LATE`);
clocks of two processes tick apart by a little (`SLACK_EARLY`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from fakes.backoff.crowd import AFTER_LASTING, Crowd
from fakes.backoff.policy import Policy
from fakes.backoff.reconnects import failed, finished
from fakes.faults import RESPONSES
from fakes.ledger_entries import Attempt

__all__ = [
    "DOORS",
    "GENERAL_FIRST_THREE",
    "GENERAL_LONGEST",
    "GENERAL_RATES",
    "SLACK_AFTER_LEAVING",
    "SLACK_EARLY",
    "SLACK_LATE",
    "SLACK_NOTICING",
    "Judgement",
    "judge_attempts",
]

DOORS = ("listen", "flux")
"""Surfaces on which a declared policy is held against the client."""

SLACK_EARLY = 0.005
"""Seconds by which a delay may look too short."""

SLACK_LATE = 0.250
"""Seconds by which a delay may look too long: connect, handshake, a busy machine."""

SLACK_NOTICING = 10.0
"""Seconds until a client has noticed that a link which worked is gone.

Its own close handshake may wait that long for a service that says no more
(``close_timeout`` of https://websockets.readthedocs.io is 10 s unless set).
"""

SLACK_AFTER_LEAVING = 0.300
"""Seconds after the caller's hang-up in which an attempt may have been under way."""

# What is asked of a client that declares no policy: room between attempts, no endless
# chain, no pause in which a caller would have hung up.
GENERAL_LONGEST = 30.0
GENERAL_FIRST_THREE = 0.1  # seconds, for any three retries in a row
GENERAL_RATES = ((5.0, 15), (60.0, 30))  # in so many seconds, at most so many attempts

# The same request meets the same refusal; only these two ask to come back later.
_RETRYABLE_CLIENT_ERRORS = frozenset({408, 429})


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was checked.

    Attributes:
        delays: how many retries and reconnections there were.
        violations: each bound that was broken, in words.
        crowd: what these attempts add to what all calls' attempts show.
    """

    delays: int = 0
    violations: tuple[str, ...] = ()
    crowd: Crowd = field(default_factory=Crowd)


def judge_attempts(
    attempts: Iterable[Attempt],
    policy: Policy | None = None,
    *,
    left: float | None = None,
    early: float = SLACK_EARLY,
    late: float = SLACK_LATE,
) -> Judgement:
    """Judge the attempts of one call, whatever their order.

    Args:
        attempts: of one call, on any surfaces.
        policy: what the client declares; None for the general bounds.
        left: when the caller had left; None while he is there.
        early: see `SLACK_EARLY`.
        late: see `SLACK_LATE`.
    """
    delays, found, crowd = 0, list[str](), Crowd()
    chains: dict[tuple[str, str], list[Attempt]] = {}
    for attempt in sorted(attempts, key=lambda attempt: (attempt.at, attempt.id)):
        # Requests for different things are not retries of each other.
        chains.setdefault((attempt.surface, _thing(attempt)), []).append(attempt)
        if left is not None and attempt.at > left + SLACK_AFTER_LEAVING:
            after = attempt.at - left
            found.append(
                f"{attempt.surface}: attempt {after:.3f} s after the caller had left"
            )
    for (surface, _), chain in chains.items():
        declared = policy if surface in DOORS else None
        judge = _Chain(surface, declared, crowd, early, late)
        found += judge.read(chain)
        delays += judge.delays
    return Judgement(delays, tuple(found), crowd)


class _Chain:
    """Reads one call's attempts at one door.

    How many failures went before is known exactly until a link lasts about as long as a
    healthy one must: from then on there is a fewest and a most.
    """

    def __init__(
        self,
        surface: str,
        policy: Policy | None,
        crowd: Crowd,
        early: float,
        late: float,
    ) -> None:
        self.delays = 0
        self._name = surface
        self._policy = policy
        self._crowd = crowd
        self._early, self._late = early, late
        self._anew()

    def _anew(self, most: int = 0) -> None:
        self._fewest, self._most = 0, most
        self._tries = 1
        self._before: float | None = None

    def read(self, chain: Sequence[Attempt]) -> list[str]:
        found: list[str] = []
        self._crowd.need(chain[0].at)
        for before, after in pairwise(chain):
            end = before.at if before.closed is None else before.closed
            if before.closed is None or end > after.at or _is_over(before):
                self._crowd.need(after.at)
                self._anew()
                continue
            self.delays += 1
            self._crowd.attempt(after.at)
            found += self._judge(before, after.at - end)
        if self._policy is None:
            found += self._hurry(chain)
        return [f"{self._name}: {text}" for text in found]

    def _judge(self, before: Attempt, delay: float) -> Iterator[str]:
        healthy = self._policy.healthy if self._policy else None
        settled = {} if healthy is None else {"healthy": healthy - self._late}
        if failed(before, **settled):
            yield from self._judge_retry(before, delay)
            return
        # At once is not too early after a link that worked; what a failure would have
        # asked for is not too late, counted from when the client can know.
        longest = GENERAL_LONGEST
        if self._policy is not None:
            steps = range(self._most + 1)
            longest = max(self._policy.bounds(step, None)[1] for step in steps)
            longest += SLACK_NOTICING
        yield from self._outside(delay, 0.0, longest, "reconnection")
        self._crowd.draw(AFTER_LASTING, delay)
        lasted = before.open_seconds or 0.0
        sure = healthy is None or lasted > healthy + self._late
        self._anew(1 if sure else self._most + 1)

    def _judge_retry(self, before: Attempt, delay: float) -> Iterator[str]:
        name = f"retry {self._most + 1}"
        self._tries += 1
        if _is_permanent(before):
            status = before.refused_with
            yield f"{name} came after {delay:.3f} s although {status} is permanent"
        else:
            yield from self._judge_delay(name, before.retry_after, delay)
        if self._policy and self._tries > self._policy.attempts:
            most = self._policy.attempts
            yield f"attempt {self._tries}, {most} at the most were promised"
        self._before = delay
        self._fewest += 1
        self._most += 1

    def _judge_delay(
        self, name: str, asked: float | None, delay: float
    ) -> Iterator[str]:
        shortest, longest = 0.0, GENERAL_LONGEST
        if self._policy is not None:
            bounds = [
                self._policy.bounds(step, self._before)
                for step in range(self._fewest, self._most + 1)
            ]
            shortest = min(low for low, _ in bounds)
            longest = max(high for _, high in bounds)
        if asked is not None:
            # The provider's word goes before the policy's, in both directions.
            yield from self._outside(delay, asked, max(longest, asked), name)
            return
        yield from self._outside(delay, shortest, longest, name)
        if self._policy is None:
            self._crowd.draw(self._most, delay)
        elif self._fewest == self._most:
            self._crowd.draw(self._most, delay, (shortest, longest))

    def _outside(
        self, delay: float, shortest: float, longest: float, name: str
    ) -> Iterator[str]:
        came = f"{name} came after {delay:.3f} s"
        if delay < shortest - self._early:
            yield f"{came}, {shortest:.3f} s at the least was promised"
        elif delay > longest + self._late:
            yield f"{came}, {longest:.3f} s at the most was promised"

    def _hurry(self, chain: Sequence[Attempt]) -> Iterator[str]:
        """Tell of too many attempts in too little time; each rule once."""
        ends = [attempt for attempt in chain if not _is_over(attempt)]
        at = [attempt.at for attempt in ends]
        for first, fourth in zip(at, at[3:], strict=False):
            if fourth - first < GENERAL_FIRST_THREE:
                yield f"three retries within {fourth - first:.3f} s: no backoff"
                break
        for seconds, most in GENERAL_RATES:
            if any(b - a < seconds for a, b in zip(at, at[most:], strict=False)):
                yield f"more than {most} attempts in {seconds:g} s"


def _thing(attempt: Attempt) -> str:
    """What a request was for; "" for a link, and when a refusal did not read it."""
    return attempt.said or str(attempt.characters or "")


def _is_over(attempt: Attempt) -> bool:
    """Whether what comes after it is a new need."""
    if attempt.surface in RESPONSES and not _thing(attempt):
        return True  # the next sentence is as good a guess as a retry
    return attempt.opened is not None and finished(attempt)


def _is_permanent(attempt: Attempt) -> bool:
    status = attempt.refused_with or 0
    return 400 <= status < 500 and status not in _RETRYABLE_CLIENT_ERRORS
