"""Judges a reconnecting client by the moments of its attempts alone.

The judge knows nothing of the client's code: it is given when each attempt reached
the fake's door and how it ended, and the policy that the client declares. It writes
the bounds down anew instead of asking the client's own backoff for them, so that a
slip in one of the two shows.

With ``base(n) = min(initial * factor ** n, cap)`` the delay before retry ``n``
(counted from 0) must lie

===============  =====================================================
no jitter        at ``base(n)``
full jitter      between 0 and ``base(n)``
equal jitter     between half of ``base(n)`` and ``base(n)``
decorrelated     between ``initial`` and three times the delay before,
                 never above ``cap``
===============  =====================================================

Two things are not the client's doing and are allowed for: an attempt is seen when it
reaches the door, so connecting and the scheduler lengthen every delay
(`SLACK_LATE`); clocks of two processes tick apart by a little (`SLACK_EARLY`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from voiceutils.errors import SettingError

__all__ = [
    "GENERAL",
    "SLACK_EARLY",
    "SLACK_LATE",
    "AttemptSeen",
    "Judgement",
    "Policy",
    "judge_attempts",
    "parse_policy",
]

SLACK_EARLY = 0.005
"""Seconds by which a delay may look too short."""

SLACK_LATE = 0.250
"""Seconds by which a delay may look too long: connect, handshake, a busy machine."""

# The same request meets the same refusal; only these two ask to come back later.
RETRYABLE_CLIENT_ERRORS = frozenset({408, 429})

JITTERS = ("none", "full", "equal", "decorrelated")

# What is asked of a client that declares no policy: room between attempts, no
# endless chain, no pause in which a caller would have hung up.
GENERAL_LONGEST = 30.0
GENERAL_ATTEMPTS = 10
GENERAL_FIRST_THREE = 0.1


@dataclass(frozen=True, slots=True)
class AttemptSeen:
    """One attempt as the door saw it.

    Attributes:
        at: arrival, seconds on any one clock.
        status: the refusal's HTTP status; 0 when the attempt was let in or cut.
        retry_after: seconds the refusal asked to wait, if it did.
    """

    at: float
    status: int = 0
    retry_after: float | None = None

    @property
    def permanent(self) -> bool:
        """Whether the refusal says that the same request will be refused again."""
        return 400 <= self.status < 500 and self.status not in RETRYABLE_CLIENT_ERRORS


@dataclass(frozen=True, slots=True)
class Policy:
    """What a client declares about its retries; times in seconds.

    Attributes:
        attempts: attempts in all, the first one included.
    """

    initial: float
    factor: float
    max_delay: float
    jitter: str = "none"
    attempts: int = 3

    def base(self, retry: int) -> float:
        """The delay before retry number ``retry`` (from 0) without jitter."""
        try:
            return min(self.initial * self.factor**retry, self.max_delay)
        except OverflowError:
            return self.max_delay

    def bounds(self, retry: int, before: float | None) -> tuple[float, float]:
        """Shortest and longest delay, given the delay ``before`` it if any."""
        base = self.base(retry)
        match self.jitter:
            case "full":
                return 0.0, base
            case "equal":
                return base / 2, base
            case "decorrelated":
                reached = self.initial if before is None else before
                longest = min(3 * reached, self.max_delay)
                return min(self.initial, longest), longest
            case _:
                return base, base

    def __str__(self) -> str:
        return (
            f"{self.initial:g} s x {self.factor:g}, at most {self.max_delay:g} s, "
            f"jitter {self.jitter}, {self.attempts} attempts"
        )


GENERAL = None
"""No policy declared: only the general bounds are checked."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was checked, and each bound that was broken, in words."""

    delays: int
    violations: tuple[str, ...]


def judge_attempts(
    attempts: Sequence[AttemptSeen],
    policy: Policy | None,
    *,
    early: float = SLACK_EARLY,
    late: float = SLACK_LATE,
) -> Judgement:
    """Check the attempts of one group (one call at one door), in order of arrival.

    An attempt that was let in ends a chain: the next one is a reconnection and
    starts anew. A chain that ends early is no fault, since the caller may have hung
    up.
    """
    delays = 0
    violations: list[str] = []
    for chain in _chains(attempts):
        delays += len(chain) - 1
        violations += _judge_chain(chain, policy, early, late)
    return Judgement(delays, tuple(violations))


def _chains(attempts: Iterable[AttemptSeen]) -> list[list[AttemptSeen]]:
    chains: list[list[AttemptSeen]] = [[]]
    for attempt in sorted(attempts, key=lambda attempt: attempt.at):
        chains[-1].append(attempt)
        if attempt.status == 0:
            chains.append([])
    return [chain for chain in chains if chain]


def _judge_chain(
    chain: Sequence[AttemptSeen], policy: Policy | None, early: float, late: float
) -> list[str]:
    found: list[str] = []
    delays = [after.at - before.at for before, after in pairwise(chain)]
    for retry, delay in enumerate(delays):
        refused = chain[retry]
        name = f"retry {retry + 1} came after {delay:.3f} s"
        if refused.permanent:
            found.append(f"{name} although status {refused.status} is permanent")
            continue
        shortest, longest = _bounds(policy, retry, delays[retry - 1] if retry else None)
        if refused.retry_after is not None:
            # The provider's word goes before the policy's, in both directions.
            shortest = refused.retry_after
            longest = max(longest, refused.retry_after)
        if delay < shortest - early:
            found.append(f"{name}, {shortest:.3f} s at the least was promised")
        elif delay > longest + late:
            found.append(f"{name}, {longest:.3f} s at the most was promised")
    most = policy.attempts if policy else GENERAL_ATTEMPTS
    if len(chain) > most:
        found.append(f"{len(chain)} attempts, {most} at the most were promised")
    if policy is None and len(delays) >= 3 and sum(delays[:3]) < GENERAL_FIRST_THREE:
        found.append(f"three retries within {sum(delays[:3]):.3f} s: no backoff")
    return found


def _bounds(
    policy: Policy | None, retry: int, before: float | None
) -> tuple[float, float]:
    if policy is None:
        return 0.0, GENERAL_LONGEST
    return policy.bounds(retry, before)


def parse_policy(text: str) -> Policy:
    """Read ``initial=0.25,factor=1.5,max=5,jitter=equal,attempts=5``.

    Raises:
        SettingError: a word is unknown, missing or not a number.
    """
    shape = "initial=S,factor=F,max=S[,jitter=none|full|equal|decorrelated],attempts=N"
    known = {"initial", "factor", "max", "jitter", "attempts"}
    parts = [word.partition("=") for word in text.split(",")]
    words = {name.strip(): value.strip() for name, _, value in parts}
    if set(words) - known or known - set(words) - {"jitter"}:
        raise SettingError(f"--backoff {text!r} does not read as {shape}")
    jitter = words.get("jitter", "none")
    if jitter not in JITTERS:
        raise SettingError(
            f"--backoff jitter {jitter!r} is none of {', '.join(JITTERS)}"
        )
    try:
        return Policy(
            initial=float(words["initial"]),
            factor=float(words["factor"]),
            max_delay=float(words["max"]),
            jitter=jitter,
            attempts=int(words["attempts"]),
        )
    except ValueError:
        raise SettingError(f"--backoff {text!r} does not read as {shape}") from None
