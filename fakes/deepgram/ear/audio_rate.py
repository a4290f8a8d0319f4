"""How many bytes a second of the audio takes that a query announces."""

from __future__ import annotations

import json
from collections.abc import Iterable

__all__ = ["bytes_a_second", "bytes_a_second_of_agent"]

_WIDTHS = {"mulaw": 1, "alaw": 1, "linear16": 2, "linear32": 4}
_USUAL_RATE = 8000
_MOST = 384_000 * 20 * 4


def bytes_a_second(pairs: Iterable[tuple[str, str]]) -> float:
    """Return the bytes of a second of raw audio; 0.0 when they cannot be told.

    Compressed audio and files have no fixed size.
    """
    given = dict(pairs)
    width = _WIDTHS.get(given.get("encoding", ""), 0)
    try:
        rate = int(given.get("sample_rate", _USUAL_RATE))
        channels = int(given.get("channels", 1))
    except ValueError:
        return 0.0
    size = width * rate * channels
    return float(size) if 0 < size <= _MOST else 0.0


def bytes_a_second_of_agent(settings: str) -> float:
    """Return the same of the audio that the Settings of a voice agent announce."""
    try:
        form = json.loads(settings)["audio"]["input"]
        pairs = [(key, str(form[key])) for key in ("encoding", "sample_rate")]
    except (ValueError, LookupError, TypeError, RecursionError):
        return 0.0
    return bytes_a_second(pairs)
