"""The ledger as JSON lines, one connection or request a line, oldest first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from fakes.backoff.reconnects import reconnects
from fakes.bill import charge_for
from fakes.ledger import Ledger
from fakes.ledger_entries import Attempt

__all__ = ["ledger_lines"]

_encode = msgspec.json.Encoder().encode


def ledger_lines(ledger: Ledger, group: str | None = None) -> Iterator[bytes]:
    """Yield lines, each with its end of line, made as they are asked for.

    A line is an attempt with ``open_seconds``, ``charge``, ``waited`` (seconds since
    the client's attempt before, if that failed), ``fault``, ``utterances_made``,
    ``timeline`` and ``timeline_omitted``. What happens meanwhile may be in it.
    """
    attempts = ledger.attempts if group is None else ledger.group(group)
    waited = {back.after: back.seconds for back in reconnects(attempts)}
    for attempt in attempts:
        yield _encode(_line(ledger, attempt, waited.get(attempt.id))) + b"\n"


def _line(ledger: Ledger, attempt: Attempt, waited: float | None) -> dict[str, Any]:
    content: dict[str, Any] = msgspec.structs.asdict(attempt)
    made = (ledger.utterance(number) for number in attempt.utterances)
    timeline = ledger.kept_timeline(attempt.id)
    content |= {
        "open_seconds": attempt.open_seconds,
        "charge": charge_for(attempt),
        "waited": waited,
        "fault": ledger.fault(attempt.id),
        "utterances_made": [utterance for utterance in made if utterance is not None],
        "timeline": timeline.crossings if timeline else [],
        "timeline_omitted": timeline.omitted if timeline else 0,
    }
    return content
