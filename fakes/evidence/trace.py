"""The trace of a run: one JSON object a line, written as the calls end.

The first line is the run, the last its end; between them stand the calls, whole or only
in figures, and every few seconds how the run goes. A process that dies leaves all lines
but the one it was writing. The form has a version; a reader refuses a newer one and
passes over fields that it does not know. Keys, tokens and signatures are in none of
these structures.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from fakes.call_record import CallRecord, TurnRecord
from fakes.evidence.call_evidence import CallEvidence
from fakes.evidence.own_figures import OwnFigures
from fakes.evidence.sound import check_figures, check_moments
from fakes.evidence.waterfall import TurnParts
from voiceutils.errors import SettingError, WireError

__all__ = [
    "FILE",
    "VERSION",
    "CallKept",
    "CallPassed",
    "Entry",
    "Moment",
    "RunBegan",
    "RunEnded",
    "Trace",
    "append",
    "read_trace",
]

VERSION = 2
FILE = "trace.jsonl"
LONGEST_LINE = 4 << 20
PROBLEMS_KEPT = 20


class _Entry(msgspec.Struct, tag_field="type", omit_defaults=True):
    pass


class RunBegan(_Entry, tag="run", kw_only=True):
    """What run it is.

    Attributes:
        kind: ``load`` for a load test.
        began: wall time, ISO 8601, UTC.
        at: the same moment in monotonic seconds, which all other moments are.
        budgets: limits in seconds, by ``name pNN``.
        settings: whatever else decides what is measured.
        backoff: the policy that retries are held against, in words.
        delays: its shortest and longest delay before each retry, in seconds.
    """

    version: int = VERSION
    kind: str
    agent: str
    seed: int
    began: str
    at: float
    budgets: dict[str, float] = {}
    settings: dict[str, Any] = {}
    backoff: str = ""
    delays: list[tuple[float, float]] = []


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
_decoder: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


class Trace:
    """A trace that was read.

    Attributes:
        run: None when the first line is missing.
        end: None when the run did not come to its end.
        own: what the agent says of its calls, by their SID.
        problems: lines that could not be read, with their numbers; the first few.
        bad_lines: how many there were.
    """

    def __init__(self) -> None:
        self.run: RunBegan | None = None
        self.end: RunEnded | None = None
        self.calls: list[CallKept] = []
        self.passed: list[CallPassed] = []
        self.moments: list[Moment] = []
        self.own: dict[str, OwnFigures] = {}
        self.problems: list[str] = []
        self.bad_lines = 0

    def take(self, entry: Entry) -> None:
        """Add one entry."""
        match entry:
            case RunBegan():
                self.run = entry
            case RunEnded():
                self.end = entry
            case CallKept():
                self.calls.append(entry)
            case CallPassed():
                self.passed.append(entry)
            case Moment():
                self.moments.append(entry)
            case OwnFigures():
                self.own[entry.call_sid] = entry

    def refuse(self, number: int, why: str) -> None:
        """Note a line that makes no sense."""
        self.bad_lines += 1
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(f"line {number}: {why[:200]}")


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


def read_trace(path: Path) -> Trace:
    """Read a trace, which may be damaged, cut short or somebody's bad joke.

    Args:
        path: the file, or the folder that holds it.

    Raises:
        SettingError: there is no such file, or a newer version wrote it.
    """
    file = path / FILE if path.is_dir() else path
    trace = Trace()
    try:
        for number, line in _lines(file):
            if line is None:
                trace.refuse(number, f"longer than {LONGEST_LINE} bytes")
                continue
            try:
                if b'"version"' in line:
                    _check_version(line)
                entry = _decoder.decode(line)
                check_entry(entry)
                trace.take(entry)
            except (
                msgspec.DecodeError,
                UnicodeDecodeError,
                RecursionError,
                WireError,
            ) as error:
                trace.refuse(number, str(error))
    except OSError as error:
        raise SettingError(f"no trace: {error}") from error
    return trace


def check_entry(entry: Entry) -> None:
    """Refuse figures that no run can have, and that no chart could show.

    Raises:
        WireError: what is wrong with them.
    """
    match entry:
        case RunBegan():
            check_moments(entry.at, *entry.budgets.values(), *chain(*entry.delays))
        case RunEnded():
            check_moments(entry.at)
            check_figures(entry.results, entry.histograms)
        case CallPassed():
            check_moments(entry.placed_at, entry.duration, *entry.gaps)
        case OwnFigures():
            check_moments(
                *(turn.llm_time_to_first_token_ms for turn in entry.turns),
                *(turn.tts_time_to_first_byte_ms for turn in entry.turns),
            )
        case Moment():
            check_moments(
                *(entry.at, entry.longest_wait, entry.gap_p50, entry.gap_p95),
                *(entry.late_p50, entry.late_p99, entry.late_max),
                *(entry.placed, entry.completed, entry.failed, *entry.doing.values()),
            )
        case CallKept(record=record):
            parts = (part for turn in entry.waterfall for part in turn.parts)
            check_moments(
                record.placed_at,
                record.duration,
                *(moment for turn in record.turns for moment in _moments(turn)),
                *(part.seconds for part in parts),
                *(event.at for event in record.events),
            )


def _moments(turn: TurnRecord) -> tuple[float | None, ...]:
    return turn.gap, turn.spoke_from, turn.spoke_until, turn.reply_at, turn.media_at


class _Version(msgspec.Struct):
    type: str = ""
    version: int = VERSION


def _check_version(line: bytes) -> None:
    """Refuse a newer version, whatever else such a line holds."""
    told = msgspec.json.decode(line, type=_Version)
    if told.type == "run" and told.version > VERSION:
        raise SettingError(
            f"the trace has version {told.version}, this reads up to {VERSION}; "
            "use a newer busyhour"
        )


def _lines(file: Path) -> Iterator[tuple[int, bytes | None]]:
    """Yield lines with their numbers; None for one that is too long."""
    with file.open("rb") as source:
        for number in itertools.count(1):
            line = source.readline(LONGEST_LINE)
            if not line:
                return
            if not line.endswith(b"\n") and len(line) == LONGEST_LINE:
                while (rest := source.readline(LONGEST_LINE)) and rest[-1:] != b"\n":
                    pass
                yield number, None
            elif line.strip():
                yield number, line
