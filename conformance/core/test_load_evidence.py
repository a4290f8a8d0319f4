"""Which calls of a run are kept whole, and which recordings."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.core.test_waterfall import story
from fakes.call_record import CallRecord
from fakes.evidence.keeper import (
    FIRST_KEPT,
    MOST_KEPT,
    MOST_RECORDINGS,
    THEN_ONE_IN,
    recording_of,
)
from fakes.evidence.trace import FILE, VERSION
from fakes.evidence.trace_reading import read_trace
from loadtests._evidence import Evidence
from loadtests._lines import Settled
from loadtests._tally import Tally
from voiceutils.budget import Budget
from voiceutils.errors import VoiceError

BUDGETS = (Budget("turn_gap", 95.0, 1.1),)


def a_call(number: int, *, gap: float = 0.7, outcome: str = "completed") -> CallRecord:
    """A call of one turn with that gap."""
    record, _ = story([gap, 0, 0, 0, 0, 0, 0, 0])
    record.call, record.outcome = number, outcome
    return record


def evidence_in(folder: Path) -> Evidence:
    """Evidence of a run that has begun."""
    evidence = Evidence(folder, BUDGETS)
    evidence.begin("ws://127.0.0.1:1/media", 1, None)
    return evidence


def test_failed_and_slow_calls_are_kept_whole_whatever_comes_before(
    tmp_path: Path,
) -> None:
    """Of the others the first, then one in so many; the rest in figures."""
    evidence = evidence_in(tmp_path)
    calls = FIRST_KEPT + 10 * THEN_ONE_IN
    for number in range(calls):
        evidence.keep(Settled(a_call(number), Tally()))
    evidence.keep(Settled(a_call(9001, gap=1.2), Tally()))
    evidence.keep(Settled(a_call(9002, outcome="failed"), Tally()))

    trace = read_trace(tmp_path)

    kept = {whole.record.call: whole.kept for whole in trace.calls}
    assert kept[9001] == "slow"
    assert kept[9002] == "failed"
    assert len(kept) == FIRST_KEPT + 10 + 2
    assert len(trace.calls) + len(trace.passed) == calls + 2


def test_no_kind_of_call_fills_the_disk(tmp_path: Path) -> None:
    """Beyond a bound even failed calls are kept in figures."""
    evidence = evidence_in(tmp_path)
    most = MOST_KEPT["failed"]
    for number in range(most + 5):
        evidence.keep(Settled(a_call(number, outcome="failed"), Tally()))

    trace = read_trace(tmp_path)

    assert (len(trace.calls), len(trace.passed)) == (most, 5)


def test_recordings_of_the_slowest_calls_stay(tmp_path: Path) -> None:
    """As many as there is room for; none of a call that is not kept."""
    evidence = evidence_in(tmp_path)
    room = MOST_RECORDINGS["sample"]
    for number in range(room + 7):
        (tmp_path / recording_of(number)).write_bytes(b"RIFF")
        evidence.keep(Settled(a_call(number, gap=0.5 + number / 1000), Tally()))

    left = {file.name for file in tmp_path.glob("call-*.wav")}

    assert left == {recording_of(number) for number in range(7, room + 7)}


def test_a_new_run_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    """But of nothing that is not its own."""
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    evidence_in(tmp_path).keep(Settled(a_call(1), Tally()))
    evidence_in(tmp_path).keep(Settled(a_call(2), Tally()))

    trace = read_trace(tmp_path)
    assert [whole.record.call for whole in trace.calls] == [2]
    assert trace.run is not None
    assert trace.run.version == VERSION  # which is written, and not only meant
    assert b'"version":' in (tmp_path / FILE).read_bytes()
    assert (tmp_path / "notes.txt").exists()


def test_a_folder_that_cannot_be_is_said_before_the_first_call(tmp_path: Path) -> None:
    """A file stands where it should be."""
    (tmp_path / "run").write_text("", encoding="utf-8")
    with pytest.raises(VoiceError, match="--evidence"):
        evidence_in(tmp_path / "run")
