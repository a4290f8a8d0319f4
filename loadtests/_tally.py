"""What a run adds up to: counts, causes and histograms of every call.

A tally is made of sums, so that tallies of several workers (or of one worker's last
three seconds) merge in any order into what one process would have counted. It
travels as JSON.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fakes.backoff.crowd import Crowd
from fakes.backoff.oracle import Judgement
from fakes.call_record import ENDED_BY_TESTER, CallRecord
from fakes.evidence.waterfall import PARTS
from fakes.ledger import Attempt, CallHeard
from voiceutils.budget import LatencyHistogram

__all__ = ["EXAMPLES", "HISTOGRAMS", "OWN_SHARE", "PART_NAMES", "Tally", "tally_call"]

PART_NAMES = tuple(f"part: {name}" for name in PARTS)
OWN_SHARE = "agent's own share"
"""Parts of the turn gap, and the sum of those that are the agent's."""

EXAMPLES = 10
"""How many examples of each kind are kept: those of the lowest calls."""

HISTOGRAMS = (
    "answer",
    "greeting",
    "turn_gap",
    "barge_in",
    "call",
    "dialling",
    "setup",
    "lateness",
    *PART_NAMES,
    OWN_SHARE,
)

# How the causes begin that are the tester's own fault.
ENGINE = "media engine"

OVERDUE = 2.0  # seconds without a reply that count as a gap when a call is cut then

FRAMES_NAMED = 6
CAUSE_LENGTH = 90


@dataclass
class Tally:
    """Sums over calls; see the module. ``counts`` is keyed by the figure's name.

    ``crowd`` is what the attempts at the recogniser's door show together.
    """

    counts: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    histograms: dict[str, LatencyHistogram] = field(
        default_factory=lambda: {name: LatencyHistogram() for name in HISTOGRAMS}
    )
    examples: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    crowd: Crowd = field(default_factory=Crowd)

    def show(self, kind: str, call: int, text: str) -> None:
        """Keep ``text`` as an example of ``kind`` if its call is among the first."""
        self._keep(kind, [(call, text)])

    def merge(self, other: Tally) -> None:
        """Add everything that ``other`` counted."""
        self.counts.update(other.counts)
        self.causes.update(other.causes)
        self.findings.update(other.findings)
        for name, histogram in other.histograms.items():
            self.histograms[name].merge(histogram)
        for kind, shown in other.examples.items():
            self._keep(kind, shown)
        self.crowd.merge(other.crowd)

    def _keep(self, kind: str, shown: Iterable[tuple[int, str]]) -> None:
        kept = {*self.examples.get(kind, ()), *shown}
        self.examples[kind] = sorted(kept)[:EXAMPLES]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; `from_json` reads them back."""
        return {
            "counts": dict(self.counts),
            "causes": dict(self.causes),
            "findings": dict(self.findings),
            "histograms": {
                name: histogram.to_counts()
                for name, histogram in self.histograms.items()
            },
            "examples": {
                kind: [list(shown) for shown in examples]
                for kind, examples in self.examples.items()
            },
            "crowd": msgspec.to_builtins(self.crowd, str_keys=True),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Tally:
        """Read what `to_json` wrote, possibly in another process."""
        tally = cls(
            counts=Counter(data["counts"]),
            causes=Counter(data["causes"]),
            findings=Counter(data["findings"]),
        )
        for name, counts in data["histograms"].items():
            tally.histograms[name] = LatencyHistogram.from_counts(counts)
        for kind, examples in data["examples"].items():
            tally.examples[kind] = [(call, text) for call, text in examples]
        tally.crowd = msgspec.convert(data["crowd"], Crowd, strict=False)
        return tally


def tally_call(
    record: CallRecord,
    heard: CallHeard | None = None,
    backoff: Judgement | None = None,
    attempts: Sequence[Attempt] = (),
    waited: float = 0.0,
) -> Tally:
    """The tally of one call.

    Args:
        record: what the phone saw.
        heard: what the fake recogniser received of it; None when nobody could tell.
        backoff: the judgement on the agent's attempts at the recogniser's door.
        attempts: those attempts, with what was heard on each.
        waited: seconds from its intended moment until a phone was free for it.
    """
    tally = Tally()
    counts = tally.counts
    counts["placed"] = 1
    counts["call_ms"] = round(record.duration * 1000)
    counts["answered"] = int(record.answered_after is not None)
    if record.cause == ENDED_BY_TESTER:
        counts["cut"] = 1
    elif record.outcome == "completed":
        counts["completed"] = 1
    else:
        counts["failed"] = 1
        tally.causes[plain_cause(record.cause)] = 1
        counts["engine_failed"] = int(record.cause.startswith(ENGINE))
    if record.intended_at is not None:
        dialling = record.placed_at - record.intended_at - waited
        _record(tally, "dialling", max(dialling, 0.0))
        if record.answered_after is not None:
            answered_at = record.placed_at + record.answered_after
            _record(tally, "setup", max(answered_at - record.intended_at, 0.0))
    _record(tally, "answer", record.answered_after)
    _record(tally, "greeting", record.greeting_after)
    if counts["completed"]:
        _record(tally, "call", record.duration)
    for finding in record.findings:
        if record.cause.startswith(finding.text):
            continue  # told once is enough
        tally.findings[f"{finding.code}: {plain_cause(finding.text)}"] += 1
    _count_generator(tally, record)
    _count_turns(tally, record)
    _count_heard_by_caller(tally, record)
    if counts["completed"]:
        _count_heard_by_agent(tally, record, heard)
    for attempt in attempts:
        if others := [call for call in attempt.calls if call != record.call]:
            counts["crossed"] += 1
            tally.show("crossed", record.call, f"call {others[0]} on its connection")
    if backoff is not None:
        tally.crowd.merge(backoff.crowd)
        counts["backoff_calls"] = int(backoff.delays > 0)
        counts["backoff_delays"] = backoff.delays
        counts["backoff_violations"] = len(backoff.violations)
        for violation in backoff.violations:
            tally.show("backoff", record.call, violation)
    return tally


def _record(tally: Tally, name: str, seconds: float | None) -> None:
    if seconds is not None:
        tally.histograms[name].record(seconds)


def _count_generator(tally: Tally, record: CallRecord) -> None:
    lateness = LatencyHistogram.from_counts(record.lateness)
    tally.histograms["lateness"].merge(lateness)
    tally.counts["frames_sent"] = record.frames_sent
    tally.counts["frames_dropped"] = len(record.frames_dropped)
    tally.counts["underruns"] = record.underruns


def _count_turns(tally: Tally, record: CallRecord) -> None:
    completed = bool(tally.counts["completed"])
    cut = bool(tally.counts["cut"])
    for turn in record.turns:
        if turn.spoke_until is None:
            continue
        tally.counts["turns"] += 1
        if turn.gap is not None and turn.gap < 0:
            # An interruption is no fast answer: it would flatter the percentiles.
            tally.counts["talked_over"] += 1
            tally.show("talked_over", record.call, f"turn {turn.turn}: {turn.said}")
        else:
            _record(tally, "turn_gap", turn.gap)
        waited = record.duration - turn.spoke_until
        if turn.gap is None and cut and turn.awaited and waited > OVERDUE:
            # The end of the run must not hide a reply that was slow already.
            tally.counts["turns_overdue"] += 1
            _record(tally, "turn_gap", waited)
        if turn.gap is None and completed and turn.awaited:
            tally.counts["turns_unanswered"] += 1
            tally.show("unanswered", record.call, f"turn {turn.turn}: {turn.said}")
        if turn.barge_in:
            tally.counts["barge_ins"] += 1
            _record(tally, "barge_in", turn.stopped_after)
            if turn.stopped_after is None and completed:
                tally.counts["barge_ins_unstopped"] += 1
                tally.show("unstopped", record.call, f"turn {turn.turn}")


def _count_heard_by_caller(tally: Tally, record: CallRecord) -> None:
    counts = tally.counts
    for utterance in record.utterances:
        counts["utterances"] += 1
        counts["down_frames"] += utterance.heard
        counts["down_lost"] += len(utterance.lost)
        counts["down_repeated"] += len(utterance.repeated)
        name = f"utterance {utterance.utterance}"
        if utterance.lost:
            text = f"{name}: {frame_numbers(utterance.lost)}"
            tally.show("down_lost", record.call, text)
        if utterance.repeated:
            text = f"{name}: {frame_numbers(utterance.repeated)}"
            tally.show("down_repeated", record.call, text)
    if record.foreign:
        counts["foreign"] += len(record.foreign)
        tally.show("foreign", record.call, record.foreign[0][:CAUSE_LENGTH])


def _count_heard_by_agent(
    tally: Tally, record: CallRecord, heard: CallHeard | None
) -> None:
    counts = tally.counts
    if heard is None:
        counts["ledger_silent"] = 1
        return
    spoken = [turn for turn in record.turns if turn.spoke_until is not None]
    if not spoken:
        return
    if not heard.turns:
        counts["ledger_unseen"] = 1
        return
    counts["ledger_seen"] = 1
    arrived = {turn.turn: turn for turn in heard.turns}
    for turn in spoken:
        if turn.turn not in arrived:
            counts["up_turns_lost"] += 1
            tally.show("up_lost", record.call, f"turn {turn.turn}: every frame")
    for at_door in heard.turns:
        counts["up_frames"] += at_door.heard + len(at_door.missing)
        counts["up_lost"] += len(at_door.missing)
        counts["up_repeated"] += len(at_door.repeated)
        counts["up_disordered"] += at_door.disordered
        if at_door.missing:
            text = f"turn {at_door.turn}: {frame_numbers(at_door.missing)}"
            tally.show("up_lost", record.call, text)
        if at_door.repeated:
            text = f"turn {at_door.turn}: {frame_numbers(at_door.repeated)}"
            tally.show("up_repeated", record.call, text)


def frame_numbers(frames: Sequence[int]) -> str:
    """The first few numbers of ``frames``, and how many more there are."""
    named = ", ".join(str(frame) for frame in frames[:FRAMES_NAMED])
    more = len(frames) - FRAMES_NAMED
    noun = "frame" if len(frames) == 1 else "frames"
    return f"{noun} {named}" + (f" and {more} more" if more > 0 else "")


def plain_cause(cause: str) -> str:
    """``cause`` without what differs from call to call, so that equal ones add up."""
    line = " ".join(cause.split()).encode("ascii", "replace").decode()
    line = re.sub(r"\b[A-Z]{2}[0-9a-f]{32}\b", "(sid)", line)
    line = re.sub(r"\b(call|utterance|turn|frame) \d+", r"\1 N", line)
    line = re.sub(r"\b\d+\.\d+ s\b", "N s", line)
    return line[:CAUSE_LENGTH] or "no cause given"
