"""What the handlers of a request share: who asks what, when, and of whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from fakes.twilio.exchange.call_state import (
    Call,
    RecordingPlan,
    RecordingState,
    StreamState,
)
from fakes.twilio.exchange.exchange import Exchange
from fakes.twilio.flow.orders import StreamOrder
from fakes.twilio.rest.errors import RestError, not_found
from fakes.twilio.rest.form import Form
from fakes.twilio.rest.paging import Listed, page
from fakes.twilio.rest.resources import Shown

__all__ = ["Lines", "RestAnswer", "Visit"]

T = TypeVar("T", bound=Listed)


class Lines(Protocol):
    """The live legs, of which some requests ask something."""

    def start_stream(self, call: Call, order: StreamOrder) -> StreamState:
        """Open a unidirectional stream on a leg that runs."""

    def stop_stream(self, call: Call, stream: StreamState) -> None:
        """Stop it."""

    def start_recording(self, call: Call, plan: RecordingPlan) -> RecordingState:
        """Record a leg that runs."""

    def change_recording(
        self, call: Call, recording: RecordingState, status: str
    ) -> None:
        """Make a recording ``in-progress``, ``paused`` or ``stopped``."""

    def wav(self, sid: str) -> Iterator[bytes] | None:
        """Return the file of a recording, or None when there is none."""

    def forget_recording(self, sid: str) -> None:
        """Delete the file of a recording."""


class RestAnswer(NamedTuple):
    """An answer; ``pieces`` are the body of what is not JSON."""

    status: int
    content: dict[str, Any] | None = None
    pieces: Iterator[bytes] | None = None
    content_type: str = "application/json"


class Visit(NamedTuple):
    """One request that was let in; ``now`` is monotonic seconds."""

    exchange: Exchange
    lines: Lines
    path: str
    query: Form
    form: Form
    now: float

    @property
    def shown(self) -> Shown:
        """Makes resources as they are now."""
        return Shown(self.exchange, self.now)

    def call(self, sid: str) -> Call:
        """Return a call of the path, or refuse with 20404."""
        call = self.exchange.calls.get(sid)
        if call is None:
            raise not_found(self.path)
        return call

    def live_call(self, sid: str, refusal: str) -> Call:
        """Return a call that is in progress, or refuse with 21220."""
        call = self.call(sid)
        if call.status != "in-progress" or not call.running:
            raise RestError(400, 21220, refusal)
        if call.elsewhere is not None:
            text = "a phone in another process runs this call"
            raise RestError(400, 21220, f"{text}: it can be ended or redirected only")
        return call

    def page(
        self, elements: Sequence[T], key: str, show: Callable[[T], dict[str, Any]]
    ) -> RestAnswer:
        """Return a page of elements, newest first."""
        return RestAnswer(
            200, page(elements, self.query, self.path, key=key, show=show)
        )
