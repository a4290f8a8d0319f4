"""Who is on the line: what a media stream needs to know of a caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeAlias

from fakes.twilio.caller.script import HangUpHow

__all__ = ["Foresight", "Heard", "Party", "Step", "foresight_of", "live"]


class Step(NamedTuple):
    """What the party on the line does in one frame.

    Attributes:
        audio: 160 bytes, or None for silence.
        lost: the frame never reaches the agent; its time passes all the same.
        digits: keys pressed at this moment.
        hang_up: how the call ends, now; nothing else of this step counts then.
    """

    audio: bytes | None = None
    lost: bool = False
    digits: str = ""
    hang_up: HangUpHow | None = None


class Party(Protocol):
    """Who is on the line: hears one frame, then says one."""

    def frame(self, heard: bytes, now: float) -> Step:
        """Return this frame's step; ``heard`` is empty when nothing sounds."""


Heard: TypeAlias = tuple[bytes, float]
"""What a party hears in a frame, empty when nothing sounds; and the frame's moment."""

Foresight: TypeAlias = Callable[[float], Step | None]
"""What a party does in the frame at a moment, whatever it hears until then; None when
that is not known yet. Asked once a frame, in order, instead of
:meth:`Party.frame`, which is then called later, for every one of those frames, with
the same moments."""


def foresight_of(party: Party) -> Foresight | None:
    """Return the foresight of a party, if it has any now (as ``foresight``)."""
    foresight: Foresight | None = getattr(party, "foresight", None)
    return foresight


def live(party: Party, heard: list[Heard]) -> None:
    """Let a party live through frames that it foresaw, at once if it can."""
    at_once: Callable[[list[Heard]], None] | None = getattr(party, "live", None)
    if at_once is not None:
        at_once(heard)
        return
    for audio, now in heard:
        party.frame(audio, now)
