"""The codes of ``/v2/speak`` and what is said with them.

Codes and the first texts are documented at
https://developers.deepgram.com/docs/flux-tts/server-messages; other prose is ours.
"""

from __future__ import annotations

from voiceutils.wire.deepgram_speak_flux import SpeakFluxWarning

__all__ = ["ERRORS", "PAUSE", "PRONOUNCED_FAST", "close_code", "warning"]

# Close codes are those of /v1/speak for the same kind of error.
_CLOSE_CODES = {"MESSAGE": 1003, "DATA": 1008, "BIG": 1009, "NET": 1011}
ERRORS = {
    "MESSAGE-0000": "The message could not be parsed.",
    "DATA-0000": "The message contained an invalid command.",
    "BIG-0000": "The message was too large to process.",
    "NET-0003": "The session time limit was exceeded.",
    "NET-0004": "No client message arrived within the inactivity window.",
}
_WARNINGS = {
    "NO_ACTIVE_SPEECH": "There is no active turn. The request will be ignored.",
    "NO_SYNTHESIZABLE_TEXT": "The text of the turn has nothing to synthesize.",
    "INPUT_MARKUP_STRIPPED": "Markup was removed from the text before synthesis.",
    "NO_AUDIO_GENERATED": "The session has produced no audio yet.",
    "INTERRUPT_IN_PROGRESS": "An earlier Interrupt is still being processed.",
    "INVALID_INTERRUPT_OFFSET": "The playback_offset did not advance.",
}
PAUSE = "Pause controls are not supported on the WebSocket."
PRONOUNCED_FAST = "Pronunciation cannot be combined with a speed other than 1.0."


def close_code(code: str) -> int:
    """Return the close code that goes with an error."""
    return _CLOSE_CODES[code.partition("-")[0]]


def warning(code: str) -> SpeakFluxWarning:
    """Return a warning with its text."""
    return SpeakFluxWarning(code, _WARNINGS[code])
