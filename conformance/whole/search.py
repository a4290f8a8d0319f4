"""Looks for a tape that an agent fails, and makes it small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.errors import NoSuchExample

from conformance.whole.oracles import Complaint
from conformance.whole.random_tapes import tapes
from conformance.whole.shrink import shrink
from conformance.whole.tape import Recording, Tape

__all__ = ["Found", "search"]

Judged = Callable[[Tape], Sequence[Complaint]]


class Found(NamedTuple):
    """A failure made small.

    Attributes:
        recording: the tape with its verdict.
        complaints: about the small tape.
        tapes: how many were played until one failed.
    """

    recording: Recording
    complaints: Sequence[Complaint]
    tapes: int


def search(
    judged: Judged, *, examples: int, seed: int, agent: str = "reference"
) -> Found | None:
    """Play random tapes; return the first failure as a small tape, or None.

    While the tape shrinks it must go on failing the oracle that it failed first: a
    failure does not turn into another one on the way.

    Args:
        judged: plays a tape and returns the complaints.
        examples: how many tapes to play before giving up.
        seed: the same seed plays the same tapes.
        agent: for the recording.
    """
    failed: list[tuple[Tape, Sequence[Complaint]]] = []  # each smaller than the last
    played = 0

    def fails(tape: Tape) -> bool:
        complaints = judged(tape)
        oracles = [complaint.oracle for complaint in complaints]
        if not oracles or (failed and failed[0][1][0].oracle not in oracles):
            return False
        failed.append((tape, complaints))
        return True

    def fails_at_random(tape: Tape) -> bool:
        nonlocal played
        played += not failed
        return bool(failed) or fails(tape)

    limits = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    with suppress(NoSuchExample):
        find(tapes(), fails_at_random, settings=limits, random=Random(seed))
    if not failed:
        return None
    shrink(failed[-1][0], fails)
    smallest, complaints = failed[-1]
    verdict = tuple(sorted({one.oracle for one in complaints}))
    recording = Recording(tape=smallest, verdict=verdict, agent=agent)
    return Found(recording, complaints, played)
