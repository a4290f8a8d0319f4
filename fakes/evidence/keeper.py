"""Keeps the calls of a run as they end: its trace, its recordings, at last its page.

The same for a load run, of which it keeps a part, and for the numbered cases.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

from fakes.backoff.policy import Policy
from fakes.call_record import ENDED_BY_TESTER, CallRecord
from fakes.evidence.call_evidence import CallEvidence
from fakes.evidence.report import write_report
from fakes.evidence.trace import (
    FILE,
    VERSION,
    CallKept,
    CallPassed,
    Entry,
    RunBegan,
    RunEnded,
    append,
)
from fakes.evidence.waterfall import TurnParts
from voiceutils.budget import Budget, LatencyHistogram
from voiceutils.errors import VoiceError

__all__ = [
    "FIRST_KEPT",
    "MOST_KEPT",
    "MOST_RECORDINGS",
    "THEN_ONE_IN",
    "Keeper",
    "recording_of",
]

log = logging.getLogger("busyhour")

FIRST_KEPT = 200
THEN_ONE_IN = 20
MOST_KEPT = {"failed": 500, "slow": 500, "sample": 5000}
MOST_RECORDINGS = {"failed": 60, "slow": 60, "sample": 20}


class Keeper:
    """Keeps the calls of one process; several may write into one folder.

    Every failed call and every call with a turn gap over its budget is kept whole, up
    to `MOST_KEPT` of each; of the others the first `FIRST_KEPT`, then one in
    `THEN_ONE_IN`. Of the rest the figures remain.

    Args:
        folder: where to; made if need be.
        budgets: of the run.
    """

    def __init__(self, folder: Path, budgets: Sequence[Budget] = ()) -> None:
        self.folder = folder
        self._budgets = budgets
        limits = [b.limit_seconds for b in budgets if b.name == "turn_gap"]
        self._slow = max(limits, default=float("inf"))
        self._seen = 0
        self._kept: Counter[str] = Counter()
        self._recordings: dict[str, list[tuple[float, str]]] = {}
        self._broken = False

    def begin(
        self,
        kind: str,
        agent: str,
        seed: int,
        policy: Policy | None = None,
        **settings: Any,
    ) -> None:
        """Begin a new trace; what an earlier run left of its own is removed.

        Args:
            kind: see `RunBegan`, as the others.
            agent: whom the calls go to.
            seed: of the run.
            policy: that retries are held against.
            settings: whatever else decides what is measured.

        Raises:
            VoiceError: the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for old in (self.folder / FILE, *self.folder.glob("call-*.wav")):
                old.unlink(missing_ok=True)
        except OSError as error:
            raise VoiceError(f"--evidence {self.folder}: {error}") from error
        began = RunBegan(
            version=VERSION,
            kind=kind,
            agent=agent,
            seed=seed,
            began=datetime.now(UTC).isoformat(timespec="seconds"),
            at=time.monotonic(),
            budgets={
                f"{b.name} p{b.percentile:g}": b.limit_seconds for b in self._budgets
            },
            settings=settings,
            policy=policy,
        )
        self.write(began)

    def keep(
        self,
        record: CallRecord,
        evidence: CallEvidence | None = None,
        waterfall: Sequence[TurnParts] = (),
        *,
        label: str = "",
        failed: bool | None = None,
        recording: str = "",
    ) -> None:
        """Write a call down, whole or in figures.

        Args:
            record: of the call.
            evidence: of the providers, if they were asked.
            waterfall: the parts of its turn gaps.
            label: what the call was placed for.
            failed: whether what it was placed for did; None judges by the record.
            recording: name of its recording in the folder, if not the usual one.
        """
        self._seen += 1
        why = self._reason(record, failed)
        file = self.folder / (recording or recording_of(record.call))
        if not why:
            self._drop(file)
            self.write(_figures_of(record))
            return
        self._kept[why] += 1
        entry = CallKept(
            record=record,
            kept=why,
            label=label,
            evidence=evidence,
            waterfall=list(waterfall),
            audio=file.name if file.exists() else "",
        )
        self.write(entry)
        if entry.audio:
            self._make_room(why, file, _longest_gap(record))

    def end(
        self, results: dict[str, Any], histograms: dict[str, LatencyHistogram]
    ) -> Path | None:
        """Close the trace and make the page of it; return its path.

        Args:
            results: of all calls; see `RunEnded`, as for the histograms.
            histograms: by the name of the latency.
        """
        counts = {name: one.to_counts() for name, one in histograms.items()}
        self.write(RunEnded(at=time.monotonic(), results=results, histograms=counts))
        if self._broken:
            return None
        try:
            path = write_report(self.folder)
        except (OSError, VoiceError) as error:
            log.error("--evidence: no report: %s", error)
            return None
        log.info("report written to %s", path)
        return path

    def write(self, entry: Entry) -> None:
        """Add an entry to the trace; what cannot be written is told once."""
        try:
            append(self.folder, entry)
        except OSError as error:
            if not self._broken:
                log.error("--evidence: %s", error)
            self._broken = True

    def _reason(self, record: CallRecord, failed: bool | None) -> str:
        if failed is None:
            bad = record.outcome != "completed" and record.cause != ENDED_BY_TESTER
            failed = bad or bool(record.foreign)
        if failed:
            why = "failed"
        elif _longest_gap(record) > self._slow:
            why = "slow"
        elif self._seen <= FIRST_KEPT or self._seen % THEN_ONE_IN == 0:
            why = "sample"
        else:
            return ""
        return why if self._kept[why] < MOST_KEPT[why] else ""

    def _make_room(self, why: str, recording: Path, gap: float) -> None:
        """Keep the recordings of the slowest calls, of each kind so many."""
        kept = self._recordings.setdefault(why, [])
        heappush(kept, (gap, str(recording)))
        if len(kept) > MOST_RECORDINGS[why]:
            self._drop(Path(heappop(kept)[1]))

    def _drop(self, recording: Path) -> None:
        with suppress(OSError):
            recording.unlink(missing_ok=True)


def recording_of(call: int) -> str:
    """The usual file name of a call's recording."""
    return f"call-{call}.wav"


def _figures_of(record: CallRecord) -> CallPassed:
    gaps = [turn.gap for turn in record.turns if turn.gap is not None]
    return CallPassed(
        call=record.call,
        placed_at=record.placed_at,
        duration=record.duration,
        outcome=record.outcome,
        gaps=gaps,
    )


def _longest_gap(record: CallRecord) -> float:
    return max((turn.gap or 0.0 for turn in record.turns), default=0.0)
