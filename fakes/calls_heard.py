"""Callers as they reached the recogniser, frame by frame."""

from __future__ import annotations

from fakes.ledger_entries import CallHeard, TurnHeard
from fakes.speech import FrameCode
from fakes.speech.ambience import AMBIENCE

__all__ = ["Call", "Turn"]


class Turn:
    """Arrivals of one turn's frames; a byte each, counted up to 255.

    :meth:`fakes.ledger.Ledger.hear` enters them.
    """

    __slots__ = (
        "counts", "disordered", "final_at", "first_at", "furthest", "last_at", "turn",
        "words",
    )  # fmt: skip

    def __init__(self, code: FrameCode, now: float) -> None:
        self.turn = code.turn
        self.counts = bytearray(code.frames)
        self.disordered = 0
        self.furthest = -1
        self.first_at = self.last_at = now
        self.final_at: float | None = None
        self.words: list[str] = []

    def report(self) -> TurnHeard:
        """Return what was heard."""
        counts = self.counts
        missing = [frame for frame, times in enumerate(counts) if not times]
        return TurnHeard(
            turn=self.turn,
            frames=len(counts),
            heard=len(counts) - len(missing),
            missing=missing,
            repeated=[frame for frame, times in enumerate(counts) if times > 1],
            disordered=self.disordered,
            first_at=self.first_at,
            last_at=self.last_at,
            final_at=self.final_at,
            transcript=" ".join(self.words),
        )


class Call:
    """One caller, on whatever connections."""

    def __init__(self) -> None:
        self.turns: dict[tuple[int, int], Turn] = {}
        self.connections: list[int] = []

    def turn(self, code: FrameCode, now: float) -> Turn:
        """Return the turn of a frame, a new one if need be."""
        key = (code.turn, code.frames)
        found = self.turns.get(key)
        if found is None:
            found = self.turns[key] = Turn(code, now)
        return found

    def report(self, number: int) -> CallHeard:
        """Return what was heard, turns in order."""
        turns = [
            self.turns[key].report()
            for key in sorted(self.turns)
            if key != AMBIENCE  # no turn, only sound
        ]
        return CallHeard(number, turns, list(self.connections))
