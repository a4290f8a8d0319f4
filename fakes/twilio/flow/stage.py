"""What a verb is while it runs, and what it has to hand.

A verb runs in virtual time: it is told what happens, plays a frame when asked, and sets
its ``outcome`` when it is over. One that ``passes`` is over as soon as it has begun.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple, TypeAlias

from fakes.twilio.flow.flow_settings import FlowSettings
from fakes.twilio.flow.orders import (
    Answer,
    FetchSound,
    Fields,
    Method,
    Noted,
    Order,
    Over,
)
from fakes.twilio.twiml import TwimlError, page_address
from fakes.twilio.web.webhook import CallLeg

__all__ = [
    "DialAnswered",
    "DialEnded",
    "Event",
    "FetchFailed",
    "GoTo",
    "NextVerb",
    "Outcome",
    "Recorded",
    "RelayClosed",
    "RelayOpened",
    "RelayReceived",
    "SoundCame",
    "Stage",
    "StreamEnded",
    "StreamOpened",
    "Verb",
]


_MOST_NOTES = 500  # of one document


class NextVerb(NamedTuple):
    """The document goes on.

    Attributes:
        cause: what went wrong; why the call ends, should nothing follow.
    """

    cause: str = ""


class GoTo(NamedTuple):
    """Another document takes over."""

    url: str
    method: Method = "POST"
    fields: Fields = ()


Outcome: TypeAlias = NextVerb | GoTo | Over


class SoundCame(NamedTuple):
    """A sound was fetched."""

    url: str
    body: bytes
    content_type: str


class FetchFailed(NamedTuple):
    """A sound could not be fetched."""

    url: str
    code: str
    text: str


class StreamOpened(NamedTuple):
    """The bidirectional stream is up."""


class StreamEnded(NamedTuple):
    """The bidirectional stream ended, not by us; no code means politely."""

    code: str
    text: str


class RelayOpened(NamedTuple):
    """The relay socket is up."""


class RelayReceived(NamedTuple):
    """A message of the agent came over the relay socket."""

    text: str


class RelayClosed(NamedTuple):
    """The relay socket was closed, not by us, or never opened."""

    code: int


class DialAnswered(NamedTuple):
    """The called leg was answered."""


class DialEnded(NamedTuple):
    """The called leg is over."""

    status: str
    call_sid: str
    seconds: float


class Recorded(NamedTuple):
    """What ``<Record>`` recorded is ready."""

    recording_sid: str
    url: str
    seconds: float


Event: TypeAlias = (
    SoundCame
    | FetchFailed
    | StreamOpened
    | StreamEnded
    | RelayOpened
    | RelayReceived
    | RelayClosed
    | DialAnswered
    | DialEnded
    | Recorded
)


class Stage:
    """What the verbs of one call have to hand.

    Attributes:
        leg: whose call it is.
        settings: knobs.
        new_number: gives the number of the next utterance.
        answered: whether the leg was answered.
        url: of the document that runs.
        status: of the call when that document was asked for.
        tracks: of the unidirectional streams that were started, by their names.
        sounds: addresses of sounds that were asked for and have not come.

    Args:
        leg: whose call it is.
        settings: knobs.
        new_number: gives the number of the next utterance.
        answered: whether the leg was answered already.
        seed: decides sids.
    """

    def __init__(
        self,
        leg: CallLeg,
        settings: FlowSettings,
        new_number: Callable[[], int],
        *,
        answered: bool,
        seed: int | str = 0,
    ) -> None:
        self.leg = leg
        self.settings = settings
        self.new_number = new_number
        self.answered = answered
        self.url = ""
        self.status = "ringing"
        self.tracks: dict[str, int] = {}
        self.sounds: set[str] = set()
        self._seed = seed
        self._orders: list[Order] = []
        self._noted: set[tuple[str, str]] = set()

    @cached_property
    def chance(self) -> random.Random:
        """Where sids come from."""
        return random.Random(f"{self._seed}:{self.leg.call_sid}:flow")

    def order(self, order: Order) -> None:
        """Give out an order."""
        if isinstance(order, FetchSound):
            self.sounds.add(order.url)
        self._orders.append(order)

    def take(self) -> list[Order]:
        """Return the orders given, and forget them."""
        orders, self._orders = self._orders, []
        return orders

    def answer(self) -> None:
        """Answer the leg, unless it is."""
        if not self.answered:
            self.answered = True
            self.order(Answer())

    def begin_document(self, url: str) -> None:
        """From now on, addresses belong to this document; its notes are new."""
        self.url = url
        self.status = "in-progress" if self.answered else "ringing"
        self._noted.clear()

    def note(self, noted: Noted) -> None:
        """Note something, once a document; no more than a person would read."""
        key = noted.code, noted.text
        if key not in self._noted and len(self._noted) < _MOST_NOTES:
            self._noted.add(key)
            self.order(noted)

    def warn(self, code: str, text: str, evidence: str = "") -> None:
        """Note something that the call survives."""
        self.note(Noted(code, text, "warning", evidence))

    def fail(self, code: str, text: str) -> None:
        """Note something that does not work."""
        self.note(Noted(code, text))

    def page(self, url: str) -> str | None:
        """Return the absolute address of a page; None, with a note, if it is none."""
        try:
            return page_address(url, self.url)
        except TwimlError as error:
            self.fail(error.code, str(error))
            return None


class Verb:
    """One verb under way.

    Attributes:
        answers: whether it needs the call to be answered.
        outcome: set when the verb is over.

    Args:
        stage: what the call's verbs have to hand.
    """

    answers = True

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.outcome: Outcome | None = None

    def begin(self, now: float) -> None:
        """Start."""
        self.outcome = NextVerb()

    def frame(self, now: float) -> bytes:
        """Return what plays in this frame; empty for nothing."""
        return b""

    def hear(self, audio: bytes | None, digits: str, now: float) -> None:
        """Take what the party said and pressed in this frame."""

    def next_timer(self) -> float | None:
        """Return when :meth:`on_timer` is due."""
        return None

    def on_timer(self, now: float) -> None:
        """Act on a timer that is due."""

    def told(self, event: Event, now: float) -> None:
        """Take what happened outside."""

    def abandon(self, now: float, *, hung_up: bool) -> None:
        """Stop at once: another document takes over, or the call was hung up."""
