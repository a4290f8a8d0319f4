"""Looks for the largest number of calls that the agent holds.

Steps upward until one is missed, then halves the gap. A step whose generator was late
says nothing about the agent: it is repeated, and if it stays so the search ends there
without blaming anybody.
"""

from __future__ import annotations

from dataclasses import dataclass

from loadtests._tally import Tally
from loadtests._verdict import INVALID, MET, MISSED, Judged

__all__ = ["CapacityStep", "Search", "judge_search", "step_of"]

GROWTH = 2.0
RESOLUTION = 0.1
MOST_STEPS = 24
REPEATS = 2
MOST_UNDERRUNS = 0.01
"""Share of the agent's utterances that may run dry: each is a gap that callers hear."""


@dataclass(frozen=True, slots=True)
class CapacityStep:
    """What was measured with so many phones.

    Attributes:
        word: OK, MISSED or INVALID.
        reasons: why it is not OK.
        turns: how many turn gaps the percentiles stand on.
        gap_p50: seconds, as `gap_p95`; None when none was measured.
        underruns: share of the agent's utterances that ran dry, from 0 to 1.
        lateness_p99: of the generator's frames, in seconds.
        generator: processors that it kept busy; the others likewise, 0 if unknown.
    """

    phones: int
    word: str
    reasons: tuple[str, ...] = ()
    completed: int = 0
    failed: int = 0
    turns: int = 0
    gap_p50: float | None = None
    gap_p95: float | None = None
    underruns: float = 0.0
    lateness_p99: float | None = None
    generator: float = 0.0
    fakes: float = 0.0
    agent: float = 0.0


class Search:
    """Decides the next step from those before; knows no clock and no socket.

    Args:
        start: phones of the first step.
        most: no step has more.

    Attributes:
        steps: all steps taken, in their order.
        held: the most phones held so far; 0 when none was.
        missed: the fewest phones that the agent did not hold; None while it held all.
    """

    def __init__(self, start: int, most: int) -> None:
        self.steps: list[CapacityStep] = []
        self.held = 0
        self.missed: int | None = None
        self._most = most
        self._next: int | None = min(start, most)
        self._invalid = 0
        self._blind: int | None = None  # the fewest phones that could not be measured
        self._blind_why = ""
        self._again = False  # whether the miss that bounds the answer was confirmed

    @property
    def next_phones(self) -> int | None:
        """How many phones to try now; None when the search is over."""
        return self._next if len(self.steps) < MOST_STEPS else None

    def took(self, step: CapacityStep) -> None:
        """Learn from a step."""
        self.steps.append(step)
        if step.word == "INVALID":
            self._invalid += 1
            if self._invalid <= REPEATS:
                return  # the same again
            self._blind = step.phones
            self._blind_why = next(iter(step.reasons), "the step was invalid")
        elif step.word == "OK":
            self.held = max(self.held, step.phones)
            if self.missed is not None and self.missed <= self.held:
                self.missed = None  # the miss was an accident
                self._again = False
        else:
            self._again = self.missed == step.phones
            self.missed = step.phones
        self._invalid = 0
        self._next = self._choose()

    def _choose(self) -> int | None:
        ceiling = min(
            (phones for phones in (self.missed, self._blind) if phones is not None),
            default=None,
        )
        if ceiling is None:
            if self.held >= self._most:
                return None
            return min(max(round(self.held * GROWTH), self.held + 1), self._most)
        if ceiling - self.held > max(1.0, RESOLUTION * self.held):
            return (self.held + ceiling) // 2
        if ceiling == self.missed and not self._again:
            return self.missed  # one bad moment must not decide
        return None

    @property
    def knee(self) -> int | None:
        """The capacity; None while the agent's own limit was not met."""
        return None if self.missed is None or self.is_blind else self.held

    @property
    def is_blind(self) -> bool:
        """Whether the generator, not the agent, set the end of the search."""
        return self._blind is not None and (
            self.missed is None or self._blind < self.missed
        )

    @property
    def finding(self) -> str:
        """The answer in words."""
        if self.knee is not None:
            if not self.held:
                return f"the agent does not hold even {self.missed} calls"
            return f"the agent holds {self.held} calls, and not {self.missed}"
        if self.is_blind:
            least = f"at least {self.held} calls" if self.held else "an unknown number"
            return (
                f"the agent holds {least}; with {self._blind} nothing can be said of "
                f"it: {self._blind_why}"
            )
        if self.held >= self._most:
            return f"the agent holds all {self.held} calls asked for (--max-calls)"
        return f"the search ended early: the agent holds at least {self.held} calls"


def step_of(phones: int, tally: Tally, judged: Judged, seconds: float) -> CapacityStep:
    """What a run of ``seconds`` with so many phones says of the agent."""
    counts, gaps = tally.counts, tally.histograms["turn_gap"]
    dry = counts["underruns"] / counts["utterances"] if counts["utterances"] else 0.0
    word, reasons = judged.word, list(judged.reasons)
    if dry > MOST_UNDERRUNS:
        text = f"the agent's audio ran dry {counts['underruns']} times"
        reasons.append(f"{text} in {counts['utterances']} utterances")
        word = "MISSED" if word == "OK" else word
    if word == "MISSED" and not gaps.count and not counts["failed"]:
        # No turn had come to its end: that says nothing, least of all of the agent.
        reasons.insert(0, "no turn gap was measured: --step-time is too short")
        word = "INVALID"
    busy = {
        side: counts[f"{side}_cpu_ms"] / 1000 / seconds if seconds else 0.0
        for side in ("generator", "fakes", "agent")
    }
    return CapacityStep(
        phones,
        word,
        tuple(reasons),
        completed=counts["completed"],
        failed=counts["failed"],
        turns=gaps.count,
        gap_p50=gaps.percentile(50.0),
        gap_p95=gaps.percentile(95.0),
        underruns=dry,
        lateness_p99=tally.histograms["lateness"].percentile(99.0),
        **busy,
    )


def judge_search(search: Search, need: int, stopped: str = "") -> Judged:
    """The verdict on a search that is over.

    Args:
        search: all that was found.
        need: a capacity below that is missed; 0 for any.
        stopped: why it ended before its answer, if it did.
    """
    finding = search.finding
    if stopped:
        return Judged(MISSED, "MISSED", (stopped, finding), ())
    if search.held >= max(need, 1):
        # Enough is enough, whatever could not be measured beyond it.
        if need or not search.is_blind:
            return Judged(MET, "OK", (finding,), ())
        return Judged(INVALID, "INVALID", (finding,), ())
    if search.is_blind:
        return Judged(INVALID, "INVALID", (finding,), ())
    asked = f", {need} are needed" if need else ""
    return Judged(MISSED, "MISSED", (finding + asked,), ())
