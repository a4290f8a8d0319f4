"""What happened in a call, as the one who tests an agent wants to know it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakes.call_record import Finding
from fakes.twilio.flow.orders import Noted, Over
from fakes.twilio.leg.observer import StreamEvent
from fakes.twilio.media.recording import Recording

if TYPE_CHECKING:
    from fakes.twilio.phones.link import LinkedCall

__all__ = ["CallStory"]

_PLAIN_WS = "plain_ws"  # noted by a flow that opens ws:// on this machine


class CallStory:
    """An observer; moments are monotonic seconds.

    Attributes:
        placed_at: set by whoever places the call.
        opened_at: when the first bidirectional stream was up; None: never.
        ended_at: when the call was over.
        failed: the last error, unless a stream came up after it.
        cause: why the call ended, as far as Twilio knows.
        findings: what Twilio would complain about.
        recording: if one was made.
        line: tells the exchange of another process; None: nobody is told.
    """

    __slots__ = (
        *("cause", "ended_at", "failed", "findings", "opened_at", "placed_at"),
        *("line", "recording"),
    )

    def __init__(self) -> None:
        self.placed_at = 0.0
        self.opened_at: float | None = None
        self.ended_at = 0.0
        self.failed = ""
        self.cause = ""
        self.findings: list[Finding] = []
        self.recording: Recording | None = None
        self.line: LinkedCall | None = None

    def find(self, code: str, text: str, now: float, evidence: str = "") -> None:
        """Add a finding, unless it is there."""
        if (code, text) not in [(f.code, f.text) for f in self.findings]:
            at = now - self.placed_at
            self.findings.append(Finding(code, text, at, evidence))

    def answered(self, now: float) -> None:
        """Pass it on; for the tester a call is answered when it can be talked."""
        if self.line is not None:
            self.line.answered()

    def noted(self, noted: Noted, now: float) -> None:
        """Keep what Twilio's debugger would list."""
        if noted.code == _PLAIN_WS:
            return  # the tester has named an agent of this machine himself
        self.find(noted.code, noted.text, now, noted.evidence)
        if noted.level == "error":
            self.failed = noted.text

    def stream_event(self, event: StreamEvent, now: float) -> None:
        """Note when the caller can be heard, or why not."""
        if event.kind == "error":
            self.find(event.code, event.text, now)
            self.failed = event.text
        if event.kind == "started" and event.order.bidirectional:
            self.failed = ""
            if self.opened_at is None:
                self.opened_at = now

    def recorded(self, recording: Recording, now: float) -> None:
        """Keep it."""
        self.recording = recording

    def ended(self, over: Over, now: float) -> None:
        """Keep why, and pass it on."""
        if self.line is not None:
            self.line.ended(over)
        self.ended_at = now
        rejected = over.reject and "the agent answered with <Reject>"
        self.cause = over.cause or self.failed or rejected
