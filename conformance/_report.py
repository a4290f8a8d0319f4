"""What a run says at its end: statuses, exit code, JSON; no pytest in here.

The JSON has the form of ``conformance/report.schema.json``.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from conformance._case import Case, CaseFailed
from conformance._figures import Figure
from conformance._limits import Limits

__all__ = [
    "EXITS",
    "Outcome",
    "Status",
    "exit_code",
    "report",
    "run_results",
    "summary",
]


class Status(enum.StrEnum):
    """How a case ended for the agent under test."""

    PASS = "PASS"
    FAIL = "FAIL"
    NON_STRICT = "NON-STRICT"  # a SHOULD missed by another's agent
    INFO = "INFO"  # a figure
    UNSUPPORTED = "UNSUPPORTED"  # could not be put to this agent
    KNOWN_FAILING = "KNOWN-FAILING"  # listed as such, with a reason
    UNEXPECTED_PASS = "UNEXPECTED-PASS"  # listed as failing, and passed
    INVALID = "INVALID"  # the tester itself was late
    ERROR = "ERROR"  # the tester itself broke


# Those below 6 are pytest's own.
EXITS = {
    0: "every case that could be put to the agent passed",
    1: "a case failed",
    2: "interrupted",
    3: "internal error",
    4: "usage",
    5: "no case was selected",
    6: "the agent or the fakes could not be started",
    7: "no case failed, but the tester was late: run again on a quiet machine",
    8: "no case could be put to the agent",
}
COULD_NOT_START, INVALID, NOTHING_JUDGED = 6, 7, 8


class Outcome(NamedTuple):
    """One line of the report."""

    number: str
    level: str
    title: str
    because: str
    source: str
    status: Status
    seconds: float
    lateness: float
    expected: str = ""
    got: str = ""
    known: str = ""
    trace: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()

    @classmethod
    def of(
        cls,
        case: Case,
        status: Status,
        failure: Exception | None,
        seconds: float,
        lateness: float,
        figures: Sequence[Figure] = (),
        known: str = "",
        trace: Sequence[str] = (),
    ) -> Outcome:
        """Return the outcome of a case; a failure tells what was expected and got."""
        expected = failure.expected if isinstance(failure, CaseFailed) else ""
        got = "" if failure is None else str(failure) or type(failure).__name__
        if isinstance(failure, CaseFailed):
            got = failure.got
        return cls(
            case.number,
            str(case.level),
            case.title,
            case.because,
            case.source,
            status,
            round(seconds, 3),
            round(lateness, 4),
            expected,
            got,
            known,
            tuple(trace),
            tuple(figures),
        )


def exit_code(
    ended: int,
    outcomes: Iterable[Outcome],
    *,
    failures: int = 0,
    started: bool = True,
) -> int:
    """Return the exit code of a run; never one that is better than pytest's.

    Args:
        ended: as pytest ended, 0 to 5.
        outcomes: of the cases.
        failures: how many tests failed, cases or not.
        started: whether agent and fakes could be started.
    """
    if not started and ended in (0, 1):
        return COULD_NOT_START
    count = Counter(outcome.status for outcome in outcomes)
    if ended == 1 and failures and failures == count[Status.INVALID]:
        return INVALID
    judged = sum(count.values()) - count[Status.UNSUPPORTED]
    if ended == 0 and count and not judged:
        return NOTHING_JUDGED
    return ended


_BAD = (
    Status.FAIL,
    Status.UNEXPECTED_PASS,
    Status.ERROR,
    Status.INVALID,
    Status.NON_STRICT,
    Status.KNOWN_FAILING,
)


def summary(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the lines for the terminal: the worst first, reasons before details."""
    lines: list[str] = []
    for status in _BAD:
        for outcome in outcomes:
            if outcome.status is not status:
                continue
            lines.append(f"{status:<15} {outcome.number:>5}  {outcome.title}")
            lines.append(f"{'':22} {outcome.because}")
            if outcome.known:
                lines.append(f"{'':22} listed as known to fail: {outcome.known}")
            if outcome.expected:
                lines.append(f"{'':22} expected {outcome.expected}; got {outcome.got}")
            elif outcome.got:
                lines.append(f"{'':22} {outcome.got.splitlines()[0]}")
    lines += [
        f"{outcome.status:<15} {outcome.number:>5}  {outcome.got}"
        for outcome in outcomes
        if outcome.status is Status.UNSUPPORTED
    ]
    for outcome in outcomes:
        lines += [
            f"{'figure':<15} {outcome.number:>5}  {one}" for one in outcome.figures
        ]
    count = Counter(outcome.status for outcome in outcomes)
    told = ", ".join(f"{count[status]} {status}" for status in Status if count[status])
    return [*lines, f"cases: {told}"]


def report(
    outcomes: Sequence[Outcome],
    *,
    code: int,
    agent: str,
    seed: int,
    profile: str = "core",
    limits: Limits | None = None,
) -> dict[str, Any]:
    """Return the report as it is written to ``--report FILE``.

    Args:
        outcomes: of the cases, in order.
        code: the exit code.
        agent: whom the cases were put to.
        seed: of the calls' numbers.
        profile: name of the profile that set the levels.
        limits: what the agent was held to; None is the usual ones.
    """
    count = Counter(outcome.status for outcome in outcomes)
    return {
        "version": 1,
        "agent": agent,
        "seed": seed,
        "profile": profile,
        "limits": msgspec.to_builtins(limits or Limits()),
        "exit": {"code": code, "meaning": EXITS.get(code, "")},
        "counts": {str(status): count[status] for status in Status},
        "cases": [
            outcome._asdict()
            | {"figures": [figure._asdict() for figure in outcome.figures]}
            for outcome in outcomes
        ],
    }


def run_results(outcomes: Sequence[Outcome], code: int) -> dict[str, Any]:
    """Return what the evidence of a run says at its end.

    Args:
        outcomes: of the cases.
        code: the exit code.
    """
    bad = [one for one in outcomes if one.status in (Status.FAIL, Status.ERROR)]
    verdict = "OK" if code == 0 else "INVALID" if code == INVALID else "MISSED"
    return {
        "verdict": verdict,
        "exit_code": code,
        "reasons": [f"case {one.number} {one.status}: {one.title}" for one in bad],
        "cases": [
            {
                "number": one.number,
                "status": str(one.status),
                "level": one.level,
                "title": one.title,
                "got": one.got.partition("\n")[0],
            }
            for one in outcomes
        ],
    }
