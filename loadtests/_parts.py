"""The parts of the turn gap in a tally, and as lines of the table."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest

from fakes.evidence.waterfall import PARTS, TurnParts
from loadtests._cells import number
from loadtests._tally import OWN_SHARE, PART_NAMES, Tally

__all__ = ["count_parts", "part_texts"]

MICROSECONDS = 1_000_000


def count_parts(tally: Tally, turns: Iterable[TurnParts]) -> None:
    """Count the turns of a call; those of which a moment was not seen only as such."""
    for turn in turns:
        if not turn.whole:
            tally.counts["turns_not_parted"] += 1
            continue
        tally.counts["turns_parted"] += 1
        tally.histograms[OWN_SHARE].record(turn.own)
        for name, part in zip_longest(PART_NAMES, turn.parts):
            tally.histograms[name].record(part.seconds)
            # Sums merge, and only means of the parts add up to the mean of the whole.
            tally.counts[f"{name}, us"] += round(part.seconds * MICROSECONDS)


def part_texts(tally: Tally) -> list[str]:
    """What the table says of the parts; nothing when none was seen."""
    turns = tally.counts["turns_parted"]
    if not turns:
        return []
    means = {name: tally.counts[f"part: {name}, us"] / turns / 1000 for name in PARTS}
    told = ", ".join(f"{name} {mean:.0f}" for name, mean in means.items())
    own = sum(mean for name, mean in means.items() if PARTS[name] == "agent")
    share = tally.histograms[OWN_SHARE]
    text = f"the agent's own share: {own:.0f} ms in the mean"
    p95 = share.percentile(95.0)
    if p95 is not None and share.count >= 20:
        text += f", p95 {p95 * 1000:.0f} ms"
    if missed := tally.counts["turns_not_parted"]:
        text += f"; {number(missed)} turns could not be taken apart"
    whole = sum(means.values())
    return [f"mean {whole:.0f} ms of {number(turns)} turns: {told}", text]
