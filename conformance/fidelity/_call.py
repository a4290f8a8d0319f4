"""What a caller says to the recogniser, and how it is asked to listen."""

from __future__ import annotations

from typing import Any

from fakes.speech import Speaker, speak
from voiceutils.mulaw import SILENCE_FRAME

__all__ = ["LISTEN", "PRINTED", "SAID", "audio_of_a_call"]

SAID = "Hello, this is caller four seven two nine."
PRINTED = "Hello, this is caller 4729."  # with smart_format
LISTEN: dict[str, Any] = {
    "model": "nova-3",
    "encoding": "mulaw",
    "sample_rate": 8000,
    "interim_results": True,
    "endpointing": 200,
    "smart_format": True,
    "vad_events": True,
}


def audio_of_a_call() -> bytes:
    """Return what a caller says, with half a second of silence after it."""
    spoken = speak(SAID, speaker=Speaker.CALLER, call=4729, turn=1)
    return spoken.audio + SILENCE_FRAME * 25
