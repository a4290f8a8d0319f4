"""What the load test reads from the ledger of the fakes."""

from __future__ import annotations

from fakes.ledger import Attempt
from loadtests._backoff import AttemptSeen
from loadtests._ledger import at_the_door


def test_attempts_keep_moment_status_and_wish() -> None:
    """A refusal has its status; one let in, or not yet answered, has none."""
    attempts = [
        Attempt(id=1, surface="listen", at=1.0, outcome="refused 503"),
        Attempt(id=2, surface="listen", at=2.0, outcome="refused 429", retry_after=3.0),
        Attempt(id=3, surface="listen", at=5.0, outcome="accepted"),
        Attempt(id=4, surface="listen", at=6.0),
    ]

    assert at_the_door(attempts) == [
        AttemptSeen(1.0, 503),
        AttemptSeen(2.0, 429, 3.0),
        AttemptSeen(5.0),
        AttemptSeen(6.0),
    ]
