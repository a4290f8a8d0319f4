"""Settings that cannot work, and what is written to the log."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from conformance.core import _retrying
from conformance.core._retrying import Failing, Run, failures
from conformance.core._virtual_time import VirtualTime
from voiceutils import (
    ProviderError,
    RetriesExhausted,
    SettingError,
    log_style,
    sync_with_retry,
    with_retry,
)

# Fixtures are found by their names in this module.
run, time = _retrying.run, _retrying.time

BAD_SETTINGS = [
    {"max_retries": 0},
    {"max_retries": -1},
    {"max_retries": 2.5},
    {"initial_delay": -0.1},
    {"initial_delay": float("nan")},
    {"initial_delay": float("inf")},
    {"initial_delay": "1"},
    {"initial_delay": 10**400},
    {"backoff_factor": 0.9},
    {"backoff_factor": float("nan")},
    {"backoff_factor": -2},
    {"max_delay": -1},
    {"max_delay": float("inf")},
    {"max_delay": None},
    {"jitter": "some"},
    {"jitter": None},
    {"total_limit": -1},
    {"total_limit": float("nan")},
    {"retry_on": KeyboardInterrupt},
    {"retry_on": BaseException},
    {"retry_on": (OSError, asyncio.CancelledError)},
    {"retry_on": 503},
    {"retry_on": (OSError, lambda _: True)},
]


@pytest.mark.parametrize("bad", BAD_SETTINGS, ids=lambda bad: str(bad)[:40])
def test_bad_setting_is_named_before_the_first_attempt(
    run: Run, time: VirtualTime, bad: dict[str, Any]
) -> None:
    """A mistake shows at the first use, not at the first outage."""
    (name,) = bad
    failing = failures(0)
    with pytest.raises(SettingError, match=name):
        run(failing, time, **bad)
    assert failing.calls == 0


async def test_wrong_kind_of_function_is_told_apart() -> None:
    """Plain functions, coroutine functions and coroutines are no failures."""

    async def coroutine() -> int:
        return 1

    with pytest.raises(SettingError, match="cannot be awaited"):
        await with_retry(lambda: 1)  # type: ignore[arg-type,return-value]
    with pytest.raises(SettingError, match="coroutines"):
        _ = sync_with_retry(coroutine)
    running = coroutine()
    with pytest.raises(SettingError, match="a function to call"):
        await with_retry(running)  # type: ignore[arg-type]
    running.close()


def test_log_tells_the_story_in_ascii(
    run: Run, time: VirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning a failure, the end at its level, foreign texts made harmless."""
    nasty = Failing(OSError("caf\u00e9\nFORGED line"), OSError("two"))
    with caplog.at_level(logging.DEBUG, logger="voiceutils"):
        run(nasty, time, operation_name="STT")
        with pytest.raises(RetriesExhausted):
            run(failures(9), time, max_retries=1, operation_name="TTS")
        with pytest.raises(ProviderError):
            run(Failing(ProviderError("no", status=401)), time, operation_name="LLM")

    lines = [
        (record.levelname, record.getMessage())
        for record in caplog.records
        if record.name == "voiceutils"
    ]
    assert lines == [
        (
            "WARNING",
            "STT failed (attempt 1/3), next in 1.00 s: caf\\xe9\\nFORGED line",
        ),
        ("WARNING", "STT failed (attempt 2/3), next in 2.00 s: two"),
        ("INFO", "STT succeeded on attempt 3/3"),
        ("ERROR", "TTS failed after 1 attempts: failure 1"),
        ("ERROR", "LLM is not retried: no"),
    ]


def test_emoji_are_there_for_who_asks(
    run: Run,
    time: VirtualTime,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The switch is that of the metrics."""
    monkeypatch.setattr(log_style, "emoji", True)
    with caplog.at_level(logging.DEBUG, logger="voiceutils"):
        run(failures(1), time)
    lines = [r.getMessage() for r in caplog.records if r.name == "voiceutils"]
    assert len(lines) == 2
    assert not any(line.isascii() for line in lines)
