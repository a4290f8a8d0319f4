"""What a caller is saying: some of its frames are told before their time.

What is said in a frame is known long before; that it was said is noted, in order, when
the frame has been lived through.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fakes.call_record import TurnRecord
from fakes.twilio.caller.party import Step
from voiceutils.mulaw import is_voiced

__all__ = ["Saying"]


class Saying:
    """The speech of one turn.

    Args:
        turn: its record; gets when the speech began and ended.
        steps: the speech, frame by frame.
        dropped: gets (turn, frame) of each that is lost.
    """

    __slots__ = ("_ahead", "_dropped", "_said", "_steps", "_turn")

    def __init__(
        self, turn: TurnRecord, steps: Iterator[Step], dropped: list[tuple[int, int]]
    ) -> None:
        self._turn = turn
        self._steps = steps
        self._dropped = dropped
        self._ahead: list[Step] = []  # told before their time
        self._said = 0  # frames noted so far

    def foresee(self) -> Step | None:
        """Tell one step more before its time; None when there is none."""
        step = next(self._steps, None)
        if step is not None:
            self._ahead.append(step)
        return step

    def foreseen(self) -> Step:
        """Return the first step that was foreseen and not taken; its time has come."""
        return self._ahead.pop(0)

    def take(self) -> Step | None:
        """Return the step whose time has come; None when all is said."""
        return self._ahead.pop(0) if self._ahead else next(self._steps, None)

    def note(self, said: Sequence[tuple[Step, float]]) -> None:
        """Note the steps that were taken, and when."""
        turn = self._turn
        for number, (step, _) in enumerate(said, self._said):
            if step.lost:
                self._dropped.append((turn.turn, number))
        self._said += len(said)
        # Whether a frame is voiced takes longer to tell than all else about it; only
        # the first and the last one count.
        if turn.spoke_from is None:
            turn.spoke_from = next((at for step, at in said if _sounds(step)), None)
        if turn.spoke_from is not None:
            last = next((at for step, at in reversed(said) if _sounds(step)), None)
            turn.spoke_until = turn.spoke_until if last is None else last


def _sounds(step: Step) -> bool:
    return not step.lost and step.audio is not None and is_voiced(step.audio)
