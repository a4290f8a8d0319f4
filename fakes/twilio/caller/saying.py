"""What a caller is saying: some of its frames are told before their time.

What is said in a frame is known long before; that it was said is noted, in order, when
the frame has been lived through.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from fakes.call_record import TurnRecord
from fakes.twilio.caller.party import Step
from voiceutils.mulaw import is_voiced

__all__ = ["Saying"]

_new: Final = tuple.__new__  # half the cost of calling the class of a named tuple


class Saying:
    """The speech of one turn.

    Args:
        turn: its record; gets when the speech began and ended.
        speech: its frames.
        dropped: gets (turn, frame) of each that is lost.
        spoken: frames of speech that the caller said before.
        drop_every: lose every n-th of all that the caller says.

    Attributes:
        spoken: frames of speech that the caller has said.
    """

    __slots__ = (
        *("_ahead", "_drop_every", "_dropped", "_said", "_speech", "_turn", "spoken"),
    )

    def __init__(
        self,
        turn: TurnRecord,
        speech: Iterator[bytes],
        dropped: list[tuple[int, int]],
        *,
        spoken: int = 0,
        drop_every: int | None = None,
    ) -> None:
        self.spoken = spoken
        self._turn = turn
        self._speech = speech
        self._dropped = dropped
        self._drop_every = drop_every or 0
        self._ahead: list[Step] = []  # told before their time
        self._said = 0  # frames noted so far

    def foresee(self) -> Step | None:
        """Tell one step more before its time; None when there is none."""
        step = self._next()
        if step is not None:
            self._ahead.append(step)
        return step

    def foreseen(self) -> Step:
        """Return the first step that was foreseen and not taken; its time has come."""
        return self._ahead.pop(0)

    def take(self) -> Step | None:
        """Return the step whose time has come; None when all is said."""
        return self._ahead.pop(0) if self._ahead else self._next()

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

    def _next(self) -> Step | None:
        audio = next(self._speech, None)
        if audio is None:
            return None
        self.spoken = spoken = self.spoken + 1
        lost = self._drop_every > 0 and spoken % self._drop_every == 0
        return _new(Step, (audio, lost, "", None))


def _sounds(step: Step) -> bool:
    return not step.lost and step.audio is not None and is_voiced(step.audio)
