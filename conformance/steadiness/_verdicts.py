"""What several runs said of each case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from conformance._report import Status
from conformance.matrix.reports import Report

__all__ = ["Verdicts", "told", "verdicts_of"]

# Says nothing of the agent, and says so.
_VOID = Status.INVALID


class Verdicts(NamedTuple):
    """What was said of one case, and how often."""

    number: str
    counts: Counter[str]

    @property
    def flaps(self) -> bool:
        """Whether two runs said different things of the agent."""
        return len(self.counts.keys() - {_VOID}) > 1

    @property
    def is_void(self) -> bool:
        """Whether no run said anything of the agent."""
        return set(self.counts) == {_VOID}

    @property
    def is_alone(self) -> bool:
        """Whether it was put in one run only, so that nothing could differ."""
        return self.counts.total() == 1

    def __str__(self) -> str:
        """Return one line."""
        counts = self.counts.most_common()
        parts = ", ".join(f"{status} {count} times" for status, count in counts)
        return f"{self.number:<8} {parts}"


def verdicts_of(reports: Iterable[Report]) -> list[Verdicts]:
    """Return the verdicts on each case, in order of first appearance."""
    found: dict[str, Counter[str]] = {}
    for report in reports:
        for case in report.cases:
            found.setdefault(case.number, Counter())[case.status] += 1
    return [Verdicts(number, counts) for number, counts in found.items()]


def told(verdicts: Sequence[Verdicts]) -> list[str]:
    """Return the lines that tell what several runs came to."""
    flapping = [one for one in verdicts if one.flaps]
    void = [one for one in verdicts if one.is_void]
    partly = sum(_VOID in one.counts for one in verdicts) - len(void)
    lines = [f"flaps    {one}" for one in flapping]
    lines += [f"void     {one}" for one in void]
    void_in_all = f"{len(void)} were INVALID in all runs, {partly} in some"
    alone = sum(one.is_alone for one in verdicts)
    said = f"{len(flapping)} flap, {void_in_all}, {alone} were put only once"
    return [*lines, f"{len(verdicts)} cases: {said}"]
