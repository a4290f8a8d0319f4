"""PerformanceMetrics under a clock that the test turns."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from voiceutils import PerformanceMetrics, log_style, sync_with_retry, with_retry

TTFT = "llm_time_to_first_token_ms"
TTFB = "tts_time_to_first_byte_ms"
TOTAL = "time_to_first_audio_ms"


class Clock:
    """Monotonic seconds that pass when told."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class MarksAgainstTheirHistory(RuleBasedStateMachine):
    """Values follow from the history of marks since the last reset."""

    @initialize()
    def start(self) -> None:
        self.clock = Clock()
        self.metrics = PerformanceMetrics(self.clock)
        self.history: list[tuple[str, float]] = []

    @rule(seconds=st.integers(0, 5000).map(lambda ms: ms / 1000))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(
        mark=st.sampled_from(
            [
                "start_llm",
                "track_llm_first_token",
                "start_tts",
                "track_first_audio_byte",
            ]
        )
    )
    def mark(self, mark: str) -> None:
        getattr(self.metrics, mark)()
        self.history.append((mark, self.clock.now))

    @rule()
    def reset(self) -> None:
        self.metrics.reset()
        self.history.clear()

    def first(self, mark: str, index: int = 0) -> int | None:
        """Return where in the history the mark first stands at or after an index."""
        for at in range(index, len(self.history)):
            if self.history[at][0] == mark:
                return at
        return None

    def between(self, begin: str, end: str) -> tuple[float, int] | None:
        started = self.first(begin)
        if started is None:
            return None
        ended = self.first(end, index=started)
        if ended is None:
            return None
        return (self.history[ended][1] - self.history[started][1]) * 1000, ended

    @invariant()
    def values_follow_from_the_marks(self) -> None:
        if not hasattr(self, "metrics"):
            return
        expected = {}
        if token := self.between("start_llm", "track_llm_first_token"):
            expected[TTFT] = token[0]
        if audio := self.between("start_tts", "track_first_audio_byte"):
            expected[TTFB] = audio[0]
            asked = self.first("start_llm")
            if asked is not None and asked < audio[1]:
                begun = self.history[asked][1]
                expected[TOTAL] = (self.history[audio[1]][1] - begun) * 1000
        assert self.metrics.get_metrics() == expected
        assert self.metrics.first_llm_token == (TTFT not in expected)
        assert self.metrics.first_audio_byte == (TTFB not in expected)
        assert all(value >= 0 for value in expected.values())


TestMarksAgainstTheirHistory = MarksAgainstTheirHistory.TestCase
TestMarksAgainstTheirHistory.settings = settings(max_examples=150)


def one_turn(metrics: PerformanceMetrics, clock: Clock) -> dict[str, float]:
    """Ask at +0, token at +0.25, speech asked for at +0.5, audio at +0.625."""
    metrics.start_llm()
    clock.now += 0.25
    metrics.track_llm_first_token()
    clock.now += 0.25
    metrics.start_tts()
    clock.now += 0.125
    metrics.track_first_audio_byte()
    return metrics.get_metrics()


@pytest.mark.parametrize("begin", [0.0, 1e9], ids=["clock at zero", "clock far on"])
def test_a_turn_is_measured_whatever_the_clock_shows(begin: float) -> None:
    """Zero on the clock is a time like any other, not a missing start."""
    clock = Clock(begin)
    assert one_turn(PerformanceMetrics(clock), clock) == {
        TTFT: 250.0,
        TTFB: 125.0,
        TOTAL: 625.0,
    }


def test_speech_is_not_charged_with_the_model() -> None:
    """A slow model does not show in the time of the speech service."""
    clock = Clock()
    metrics = PerformanceMetrics(clock)
    metrics.start_llm()
    clock.now += 9
    metrics.start_tts()
    clock.now += 0.5
    metrics.track_first_audio_byte()
    assert metrics.get_metrics()[TTFB] == 500


@pytest.mark.parametrize(
    ("start", "mark", "name"),
    [
        ("start_llm", "track_llm_first_token", TTFT),
        ("start_tts", "track_first_audio_byte", TTFB),
    ],
)
def test_first_start_and_first_mark_win(start: str, mark: str, name: str) -> None:
    """A request tried again, or a second sentence, does not shorten the wait."""
    clock = Clock()
    metrics = PerformanceMetrics(clock)
    for moment in (start, start, mark, start, mark):
        getattr(metrics, moment)()
        clock.now += 1
    assert metrics.get_metrics() == {name: 2000}


def test_reset_forgets_everything() -> None:
    """After a reset nothing of the last turn can be seen."""
    clock = Clock(5.0)
    metrics = PerformanceMetrics(clock)
    one_turn(metrics, clock)

    metrics.reset()

    assert metrics.get_metrics() == {}
    assert (metrics.llm_start, metrics.tts_start) == (0, 0)
    assert metrics.first_llm_token is True
    assert metrics.first_audio_byte is True


def test_every_turn_gives_its_own_values() -> None:
    """Ten turns, ten sets of values: not only the first turn is measured."""
    clock = Clock()
    metrics = PerformanceMetrics(clock)
    seen = []
    for turn in range(10):
        metrics.start_llm()
        clock.now += 1 + turn
        metrics.track_llm_first_token()
        seen.append(metrics.get_metrics()[TTFT])
        metrics.reset()
    assert seen == [1000.0 * (1 + turn) for turn in range(10)]


def test_two_calls_share_nothing() -> None:
    """One call's marks never show in another's values."""
    one, other = PerformanceMetrics(Clock()), PerformanceMetrics(Clock())
    one.start_llm()
    one.track_llm_first_token()
    other.track_llm_first_token()
    assert TTFT in one.get_metrics()
    assert other.get_metrics() == {}


def test_returned_values_are_a_copy() -> None:
    """What a caller does to the dict does not reach the metrics."""
    clock = Clock()
    metrics = PerformanceMetrics(clock)
    one_turn(metrics, clock).clear()
    assert set(metrics.get_metrics()) == {TTFT, TTFB, TOTAL}


@pytest.mark.parametrize("timed", [PerformanceMetrics, with_retry, sync_with_retry])
def test_default_clock_is_monotonic(timed: Callable[..., object]) -> None:
    """Setting the wall clock back an hour changes no duration."""
    assert inspect.signature(timed).parameters["clock"].default is time.monotonic


def test_real_clock_gives_real_milliseconds() -> None:
    """The default clock runs in seconds and forwards."""
    metrics = PerformanceMetrics()
    before = time.monotonic()
    metrics.start_llm()
    metrics.track_llm_first_token()
    took = time.monotonic() - before
    assert 0 <= metrics.get_metrics()[TTFT] <= took * 1000


def test_log_lines_are_ascii_and_carry_the_value(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One line a value, readable by machines through ``extra``."""
    clock = Clock()
    with caplog.at_level(logging.INFO, logger="voiceutils"):
        one_turn(PerformanceMetrics(clock), clock)

    assert [record.getMessage() for record in caplog.records] == [
        f"{TTFT}: 250.00",
        f"{TTFB}: 125.00",
        f"{TOTAL}: 625.00",
    ]
    assert [record.__dict__["metric"] for record in caplog.records] == [
        TTFT,
        TTFB,
        TOTAL,
    ]
    assert {record.name for record in caplog.records} == {"voiceutils"}


def test_emoji_are_there_for_who_asks(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One switch turns them on."""
    monkeypatch.setattr(log_style, "emoji", True)
    clock = Clock()
    with caplog.at_level(logging.INFO, logger="voiceutils"):
        one_turn(PerformanceMetrics(clock), clock)
    assert not any(record.getMessage().isascii() for record in caplog.records)
