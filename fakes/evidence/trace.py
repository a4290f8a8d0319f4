"""The trace of a run: one JSON object a line, written as the calls end.

The first line is the run, the last its end; between them stand the calls, whole or only
in figures, and every few seconds how the run goes. A process that dies leaves all lines
but the one it was writing. The form has a version; a reader refuses a newer one and
passes over fields that it does not know. Keys, tokens and signatures are in none of
these structures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from fakes.backoff.policy import Policy
from fakes.call_record import CallRecord
from fakes.evidence.call_evidence import CallEvidence
from fakes.evidence.own_figures import OwnFigures
from fakes.evidence.waterfall import TurnParts

__all__ = [
    "FILE",
    "VERSION",
    "CallKept",
    "CallPassed",
    "Entry",
    "Moment",
    "RunBegan",
    "RunEnded",
    "append",
]

VERSION = 2
FILE = "trace.jsonl"


class _Entry(msgspec.Struct, tag_field="type", omit_defaults=True):
    pass


class RunBegan(_Entry, tag="run", kw_only=True):
    """What run it is.

    Attributes:
        version: of the form; the first one did not say it.
        kind: ``load`` for a load test, ``conformance`` for the numbered cases.
        began: wall time, ISO 8601, UTC.
        at: the same moment in monotonic seconds, which all other moments are.
        budgets: limits in seconds, by ``name pNN``.
        settings: whatever else decides what is measured.
        policy: that retries are held against; None: the general bounds.
    """

    version: int = 1
    kind: str
    agent: str
    seed: int
    began: str
    at: float
    budgets: dict[str, float] = {}
    settings: dict[str, Any] = {}
    policy: Policy | None = None


class CallKept(_Entry, tag="call", kw_only=True):
    """A call with all that is known of it.

    Attributes:
        kept: why: ``failed``, ``slow`` or ``sample``.
        label: what it was placed for, such as the number of a case.
        evidence: of the providers; None when the fakes did not answer.
        audio: file name of the stereo recording beside the trace, the caller left.
    """

    record: CallRecord
    kept: str
    label: str = ""
    evidence: CallEvidence | None = None
    waterfall: list[TurnParts] = []
    audio: str = ""


class CallPassed(_Entry, tag="passed", kw_only=True):
    """A call of which only figures are kept."""

    call: int
    placed_at: float
    duration: float
    outcome: str
    gaps: list[float] = []


class Moment(_Entry, tag="moment", kw_only=True):
    """How the run goes; written every few seconds. Since version 2.

    Attributes:
        at: monotonic seconds.
        doing: how many callers do what, as the engine tells it.
        longest_wait: seconds for which the most patient caller waits for a reply.
        placed: calls whose record has come, as the two that follow; since the begin.
        turns: how many the percentiles beside it are of: those answered lately.
        gap_p50: seconds; None while there are none, as below.
        late_p50: lateness of the frames of calls that ended lately, in seconds.
    """

    at: float
    doing: dict[str, int] = {}
    longest_wait: float = 0.0
    placed: int = 0
    completed: int = 0
    failed: int = 0
    turns: int = 0
    gap_p50: float | None = None
    gap_p95: float | None = None
    late_p50: float | None = None
    late_p99: float | None = None
    late_max: float | None = None

    @property
    def up(self) -> int:
        """Calls under way."""
        return sum(self.doing.values())


class RunEnded(_Entry, tag="end", kw_only=True):
    """How it ended; figures are of all calls, also of those not kept."""

    at: float
    results: dict[str, Any] = {}
    histograms: dict[str, dict[str, int]] = {}


Entry: TypeAlias = RunBegan | CallKept | CallPassed | Moment | OwnFigures | RunEnded

_encode = msgspec.json.Encoder().encode


def append(folder: Path, entry: Entry) -> None:
    """Add an entry to the trace in a folder.

    One write at the end of the file: several processes of a machine may share it.

    Raises:
        OSError: it cannot be written.
    """
    line = _encode(entry) + b"\n"
    with (folder / FILE).open("ab", buffering=0) as file:
        written = file.write(line)
    if written != len(line):
        raise OSError(f"{FILE}: {written} of {len(line)} bytes written; disk full?")
