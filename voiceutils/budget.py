"""Latency budgets, and the histogram whose percentiles they judge."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, frexp, inf, ldexp
from operator import index
from typing import Final, TypeAlias

from voiceutils.errors import SettingError, WireError

__all__ = ["DEFAULT_BUDGETS", "Budget", "LatencyHistogram", "Verdict"]

# Every octave is cut into 128 equal buckets, so a bucket is at most 1/128 of its own
# lower end wide and its middle is within 0.4 % of anything in it.
_PER_OCTAVE: Final = 128
_frexp: Final = frexp  # compiled code finds it without looking it up
_STEPS: Final = 2 * _PER_OCTAVE  # mantissas begin at a half
_ZERO: Final = -(1 << 20)  # below the bucket of the smallest float
_EXTREMES: Final = ("min_bits", "max_bits")
_Page: TypeAlias = "bytearray | array[int]"  # of bytes, or of 64 bits each
_LARGE: Final = 8 * _PER_OCTAVE  # bytes of such a page
_PAGES_AT_ONCE: Final = 256  # 256 * 255 fits into two bytes
_PAIRS: Final = f"<{_PER_OCTAVE // 2}H"
_EVEN_BYTES: Final = int.from_bytes(
    b"\xff\0" * (_PER_OCTAVE // 2 * _PAGES_AT_ONCE), "little"
)


class LatencyHistogram:
    """Counts latencies in buckets that grow with the value; any number, small memory.

    Percentiles are true to 0.4 % at every scale and those of several histograms come
    from their merged counts, which no average of percentiles can give.
    """

    __slots__ = ("_max", "_min", "_pages")

    def __init__(self) -> None:
        # The counts of each octave that has any, as small as they fit. Each of a
        # thousand calls has such a histogram; as a dictionary of buckets it took 12 to
        # 100 KB, and so it takes 2 to 10.
        self._pages: dict[int, _Page] = {}
        self._min = inf
        self._max = -inf

    def record(self, seconds: float) -> None:
        """Count one latency.

        Raises:
            ValueError: it is negative, infinite or not a number; such a figure comes
                from a wrong subtraction and must not be hidden among the others.
        """
        if not self._min < seconds <= self._max:
            self._count(self._widen(seconds), 1)
            return
        mantissa, octave = _frexp(seconds)
        try:
            self._pages[octave][int(mantissa * _STEPS) - _PER_OCTAVE] += 1
        except (KeyError, ValueError):
            self._count(_bucket(seconds), 1)

    def record_all(self, latencies: Iterable[float]) -> None:
        """Count several latencies, as :meth:`record` does, at a third of its cost.

        Raises:
            ValueError: as :meth:`record` does; those before it are counted.
        """
        pages = self._pages
        for seconds in latencies:
            if not self._min < seconds <= self._max:
                self._count(self._widen(seconds), 1)
                continue
            # What lies between others needs no check, and is not zero. This is the
            # path of every frame of every call; a function for it costs a quarter.
            mantissa, octave = _frexp(seconds)
            try:
                pages[octave][int(mantissa * _STEPS) - _PER_OCTAVE] += 1
            except (KeyError, ValueError):
                self._count(_bucket(seconds), 1)

    def _count(self, bucket: int, times: int) -> None:
        octave, step = divmod(bucket - _PER_OCTAVE, _PER_OCTAVE)
        page = self._pages.get(octave)
        if page is None:
            page = self._pages[octave] = bytearray(_PER_OCTAVE)
        try:
            page[step] += times
        except ValueError:  # a byte is too small for it
            page = self._pages[octave] = array("Q", list(page))
            page[step] += times

    @property
    def _buckets(self) -> dict[int, int]:
        """The counts that are not zero, in the order of the latencies."""
        return {
            (octave + 1) * _PER_OCTAVE + step: count
            for octave, page in sorted(self._pages.items())
            for step, count in enumerate(page)
            if count
        }

    def _widen(self, seconds: float) -> int:
        """Check a latency at the edge of the others; return its bucket."""
        if not 0.0 <= seconds < inf:
            raise ValueError(f"a latency is 0 or more seconds, not {seconds!r}")
        bucket = _bucket(seconds)
        self._min = min(self._min, seconds)
        self._max = max(self._max, seconds)
        return bucket

    @property
    def count(self) -> int:
        """How many latencies were recorded."""
        return sum(map(sum, self._pages.values()))

    @property
    def min(self) -> float | None:
        """The smallest in seconds, exact; None when empty."""
        return self._min if self._pages else None

    @property
    def max(self) -> float | None:
        """The largest in seconds, exact; None when empty."""
        return self._max if self._pages else None

    def percentile(self, percent: float) -> float | None:
        """Return the latency in seconds that this share did not exceed.

        The rank is the nearest above (``ceil(percent * count / 100)``), so the answer
        is near a latency that occurred, never between two. None when empty.
        """
        if not 0 <= percent <= 100:
            raise ValueError(f"a percentile lies in 0..100, not {percent!r}")
        count = self.count
        if not count:
            return None
        # Exact, or 99.9 % of 1000 would be the 1000th for a rounding error.
        rank = max(1, ceil(Fraction(repr(percent)) * count / 100))
        if rank == count:
            return self._max
        seen = 0
        for bucket, times in self._buckets.items():
            seen += times
            if seen >= rank:
                return min(max(_middle(bucket), self._min), self._max)
        raise AssertionError("a rank beyond the count")

    @property
    def total(self) -> float:
        """The sum of all latencies in seconds, true to 0.4 %."""
        buckets = self._buckets.items()
        return sum(_middle(bucket) * count for bucket, count in buckets)

    def count_within(self, seconds: float) -> int:
        """Return how many did not exceed a limit; those within 0.4 % of it may."""
        if seconds >= self._max:
            return self.count
        buckets = self._buckets.items()
        return sum(count for bucket, count in buckets if _middle(bucket) <= seconds)

    def merge(self, other: LatencyHistogram) -> None:
        """Add everything that the other one recorded."""
        self.merge_all((other,))

    def merge_all(self, others: Iterable[LatencyHistogram]) -> None:
        """Add everything that the others recorded, many at once."""
        # Those of all calls are added up between their frames, which wait: number by
        # number for 10 ms of 800 calls, so for 3.6 (bench_latency.py, added up).
        pages = {octave: [page] for octave, page in self._pages.items()}
        for other in others:
            for octave, page in other._pages.items():
                pages.setdefault(octave, []).append(page)
            self._min = min(self._min, other._min)
            self._max = max(self._max, other._max)
        self._pages = {octave: _sum(alike) for octave, alike in pages.items()}

    def to_counts(self) -> dict[str, int]:
        """Return the counts as plain JSON; :meth:`from_counts` restores them exactly.

        ``min_bits`` and ``max_bits`` are the extremes as IEEE 754 bit patterns.
        """
        if not self._pages:
            return {}
        counts = {str(bucket): times for bucket, times in self._buckets.items()}
        extremes = (self._min, self._max)
        return counts | dict(zip(_EXTREMES, map(_bits, extremes), strict=True))

    @classmethod
    def from_counts(cls, counts: Mapping[str, int]) -> LatencyHistogram:
        """Return the histogram that gave these counts.

        Raises:
            WireError: they did not come from :meth:`to_counts`.
        """
        histogram = cls()
        if not counts:
            return histogram
        try:
            histogram._min, histogram._max = (_float(counts[key]) for key in _EXTREMES)
            buckets = {
                int(key): index(times)
                for key, times in counts.items()
                if key not in _EXTREMES
            }
        except (KeyError, ValueError, TypeError, struct.error) as error:
            raise WireError(f"not the counts of a histogram ({error!r})") from error
        if not histogram._may_hold(buckets):
            raise WireError(
                "not the counts of a histogram (they contradict each other)"
            )
        for bucket, times in buckets.items():
            histogram._count(bucket, times)
        return histogram

    def _may_hold(self, buckets: dict[int, int]) -> bool:
        """Tell whether these counts agree with the extremes."""
        if not (buckets and 0.0 <= self._min <= self._max < inf):
            return False
        return (
            min(buckets.values()) > 0
            and min(buckets) == _bucket(self._min)
            and max(buckets) == _bucket(self._max)
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LatencyHistogram):
            return NotImplemented
        return self.to_counts() == other.to_counts()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"<LatencyHistogram of {self.count}, {self.min}..{self.max} s>"


def _sum(pages: Sequence[_Page]) -> _Page:
    """Add up pages, many at once as one long number."""
    small = [page for page in pages if isinstance(page, bytearray)]
    large = [page for page in pages if not isinstance(page, bytearray)]
    every = int.from_bytes(b"".join(large), sys.byteorder)
    folded = _folded(every, len(large), _LARGE)
    total = array("Q", folded.to_bytes(_LARGE, sys.byteorder))
    for begin in range(0, len(small), _PAGES_AT_ONCE):
        some = small[begin : begin + _PAGES_AT_ONCE]
        every = int.from_bytes(b"".join(some), "little")
        # Bytes one by one would overflow; in places of two, so many of them never do.
        for first in (0, 1):
            folded = _folded(every >> 8 * first & _EVEN_BYTES, len(some), _PER_OCTAVE)
            counts = struct.unpack(_PAIRS, folded.to_bytes(_PER_OCTAVE, "little"))
            for step, count in enumerate(counts):
                total[2 * step + first] += count
    return total


def _folded(number: int, pages: int, size: int) -> int:
    """Add up pages of that many bytes, which lie in one number, by its halves."""
    while pages > 1:
        pages = (pages + 1) // 2
        bits = 8 * size * pages
        number = (number & (1 << bits) - 1) + (number >> bits)
    return number


def _bucket(seconds: float) -> int:
    if not seconds:
        return _ZERO
    mantissa, exponent = _frexp(seconds)
    return exponent * _PER_OCTAVE + int(mantissa * _STEPS)


def _middle(bucket: int) -> float:
    if bucket == _ZERO:
        return 0.0
    octave, step = divmod(bucket - _PER_OCTAVE, _PER_OCTAVE)
    return ldexp((_PER_OCTAVE + step + 0.5) / _STEPS, octave)


def _bits(value: float) -> int:
    bits: int = struct.unpack("<q", struct.pack("<d", value))[0]
    return bits


def _float(bits: int) -> float:
    value: float = struct.unpack("<d", struct.pack("<q", bits))[0]
    return value


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a budget says about measurements.

    Attributes:
        budget: which one.
        value: the measured percentile in seconds; None when nothing was measured.
        met: whether the budget holds. What was not measured does not hold.
        missed_by: seconds above the limit; None when met or not measured.
    """

    budget: Budget
    value: float | None
    met: bool
    missed_by: float | None

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.budget}: missed, nothing was measured"
        if self.missed_by is None:
            return f"{self.budget}: met with {self.value:.3f} s"
        return (
            f"{self.budget}: missed by {self.missed_by:.3f} s with {self.value:.3f} s"
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit on one percentile of one latency.

    Args:
        name: which latency, such as ``turn_gap``.
        percentile: above 0, up to 100.
        limit_seconds: what that percentile may be at most.

    Raises:
        SettingError: a percentile or limit that cannot be.
    """

    name: str
    percentile: float
    limit_seconds: float

    def __post_init__(self) -> None:
        if not 0 < self.percentile <= 100:
            raise SettingError(
                f"budget {self.name}: percentile {self.percentile!r} is not in 0..100"
            )
        if not 0 < self.limit_seconds < inf:
            raise SettingError(
                f"budget {self.name}: limit {self.limit_seconds!r} s is not above 0"
            )

    def judge(self, measured: LatencyHistogram) -> Verdict:
        """Return whether the measurements keep the budget."""
        value = measured.percentile(self.percentile)
        if value is None:
            return Verdict(self, None, met=False, missed_by=None)
        if value <= self.limit_seconds:
            return Verdict(self, value, met=True, missed_by=None)
        return Verdict(self, value, met=False, missed_by=value - self.limit_seconds)

    def __str__(self) -> str:
        return f"{self.name} p{self.percentile:g} <= {self.limit_seconds:.3f} s"


DEFAULT_BUDGETS: Final = (
    # Caller stops -> reply heard at the platform: Twilio's target and upper limit,
    # https://www.twilio.com/en-us/blog/developers/best-practices/guide-core-latency-ai-voice-agents
    Budget("turn_gap", 50, 0.885),
    Budget("turn_gap", 95, 1.100),
    # Answered -> greeting heard. Webhook, media socket and first speech, but neither
    # recogniser nor model. After 1.5 s of silence callers say hello or hang up.
    Budget("greeting", 95, 1.500),
    # Caller speaks up -> old reply stops. The recogniser must hear the voice, and the
    # same guide allows recognition 0.5 s; a clear adds next to nothing.
    Budget("barge_in", 95, 0.500),
)
