"""What the suite said of each sample: a file that is kept, a page that shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from conformance._case import Case
from conformance.matrix.page import SIGNS
from conformance.matrix.reports import Report

__all__ = [
    "KEPT",
    "README",
    "SAMPLES",
    "Kept",
    "Verdict",
    "differences",
    "kept_of",
    "page",
    "read_kept",
    "write_kept",
]

KEPT = Path(__file__).with_name("verdicts.json")
README = Path(__file__).with_name("README.md")
BEGIN = "<!-- verdicts: begin (python -m conformance.samples) -->"
END = "<!-- verdicts: end -->"
# Shown in this order; the words after the module's name are part of its command.
SAMPLES = {
    "starlette_and_sdk": ("{port}",),
    "websockets_alone": ("{port}",),
    "voice_agent": (),
    "socket_voice": (),
    "flux_ear": (),
}
# What a run on another day may find, too: nothing of the agent is told by these.
_OF_THE_MACHINE = ("INVALID", "ERROR")


class Verdict(msgspec.Struct):
    """How one case ended, and what was got instead of what it expects."""

    status: str
    got: str = ""


class Kept(msgspec.Struct):
    """One sample's verdicts by number of case, and how long the suite took."""

    seconds: int
    verdicts: dict[str, Verdict]


def kept_of(report: Report, seconds: float) -> Kept:
    """Return what is kept of a report."""
    cases = sorted(report.cases, key=lambda case: case.order)
    verdicts = {case.number: Verdict(case.status, case.got) for case in cases}
    return Kept(round(seconds), verdicts)


def read_kept() -> dict[str, Kept]:
    """Return what is kept of every sample."""
    return msgspec.json.decode(KEPT.read_bytes(), type=dict[str, Kept])


def write_kept(kept: Mapping[str, Kept]) -> None:
    """Keep it."""
    content = msgspec.json.format(msgspec.json.encode(kept), indent=1)
    KEPT.write_bytes(content + b"\n")


def differences(kept: Kept, now: Iterable[tuple[str, str]]) -> list[str]:
    """Return the cases that end otherwise than what is kept says.

    Args:
        kept: of a sample.
        now: numbers and statuses of a new run.
    """
    found: list[str] = []
    for number, status in now:
        before = kept.verdicts.get(number)
        if before is None or status in _OF_THE_MACHINE:
            continue
        if before.status not in (status, *_OF_THE_MACHINE):
            found.append(f"{number}: {before.status} is now {status}")
    return found


def page(current: str, kept: Mapping[str, Kept], cases: Sequence[Case]) -> str:
    """Return the README with its verdicts renewed; the prose around them stays."""
    before, _, rest = current.partition(BEGIN)
    _, _, after = rest.partition(END)
    tables = "\n".join(_lines(kept, cases))
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


def _lines(kept: Mapping[str, Kept], cases: Sequence[Case]) -> list[str]:
    names = [name for name in SAMPLES if name in kept]
    if not names:
        return ["Nothing is kept yet."]
    lines = [
        "| sample | "
        + " | ".join(f"{SIGNS[s]} {s}" for s in _STATUSES)
        + " | seconds |",
        "|---|" + "---:|" * (len(_STATUSES) + 1),
    ]
    for name in names:
        count = Counter(one.status for one in kept[name].verdicts.values())
        figures = " | ".join(str(count[status]) for status in _STATUSES)
        lines.append(f"| `{name}` | {figures} | {kept[name].seconds} |")
    lines += ["", f"| case | | {' | '.join(f'`{name}`' for name in names)} |"]
    lines.append("|---|---|" + ":-:|" * len(names))
    for case in cases:
        found = [kept[name].verdicts.get(case.number) for name in names]
        if all(one is None or one.status in ("PASS", "INFO") for one in found):
            continue
        signs = " | ".join(SIGNS.get(one.status, "?") if one else "" for one in found)
        lines.append(f"| {case.number} {case.level} | {case.title} | {signs} |")
    for name in names[:2]:
        lines += ["", f"What callers of `{name}` suffer:", ""]
        lines += _failed(kept[name], cases)
    return lines


_STATUSES = ("PASS", "FAIL", "NON-STRICT", "UNSUPPORTED", "INFO", "INVALID", "ERROR")


def _failed(kept: Kept, cases: Sequence[Case]) -> list[str]:
    lines: list[str] = []
    for case in cases:
        verdict = kept.verdicts.get(case.number)
        if verdict is not None and verdict.status in ("FAIL", "NON-STRICT"):
            got = " ".join(verdict.got.replace("|", "/").split())[:120]
            lines.append(f"* {case.number} {case.title} Got: {got}")
    return lines
