"""How clients came back: the time between one attempt's end and the next one."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fakes.faults import RESPONSES
from fakes.ledger_entries import Attempt

__all__ = ["SHORT_LIFE", "Reconnect", "failed", "finished", "reconnects"]

SHORT_LIFE = 1.0  # seconds; a connection that the service ends so soon never worked


class Reconnect(msgspec.Struct, frozen=True, kw_only=True):
    """A client that came back.

    Attributes:
        before: id of the attempt that ended.
        after: id of the next one of the same group on the same surface.
        seconds: from the end of the one to the knock of the other.
        cause: how the one ended, such as ``refused 503``, ``closed 1011``, ``dropped``
            or ``left``, when the client ended it itself.
        failed: whether the one failed: refused, or ended by the service at once.
    """

    surface: str
    group: str
    before: int
    after: int
    at: float
    seconds: float
    cause: str
    failed: bool


def finished(attempt: Attempt) -> bool:
    """Return whether a connection that was let in came to the end that it should."""
    if attempt.closed_by == "client" or attempt.surface in RESPONSES:
        return True
    return attempt.close_code in (None, 1000) and bool(attempt.conduct.farewell)


def failed(attempt: Attempt, healthy: float = SHORT_LIFE) -> bool:
    """Return whether an attempt never worked.

    It was refused, or it ended before it was let in, or the service ended it unasked
    before it had lasted for ``healthy`` seconds.
    """
    if attempt.refused_with is not None:
        return True
    if attempt.opened is None:
        return attempt.closed is not None
    seconds = attempt.open_seconds
    return seconds is not None and seconds < healthy and not finished(attempt)


def _cause(attempt: Attempt) -> str:
    if attempt.refused_with is not None:
        return attempt.outcome
    if attempt.closed_by == "client":
        return "left"
    return "dropped" if attempt.close_code == 1006 else f"closed {attempt.close_code}"


def reconnects(attempts: Iterable[Attempt]) -> list[Reconnect]:
    """Return every coming back, in order; attempts side by side are none.

    Attempts that the client ended itself after a success are followed by a new need,
    not by a reconnection, and are left out.
    """
    last: dict[tuple[str, str], Attempt] = {}
    found: list[Reconnect] = []
    for attempt in attempts:
        key = (attempt.surface, attempt.group)
        before = last.get(key)
        last[key] = attempt
        if before is None or before.closed is None or before.closed > attempt.at:
            continue
        normal = before.close_code in (None, 1000) and before.refused_with is None
        if before.closed_by == "client" or normal:
            continue
        found.append(
            Reconnect(
                surface=attempt.surface,
                group=attempt.group,
                before=before.id,
                after=attempt.id,
                at=attempt.at,
                seconds=attempt.at - before.closed,
                cause=_cause(before),
                failed=failed(before),
            )
        )
    return found
