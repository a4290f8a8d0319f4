"""What a phone voice agent needs between Twilio, Deepgram and its language model.

The core needs the standard library alone; the Deepgram services and what they depend
on are imported when first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from voiceutils.audio_buffer import DEFAULT_BUFFER_SIZE, AudioBuffer
from voiceutils.budget import DEFAULT_BUDGETS, Budget, LatencyHistogram, Verdict
from voiceutils.errors import (
    DeadlineExceeded,
    NotConnected,
    ProviderError,
    RetriesExhausted,
    SettingError,
    VoiceError,
    WireError,
)
from voiceutils.performance_metrics import PerformanceMetrics
from voiceutils.retry import Backoff, Retry, sync_with_retry, with_retry

if TYPE_CHECKING:
    from voiceutils.deepgram_stt import DeepgramSTTService
    from voiceutils.deepgram_tts import DeepgramTTSService

__all__ = [
    "DEFAULT_BUDGETS",
    "DEFAULT_BUFFER_SIZE",
    "AudioBuffer",
    "Backoff",
    "Budget",
    "DeadlineExceeded",
    "DeepgramSTTService",
    "DeepgramTTSService",
    "LatencyHistogram",
    "NotConnected",
    "PerformanceMetrics",
    "ProviderError",
    "RetriesExhausted",
    "Retry",
    "SettingError",
    "Verdict",
    "VoiceError",
    "WireError",
    "sync_with_retry",
    "with_retry",
]

_SERVICES = {
    "DeepgramSTTService": "voiceutils.deepgram_stt",
    "DeepgramTTSService": "voiceutils.deepgram_tts",
}


def __getattr__(name: str) -> object:
    if name not in _SERVICES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    service: object = getattr(import_module(_SERVICES[name]), name)
    globals()[name] = service  # the next look-up does not come here
    return service


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
