"""What the cases about interruptions ask for, and what all of them expect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakes.call_record import TurnRecord

if TYPE_CHECKING:
    from conformance._line import Line

__all__ = ["LONG", "expect_stopped"]

# The reply repeats it, so it is long enough to be interrupted anywhere.
LONG = "Please book a table for four on Friday evening at half past seven."


def expect_stopped(line: Line, turn: TurnRecord) -> None:
    """Expect that the agent was speaking, and fell silent soon after the caller began.

    Raises:
        CaseFailed: it was silent already, or was heard for too long.
    """
    line.expect(
        turn.barge_in, f"the agent is speaking when turn {turn.turn} begins", "silence"
    )
    line.expect(
        turn.stopped_after is not None and turn.stopped_after <= line.limits.barge_in,
        f"the old reply is heard for at most {line.limits.barge_in:g} s after the "
        f"caller speaks up (turn {turn.turn})",
        f"{turn.stopped_after:.2f} s" if turn.stopped_after is not None else "never",
    )
