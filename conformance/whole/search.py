"""Looks for a tape that an agent fails, and makes it small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from typing import NamedTuple

import msgspec
from hypothesis import HealthCheck, find, settings
from hypothesis.errors import NoSuchExample

from conformance.whole.oracles import Complaint
from conformance.whole.random_tapes import tapes
from conformance.whole.tape import Recording, Tape

__all__ = ["Found", "search"]

MOST_SHRINKS = 80

Judged = Callable[[Tape], Sequence[Complaint]]


class _Enough(BaseException):
    """Ends a search from within; an Exception would be taken for a failure."""


class Found(NamedTuple):
    """A failure made small.

    Attributes:
        recording: the tape with its verdict.
        complaints: about the small tape.
        tapes: how many were played, those of the shrinking included.
    """

    recording: Recording
    complaints: Sequence[Complaint]
    tapes: int


def search(
    judged: Judged,
    *,
    examples: int,
    seed: int,
    shrinks: int = MOST_SHRINKS,
    agent: str = "reference",
) -> Found | None:
    """Play random tapes; return the first failure as a small tape, or None.

    While the tape shrinks it must go on failing the oracle that it failed first: a
    failure does not turn into another one on the way.

    Args:
        judged: plays a tape and returns the complaints.
        examples: how many tapes to play before giving up.
        seed: the same seed plays the same tapes.
        shrinks: how many smaller tapes to try then.
        agent: for the recording.
    """
    known: dict[bytes, Sequence[Complaint]] = {}
    failed: list[tuple[Tape, Sequence[Complaint]]] = []  # each smaller than the last
    most = examples

    def fails(tape: Tape) -> bool:
        nonlocal most
        key = msgspec.json.encode(tape)
        if key not in known:
            if len(known) >= most:
                raise _Enough
            known[key] = judged(tape)
        complaints = known[key]
        oracles = [complaint.oracle for complaint in complaints]
        if not failed and oracles:
            most = len(known) + shrinks
        elif not oracles or failed[0][1][0].oracle not in oracles:
            return False
        failed.append((tape, complaints))
        return True

    limits = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    with suppress(NoSuchExample, _Enough):
        find(tapes(), fails, settings=limits, random=Random(seed))
    if not failed:
        return None
    smallest, complaints = failed[-1]
    verdict = tuple(sorted({one.oracle for one in complaints}))
    recording = Recording(tape=smallest, verdict=verdict, agent=agent)
    return Found(recording, complaints, len(known))
