"""Who is on the line: what a media stream needs to know of a caller."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from fakes.twilio.caller.script import HangUpHow

__all__ = ["Party", "Step"]


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
