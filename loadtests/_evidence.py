"""What a run with ``--evidence DIR`` leaves there: trace, recordings, report."""

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

from fakes.backoff_policy import Policy
from fakes.call_record import ENDED_BY_TESTER, CallRecord
from fakes.evidence.report import write_report
from fakes.evidence.trace import (
    FILE,
    CallKept,
    CallPassed,
    Entry,
    Moment,
    RunBegan,
    RunEnded,
    append,
)
from loadtests._lines import Settled, recording_of
from loadtests._tally import Tally
from voiceutils.budget import Budget
from voiceutils.errors import VoiceError

__all__ = ["Evidence"]

log = logging.getLogger("busyhour")

FIRST_KEPT = 200
THEN_ONE_IN = 20
MOST_KEPT = {"failed": 500, "slow": 500, "sample": 5000}
MOST_RECORDINGS = {"failed": 60, "slow": 60, "sample": 20}


class Evidence:
    """Keeps the calls of one Locust process.

    Every failed call and every call with a turn gap over its budget is kept whole, up
    to `MOST_KEPT` of each; of the others the first `FIRST_KEPT`, then one in
    `THEN_ONE_IN`. Of the rest the figures remain.

    Args:
        folder: where to; made if need be.
        budgets: of the run.
    """

    def __init__(self, folder: Path, budgets: Sequence[Budget]) -> None:
        self.folder = folder
        self._budgets = budgets
        limits = [b.limit_seconds for b in budgets if b.name == "turn_gap"]
        self._slow = max(limits, default=float("inf"))
        self._seen = 0
        self._kept: Counter[str] = Counter()
        self._recordings: dict[str, list[tuple[float, str]]] = {}
        self._broken = False

    def begin(
        self, agent: str, seed: int, backoff: Policy | None, **settings: Any
    ) -> None:
        """Begin a new trace; what an earlier run left of its own is removed.

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
            kind="load",
            agent=agent,
            seed=seed,
            began=datetime.now(UTC).isoformat(timespec="seconds"),
            at=time.monotonic(),
            budgets={
                f"{b.name} p{b.percentile:g}": b.limit_seconds for b in self._budgets
            },
            settings=settings,
            backoff=str(backoff or "general bounds"),
        )
        self._write(began)

    def keep(self, settled: Settled) -> None:
        """Write a call down, whole or in figures."""
        record = settled.record
        self._seen += 1
        why = self._reason(settled)
        recording = self.folder / recording_of(record.call)
        if not why:
            gaps = [turn.gap for turn in record.turns if turn.gap is not None]
            self._drop(recording)
            self._write(
                CallPassed(
                    call=record.call,
                    placed_at=record.placed_at,
                    duration=record.duration,
                    outcome=record.outcome,
                    gaps=gaps,
                )
            )
            return
        self._kept[why] += 1
        entry = CallKept(
            record=record,
            kept=why,
            evidence=settled.evidence,
            waterfall=list(settled.waterfall),
            audio=recording.name if recording.exists() else "",
        )
        self._write(entry)
        if entry.audio:
            self._make_room(why, recording, _longest_gap(record))

    def note(self, moment: Moment) -> None:
        """Write down how the run goes."""
        self._write(moment)

    def end(self, results: dict[str, Any], tally: Tally) -> None:
        """Close the trace and make the page of it."""
        counts = {name: h.to_counts() for name, h in tally.histograms.items()}
        self._write(RunEnded(at=time.monotonic(), results=results, histograms=counts))
        if self._broken:
            return
        try:
            log.info("report written to %s", write_report(self.folder))
        except (OSError, VoiceError) as error:
            log.error("--evidence: no report: %s", error)

    def _reason(self, settled: Settled) -> str:
        record = settled.record
        failed = record.outcome != "completed" and record.cause != ENDED_BY_TESTER
        if failed or record.foreign:
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

    def _write(self, entry: Entry) -> None:
        try:
            append(self.folder, entry)
        except OSError as error:
            if not self._broken:
                log.error("--evidence: %s", error)
            self._broken = True


def _longest_gap(record: CallRecord) -> float:
    return max((turn.gap or 0.0 for turn in record.turns), default=0.0)
