"""The fakes' clock, when they run on another machine: its distance from ours.

Moments are seconds of each machine's monotonic clock, which begins at its start. What
the fakes tell is brought to our clock, as well as the network between allows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from fakes.evidence.call_evidence import CallEvidence
from fakes.ledger_entries import Attempt, TurnHeard, UtteranceMade

__all__ = ["Reading", "ahead_by", "brought_here"]

_MOMENTS: dict[type, tuple[str, ...]] = {
    Attempt: ("at", "opened", "closed", "first_answer_at"),
    UtteranceMade: ("requested_at", "first_audio_at", "last_audio_at"),
    TurnHeard: ("first_at", "last_at", "final_at"),
}


class Reading(NamedTuple):
    """One question for the time: when it was asked and answered here, what was told."""

    asked: float
    told: float
    answered: float


def ahead_by(readings: Iterable[Reading]) -> float:
    """Return by how many seconds the other clock is ahead of ours.

    Exactly 0 when the quickest reading allows for it, as on one machine; otherwise
    wrong by half the time of that reading at the most. 0 without readings.
    """
    best = min(readings, key=lambda one: one.answered - one.asked, default=None)
    if best is None or best.asked <= best.told <= best.answered:
        return 0.0
    return best.told - (best.asked + best.answered) / 2


def brought_here(evidence: CallEvidence, ahead: float) -> CallEvidence:
    """Return the evidence with its moments on our clock; changed in place."""
    entries: list[Any] = [
        *evidence.attempts,
        *evidence.utterances,
        *evidence.heard.turns,
    ]
    for entry in entries if ahead else ():
        for name in _MOMENTS[type(entry)]:
            moment = getattr(entry, name)
            if moment is not None:
                setattr(entry, name, moment - ahead)
    return evidence
