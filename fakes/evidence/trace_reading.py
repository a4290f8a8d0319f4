"""Reads a trace, which may be damaged, cut short or somebody's bad joke."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import msgspec

from fakes.call_record import TurnRecord
from fakes.evidence.own_figures import OwnFigures
from fakes.evidence.sound import check_figures, check_moments
from fakes.evidence.trace import (
    FILE,
    VERSION,
    CallKept,
    CallPassed,
    Entry,
    Moment,
    RunBegan,
    RunEnded,
)
from voiceutils.errors import SettingError, WireError

__all__ = ["Trace", "read_trace"]

LONGEST_LINE = 4 << 20
PROBLEMS_KEPT = 20

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
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
            if b'"version"' in line:
                _check_version(line)
            try:
                entry = _decoder.decode(line)
                check_entry(entry)
                trace.take(entry)
            except (*_UNREADABLE, WireError, SettingError) as error:
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
            check_moments(entry.at, *entry.budgets.values())
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
    version: int = 1


def _check_version(line: bytes) -> None:
    """Refuse a newer version, whatever else such a line holds."""
    try:
        told = msgspec.json.decode(line, type=_Version)
    except _UNREADABLE:
        return  # no line of any version
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
