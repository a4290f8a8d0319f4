"""What measuring a turn of a call costs, beside two clock readings."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from voiceutils import PerformanceMetrics
from voiceutils.log_style import logger

TOKENS = 40
PIECES = 100  # audio messages


@pytest.fixture(params=["not logged", "logged"])
def logged(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Whether somebody wants the log records, who throws them away here."""
    level, spread, nowhere = logger.level, logger.propagate, logging.NullHandler()
    wanted = request.param == "logged"
    logger.setLevel(logging.INFO if wanted else logging.WARNING)
    logger.propagate = False
    logger.addHandler(nowhere)
    yield wanted
    logger.removeHandler(nowhere)
    logger.setLevel(level)
    logger.propagate = spread


@pytest.mark.benchmark(group="metrics: one turn of 40 tokens and 100 audio messages")
@pytest.mark.usefixtures("logged")
def test_turn(benchmark: BenchmarkFixture) -> None:
    """All marks of a turn, of which four count, and the reset."""
    metrics = PerformanceMetrics()

    def turn() -> int:
        metrics.start_llm()
        for _ in range(TOKENS):
            metrics.track_llm_first_token()
        metrics.start_tts()
        for _ in range(PIECES):
            metrics.track_first_audio_byte()
        values = len(metrics.get_metrics())
        metrics.reset()
        return values

    assert benchmark(turn) == 3


@pytest.mark.benchmark(group="metrics: one turn of 40 tokens and 100 audio messages")
def test_turn_by_hand(benchmark: BenchmarkFixture) -> None:
    """Four clock readings and two flags, without a name, a rule or a log record."""

    def turn() -> int:
        values: dict[str, float] = {}
        asked = time.monotonic()
        for _ in range(TOKENS):
            if "token" not in values:
                values["token"] = time.monotonic() - asked
        spoken = time.monotonic()
        for _ in range(PIECES):
            if "audio" not in values:
                now = time.monotonic()
                values["audio"] = now - spoken
                values["all"] = now - asked
        return len(values)

    assert benchmark(turn) == 3


@pytest.mark.benchmark(group="metrics: one mark that no longer counts")
def test_later_token(benchmark: BenchmarkFixture) -> None:
    """What every token after the first costs."""
    metrics = PerformanceMetrics()
    metrics.start_llm()
    metrics.track_llm_first_token()
    benchmark(metrics.track_llm_first_token)
