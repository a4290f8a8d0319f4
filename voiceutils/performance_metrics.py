"""How long the caller of one call waits for the model and for the voice."""

from __future__ import annotations

import time
from collections.abc import Callable

from voiceutils.log_style import logger, sign

__all__ = ["PerformanceMetrics"]


class PerformanceMetrics:
    """Latencies of one turn of one call, in milliseconds.

    Every mark counts once a turn: the first one wins until :meth:`reset`, so a reply
    of many tokens or sentences is measured by its first. A mark whose start is missing
    gives no value and does not use up the turn's measurement. No value can be
    negative, since both ends come from one monotonic clock.

    Args:
        clock: monotonic seconds.

    Attributes:
        llm_start: when the model was asked, on that clock; 0 before.
        tts_start: when speech was asked for, on that clock; 0 before.
        first_llm_token: whether the first token is still to come.
        first_audio_byte: whether the first byte of speech is still to come.
    """

    __slots__ = (
        "_clock",
        "_llm_started",
        "_metrics",
        "_tts_started",
        "first_audio_byte",
        "first_llm_token",
        "llm_start",
        "tts_start",
    )

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._metrics: dict[str, float] = {}
        self.reset()

    def reset(self) -> None:
        """Forget the turn, its values included."""
        self.llm_start = 0.0
        self.tts_start = 0.0
        # Apart from the times, because 0.0 is a time that a clock may show.
        self._llm_started = False
        self._tts_started = False
        self.first_llm_token = True
        self.first_audio_byte = True
        self._metrics.clear()

    def start_llm(self) -> None:
        """Mark that the model is asked now."""
        if not self._llm_started:
            self._llm_started = True
            self.llm_start = self._clock()

    def track_llm_first_token(self) -> None:
        """Mark a token: the first one gives ``llm_time_to_first_token_ms``."""
        if self._llm_started and self.first_llm_token:
            self.first_llm_token = False
            self._measured(
                "llm_time_to_first_token_ms", "model", self._clock() - self.llm_start
            )

    def start_tts(self) -> None:
        """Mark that speech is asked for now."""
        if not self._tts_started:
            self._tts_started = True
            self.tts_start = self._clock()

    def track_first_audio_byte(self) -> None:
        """Mark audio: the first gives ``tts_time_to_first_byte_ms``.

        With the model started, too, it also gives ``time_to_first_audio_ms``, the
        time from asking the model to hearing it.
        """
        if self._tts_started and self.first_audio_byte:
            self.first_audio_byte = False
            now = self._clock()
            self._measured("tts_time_to_first_byte_ms", "speech", now - self.tts_start)
            if self._llm_started:
                self._measured("time_to_first_audio_ms", "total", now - self.llm_start)

    def get_metrics(self) -> dict[str, float]:
        """Return the values measured since the last reset, in a dict of their own."""
        return dict(self._metrics)

    def _measured(self, name: str, meaning: str, seconds: float) -> None:
        value = self._metrics[name] = seconds * 1000
        logger.info(
            "%s%s: %.2f",
            sign(meaning),
            name,
            value,
            extra={"metric": name, name: value},
        )
