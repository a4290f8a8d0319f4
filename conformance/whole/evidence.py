"""What crossed the wires of one call, whether they were virtual or real."""

from __future__ import annotations

from typing import NamedTuple

from fakes.call_record import CallRecord
from fakes.client_findings import ClientFinding
from fakes.ledger_entries import Attempt, TurnHeard

__all__ = ["Evidence"]


class Evidence(NamedTuple):
    """All that the oracles may rest on.

    Attributes:
        record: what the caller heard; moments count from ``record.placed_at``.
        attempts: what the providers saw, oldest first; moments are monotonic seconds.
        heard: the caller's turns as they reached the recogniser.
        misconduct: what the agent did wrong towards its providers.
        left_open: what was still open when it should have been closed.
        marks: names that the agent sent and got back, in order; None where nobody
            could look into the media socket.
        trouble: what no agent may do, whatever happens: crash, spin, never end.
    """

    record: CallRecord
    attempts: list[Attempt]
    heard: list[TurnHeard]
    misconduct: list[ClientFinding]
    left_open: list[Attempt]
    marks: tuple[list[str], list[str]] | None = None
    trouble: tuple[str, ...] = ()

    def on(self, surface: str) -> list[Attempt]:
        """Return the attempts on one surface."""
        return [attempt for attempt in self.attempts if attempt.surface == surface]

    @property
    def ended_at(self) -> float:
        """When the call was over, in monotonic seconds."""
        return self.record.placed_at + self.record.duration
