"""The figures of a run as Prometheus metrics, during it and afterwards.

Prometheus and not OpenTelemetry: a run is one process that others may ask, or a file
that an exporter picks up, and neither needs a collector; Locust's own figures go to
OpenTelemetry with its ``--otel``. `prometheus_client` is an extra, ``metrics``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fakes.engine.commands import LinesNow
from loadtests._tally import OWN_SHARE, PART_NAMES, Tally
from loadtests._verdict import Judged
from voiceutils.budget import LatencyHistogram
from voiceutils.errors import SettingError

__all__ = ["CONTENT_TYPE", "check_prometheus", "prometheus_text"]

CONTENT_TYPE = "text/plain; version=0.0.4"

BOUNDS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.885, 1.1, 1.5, 2.0, 3.0, 5.0, 10.0)
FRAME_BOUNDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 1.0)
"""Seconds; the first hold Twilio's published target and limit of the turn gap, the
others the limit of a generator that is late."""

LATENCIES = {
    "answer": ("answer", "From dialling to the open media socket.", BOUNDS),
    "greeting": ("greeting", "From there to the first sound heard.", BOUNDS),
    "turn_gap": ("turn_gap", "From the caller's last voiced frame to a reply.", BOUNDS),
    "barge_in": ("barge_in", "From an interruption to the agent's silence.", BOUNDS),
    OWN_SHARE: ("agent_own_share", "Of a turn gap, the agent's own part.", BOUNDS),
    "lateness": ("frame_lateness", "Of the generator's own frames.", FRAME_BOUNDS),
}
COUNTS = {
    "turns": ("turns", "Turns that callers spoke."),
    "turns_unanswered": ("turns_unanswered", "Turns that were never answered."),
    "talked_over": ("turns_talked_over", "Turns that the agent talked over."),
    "barge_ins": ("barge_ins", "Interruptions."),
    "frames_sent": ("frames_sent", "Frames of caller audio sent."),
    "backoff_delays": ("backoff_delays", "Delays between attempts that were checked."),
    "backoff_violations": ("backoff_violations", "Of these, out of bounds."),
}
AUDIO = {
    ("up", "lost"): "up_lost",
    ("up", "repeated"): "up_repeated",
    ("up", "out_of_order"): "up_disordered",
    ("down", "lost"): "down_lost",
    ("down", "repeated"): "down_repeated",
    ("down", "foreign"): "foreign",
}
OUTCOMES = ("completed", "failed", "cut")
MOST_CAUSES = 20


def check_prometheus() -> None:
    """Refuse to go on without the library.

    Raises:
        SettingError: it is not installed.
    """
    try:
        import prometheus_client  # noqa: F401
    except ImportError:
        text = (
            "Prometheus metrics need prometheus-client: pip install busyhour[metrics]"
        )
        raise SettingError(text) from None


def prometheus_text(tally: Tally, lines: LinesNow, judged: Judged) -> str:
    """The run so far in Prometheus' text format.

    Args:
        tally: all that was counted.
        lines: what is happening on the lines.
        judged: the verdict as it stands.

    Raises:
        SettingError: the library is not installed.
    """
    check_prometheus()
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Run(tally, lines, judged))
    text: bytes = generate_latest(registry)
    return text.decode()


class _Run:
    def __init__(self, tally: Tally, lines: LinesNow, judged: Judged) -> None:
        self._tally, self._lines, self._judged = tally, lines, judged

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily as Counters
        from prometheus_client.core import GaugeMetricFamily as Gauges

        counts = self._tally.counts
        calls = Counters("busyhour_calls", "Calls that are over.", labels=["outcome"])
        for outcome in OUTCOMES:
            calls.add_metric([outcome], counts[outcome])
        yield calls
        up = Gauges("busyhour_calls_up", "Calls under way.", labels=["doing"])
        for what, count in sorted(self._lines.doing.items()):
            up.add_metric([what], count)
        yield up
        causes = Counters(
            "busyhour_failures", "Failed calls by cause.", labels=["cause"]
        )
        for cause, count in self._tally.causes.most_common(MOST_CAUSES):
            causes.add_metric([cause], count)
        yield causes
        audio = Counters(
            "busyhour_audio_frames", "What became of audio.", labels=["leg", "fate"]
        )
        for labels, key in AUDIO.items():
            audio.add_metric(labels, counts[key])
        yield audio
        for key, (name, text) in COUNTS.items():
            yield Counters(f"busyhour_{name}", text, value=counts[key])
        parts = Counters(
            "busyhour_turn_gap_part_seconds", "Turn gaps in parts.", labels=["part"]
        )
        for name in PART_NAMES:
            part = name.removeprefix("part: ")
            parts.add_metric([part], counts[f"{name}, us"] / 1e6)
        yield parts
        yield Counters(
            "busyhour_turns_parted",
            "Turns taken apart, of which those parts are.",
            value=counts["turns_parted"],
        )
        for key, (name, text, bounds) in LATENCIES.items():
            yield _histogram(name, text, bounds, self._tally.histograms[key])
        code = self._judged.exit_code
        yield Gauges("busyhour_exit_code", "Verdict as it stands; 0 is OK.", value=code)


def _histogram(
    name: str, text: str, bounds: tuple[float, ...], found: LatencyHistogram
) -> Any:
    from prometheus_client.core import HistogramMetricFamily

    buckets = [(f"{bound:g}", found.count_within(bound)) for bound in bounds]
    buckets.append(("+Inf", found.count))
    return HistogramMetricFamily(
        f"busyhour_{name}_seconds", text, buckets=buckets, sum_value=found.total
    )
