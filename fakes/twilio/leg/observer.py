"""What a leg tells of itself while it lasts, and to whom."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

from fakes.twilio.flow.orders import Noted, Over, StreamOrder
from fakes.twilio.media.recording import Recording

__all__ = ["Observer", "StreamEvent", "Unobserved"]


class StreamEvent(NamedTuple):
    """What happened to a media stream of a call.

    Attributes:
        name: the stream's name, else its sid.
        code: Twilio's error number, for an error.
        text: what went wrong, for an error.
    """

    kind: Literal["started", "stopped", "error"]
    stream_sid: str
    name: str
    order: StreamOrder
    code: str = ""
    text: str = ""


class Observer(Protocol):
    """Who wants to know how a leg fares; ``now`` is monotonic seconds everywhere."""

    def answered(self, now: float) -> None:
        """The leg was answered."""

    def noted(self, noted: Noted, now: float) -> None:
        """Twilio's debugger would list this."""

    def stream_event(self, event: StreamEvent, now: float) -> None:
        """A media stream started, stopped or failed."""

    def recorded(self, recording: Recording, now: float) -> None:
        """A recording is complete."""

    def ended(self, over: Over, now: float) -> None:
        """The leg is over; nothing is told after that."""


class Unobserved:
    """An observer for nobody."""

    def answered(self, now: float) -> None:
        """Do nothing."""

    def noted(self, noted: Noted, now: float) -> None:
        """Do nothing."""

    def stream_event(self, event: StreamEvent, now: float) -> None:
        """Do nothing."""

    def recorded(self, recording: Recording, now: float) -> None:
        """Do nothing."""

    def ended(self, over: Over, now: float) -> None:
        """Do nothing."""
