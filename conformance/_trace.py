"""A call as timed lines, for whoever must understand a failure."""

from __future__ import annotations

from collections.abc import Iterable

from fakes.call_record import CallRecord, TurnRecord

__all__ = ["timed_trace"]


def timed_trace(record: CallRecord) -> list[str]:
    """Return the lines, in the order in which things happened."""
    moments: list[tuple[float, str]] = []
    if record.answered_after is not None:
        moments.append((record.answered_after, "media socket open"))
    for turn in record.turns:
        moments += _turn_moments(turn)
    for utterance in record.utterances:
        share = f"{utterance.heard} of {utterance.frames} frames"
        heard = f"heard utterance {utterance.utterance}: {utterance.text!r}"
        until = f"until {utterance.last_at:.2f}"
        moments.append((utterance.first_at, f"{heard}, {share}, {until}"))
    for finding in record.findings:
        moments.append((finding.at, f"finding {finding.code}: {finding.text}"))
    cause = f": {record.cause}" if record.cause else ""
    moments.append((record.duration, f"{record.outcome}{cause}"))
    return _timed(moments)


def _turn_moments(turn: TurnRecord) -> list[tuple[float, str]]:
    moments: list[tuple[float, str]] = []
    if turn.spoke_from is not None:
        how = "barges in" if turn.barge_in else "says"
        until = "" if turn.spoke_until is None else f" (until {turn.spoke_until:.2f})"
        text = f"caller {how}, turn {turn.turn}: {turn.said!r}{until}"
        moments.append((turn.spoke_from, text))
    if turn.reply_at is not None:
        moments.append((turn.reply_at, f"reply to turn {turn.turn} begins"))
    return moments


def _timed(moments: Iterable[tuple[float, str]]) -> list[str]:
    return [f"{at:7.2f}  {text}" for at, text in sorted(moments)]
