"""How a run goes, moment by moment: from what the lines and the tallies say.

Pure; who asks the lines, and who is told, is in `_live`.
"""

from __future__ import annotations

from collections import deque

from fakes.engine.commands import LinesNow
from fakes.evidence.trace import Moment
from loadtests._tally import Tally
from voiceutils.budget import LatencyHistogram

__all__ = ["WINDOW", "Moments", "in_words", "joined"]

WINDOW = 10.0  # seconds of which a moment's percentiles are
MOST_KEPT = 600
_ENOUGH = 20  # turns for a p95, as in the table


def joined(lines: list[LinesNow]) -> LinesNow:
    """What several engines say, as of one."""
    doing: dict[str, int] = {}
    for one in lines:
        for what, count in one.doing.items():
            doing[what] = doing.get(what, 0) + count
    longest = max((one.longest_wait for one in lines), default=0.0)
    return LinesNow(doing, longest, [gap for one in lines for gap in one.gaps])


class Moments:
    """The moments of one run, a bounded number of them.

    Attributes:
        kept: evenly spread over the run so far, the last one always among them.
    """

    def __init__(self) -> None:
        self.kept: list[Moment] = []
        self._stride = 1
        self._taken = 0
        self._recent: deque[tuple[float, list[float], LatencyHistogram]] = deque()

    def take(
        self, now: float, lines: LinesNow, lateness: LatencyHistogram, whole: Tally
    ) -> Moment:
        """Add a moment.

        Args:
            now: monotonic seconds.
            lines: what the engines say; its gaps since the moment before.
            lateness: of the calls that ended since then.
            whole: all that was counted so far.
        """
        gaps = [gap for gap in lines.gaps if gap >= 0]
        self._recent.append((now, gaps, lateness))
        while self._recent[0][0] <= now - WINDOW:
            self._recent.popleft()
        recent_gaps, late = LatencyHistogram(), LatencyHistogram()
        for _, some, frames in self._recent:
            late.merge(frames)
            for gap in some:
                recent_gaps.record(gap)
        moment = Moment(
            at=now,
            doing=lines.doing,
            longest_wait=lines.longest_wait,
            placed=whole.counts["placed"],
            completed=whole.counts["completed"],
            failed=whole.counts["failed"],
            turns=recent_gaps.count,
            gap_p50=recent_gaps.percentile(50.0),
            gap_p95=recent_gaps.percentile(95.0),
            late_p50=late.percentile(50.0),
            late_p99=late.percentile(99.0),
            late_max=late.max,
        )
        self._keep(moment)
        return moment

    def _keep(self, moment: Moment) -> None:
        if self._taken % self._stride and self.kept:
            self.kept[-1] = moment
        else:
            self.kept.append(moment)
        self._taken += 1
        if len(self.kept) > MOST_KEPT:
            del self.kept[1::2]
            self._stride *= 2


def in_words(moment: Moment, seconds: float) -> str:
    """A moment as one line of ASCII.

    Args:
        moment: which.
        seconds: of the run so far.
    """
    what = [f"{count} {name}" for name, count in sorted(moment.doing.items())]
    if moment.longest_wait >= 1.0:
        what.append(f"longest wait {moment.longest_wait:.1f} s")
    calls = f"{moment.up} calls up" + (f" ({', '.join(what)})" if what else "")
    text = f"{seconds:4.0f} s: {calls}, {moment.completed} completed"
    text += f", {moment.failed} failed"
    if moment.gap_p50 is None:
        return text + "; no turn answered lately"
    text += f"; last {WINDOW:g} s: {moment.turns} turns, "
    text += f"gap p50 {moment.gap_p50 * 1000:.0f}"
    if moment.turns >= _ENOUGH and moment.gap_p95 is not None:
        text += f" p95 {moment.gap_p95 * 1000:.0f}"
    text += " ms"
    if moment.late_p99 is not None:
        text += f", frames late p99 {moment.late_p99 * 1000:.1f} ms"
    return text
