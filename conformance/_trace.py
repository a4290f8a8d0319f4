"""A call as timed lines, both legs on one clock, for whoever must understand a verdict.

The phone's leg is what the caller said and heard; the providers' leg is what the agent
made of it: connections, words understood, requests, speech, and the faults it met.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fakes.call_record import CallRecord, TurnRecord
from fakes.evidence.call_evidence import CallEvidence
from fakes.ledger_entries import Attempt, FaultFired

__all__ = ["Moment", "phone_leg", "providers_leg", "timed_trace"]

MOST_LINES = 120  # of a trace; what is beyond is told by its number
_LONGEST = 160  # characters of a line


class Moment(NamedTuple):
    """One line; ``at`` is seconds since the call was placed."""

    at: float
    leg: str
    text: str


def timed_trace(moments: Iterable[Moment]) -> list[str]:
    """Return the lines, in the order in which things happened."""
    lines = [
        f"{moment.at:7.2f}  {moment.leg:<10}  {moment.text}"[:_LONGEST]
        for moment in sorted(moments)
    ]
    if (beyond := len(lines) - MOST_LINES) > 0:
        half = MOST_LINES // 2
        lines[half : half + beyond] = [f"         ... {beyond} lines more"]
    return lines


def phone_leg(record: CallRecord) -> Iterator[Moment]:
    """Yield what the caller said, heard and met."""
    if record.answered_after is not None:
        yield Moment(record.answered_after, "phone", "media socket open")
    for turn in record.turns:
        yield from _turn(turn)
    for utterance in record.utterances:
        share = f"{utterance.heard} of {utterance.frames} frames"
        heard = f"hears utterance {utterance.utterance}: {utterance.text!r}"
        until = f"until {utterance.last_at:.2f}"
        yield Moment(utterance.first_at, "phone", f"{heard}, {share}, {until}")
    for finding in record.findings:
        text = f"finding {finding.code}: {finding.text}"
        yield Moment(finding.at, "phone", text)
    cause = f": {record.cause}" if record.cause else ""
    yield Moment(record.duration, "phone", f"{record.outcome}{cause}")


def _turn(turn: TurnRecord) -> Iterator[Moment]:
    if turn.spoke_from is not None:
        how = "barges in" if turn.barge_in else "says"
        until = "" if turn.spoke_until is None else f" (until {turn.spoke_until:.2f})"
        text = f"caller {how}, turn {turn.turn}: {turn.said!r}{until}"
        yield Moment(turn.spoke_from, "phone", text)
    if turn.reply_at is not None:
        yield Moment(turn.reply_at, "phone", f"reply to turn {turn.turn} begins")


def providers_leg(
    evidence: CallEvidence, faults: Iterable[FaultFired], placed_at: float
) -> Iterator[Moment]:
    """Yield what the providers saw of the call.

    Args:
        evidence: of the call.
        faults: that its attempts met.
        placed_at: when it was placed, in monotonic seconds.
    """
    for at, leg, text in _providers(evidence, faults):
        if at is not None:
            yield Moment(at - placed_at, leg, text)


def _providers(
    evidence: CallEvidence, faults: Iterable[FaultFired]
) -> Iterator[tuple[float | None, str, str]]:
    for attempt in evidence.attempts:
        yield from _attempt(attempt)
    for turn in evidence.heard.turns:
        arrived = f"{turn.heard} of {turn.frames} frames of turn {turn.turn}"
        yield turn.last_at, "recogniser", f"has {arrived}"
        yield turn.final_at, "recogniser", f"last final of it: {turn.transcript!r}"
    for made in evidence.utterances:
        name = f"utterance {made.utterance}"
        yield made.requested_at, "voice", f"{name} is asked for: {made.text!r}"
        yield made.first_audio_at, "voice", f"{name}, first audio"
        whole = ", cut" if made.aborted else ""
        yield made.last_audio_at, "voice", f"{name}, last audio{whole}"
    for fault in faults:
        text = f"{fault.fault} strikes attempt {fault.attempt}"
        yield fault.happened_at, fault.surface, text


def _attempt(attempt: Attempt) -> Iterator[tuple[float | None, str, str]]:
    leg, name = attempt.surface, f"attempt {attempt.id}"
    asked = f": {attempt.said!r}" if attempt.said else ""
    yield attempt.at, leg, f"{name} {attempt.outcome}{asked}"
    if attempt.opened is not None and attempt.opened - attempt.at > 0.05:
        yield attempt.opened, leg, f"{name} is let in"
    yield attempt.first_answer_at, leg, f"{name} is first answered"
    code = "" if attempt.close_code is None else f" with {attempt.close_code}"
    early = ", before its answer was complete" if attempt.aborted else ""
    if attempt.refused_with is None:
        yield attempt.closed, leg, f"{name} closed{code} by {attempt.closed_by}{early}"
    if attempt.closed is None and attempt.opened is not None:
        yield attempt.opened, leg, f"{name} is never closed"
