"""A client whose behaviour is entered in a ledger by hand, in virtual time."""

from __future__ import annotations

from fakes.client_findings import FAULTS_OF_CLIENTS
from fakes.client_verdict import ClientFinding, judge_clients
from fakes.deepgram.bookkeeping import Bookkeeper
from fakes.ledger import Attempt, Ledger

__all__ = ["CLOSE_STREAM", "FRAME", "Client", "codes", "only"]

FRAME = b"\xff" * 160
CLOSE_STREAM = '{"type":"CloseStream"}'


class Client:
    """A client of one ledger; everything happens at ``now``."""

    def __init__(self, ledger: Ledger, group: str = "CA1") -> None:
        self.ledger = ledger
        self.group = group
        self.now = 100.0

    def open(self, surface: str = "listen") -> Attempt:
        self.attempt = self.ledger.knock(surface, self.group, self.now)
        self.attempt.opened, self.attempt.outcome = self.now, "accepted"
        self.attempt.bytes_a_second = 8000.0
        self.book = Bookkeeper(self.ledger, self.attempt)
        return self.attempt

    def send(self, message: bytes | str, times: int = 1, every: float = 0.02) -> None:
        for _ in range(times):
            self.now += every
            self.book.received(message, [], self.now)

    def end(self, code: int = 1000, by: str = "client") -> None:
        self.attempt.closed, self.attempt.close_code = self.now, code
        self.attempt.closed_by = by

    def refused(self, status: int, retry_after: float | None = None) -> Attempt:
        attempt = self.ledger.knock("listen", self.group, self.now)
        attempt.closed, attempt.outcome = self.now, f"refused {status}"
        attempt.closed_by, attempt.retry_after = "fake", retry_after
        return attempt


def codes(ledger: Ledger, group: str | None = None) -> list[str]:
    """Return the codes of the findings."""
    return [finding.code for finding in judge_clients(ledger, group)]


def only(ledger: Ledger, code: str) -> ClientFinding:
    """Return the one finding, which has this code and all that belongs to it."""
    (finding,) = judge_clients(ledger)
    assert finding.code == code
    assert finding.why == FAULTS_OF_CLIENTS[code].why
    assert finding.source.startswith("https://")
    assert finding.count >= len(finding.evidence) >= 1
    return finding
