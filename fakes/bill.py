"""What the real service would have charged for a connection, in its own units.

Audio seconds sent (silence counts, KeepAlive is free), characters to speak, minutes of
an open voice agent: https://deepgram.com/pricing. Prices are left out; they change.
"""

from __future__ import annotations

import msgspec

from fakes.ledger_entries import Attempt

__all__ = ["Charge", "charge_for"]


class Charge(msgspec.Struct, frozen=True):
    """An amount of one unit: ``audio seconds``, ``characters``, ``minutes``."""

    unit: str
    amount: float


def charge_for(attempt: Attempt, now: float | None = None) -> Charge | None:
    """Return the charge; None for what costs nothing or is not known.

    Args:
        attempt: refused ones are free.
        now: counts an agent that is still open up to here.
    """
    if attempt.opened is None:
        return None
    if attempt.surface in ("listen", "flux", "listen_rest"):
        seconds = attempt.audio_seconds
        if not seconds and attempt.bytes_a_second:
            seconds = attempt.audio_bytes / attempt.bytes_a_second
        return Charge("audio seconds", seconds) if seconds else None
    if attempt.surface in ("speak", "speak_rest", "speak_flux"):
        return Charge("characters", attempt.characters)
    if attempt.surface == "agent":
        until = now if attempt.closed is None else attempt.closed
        return (
            None if until is None else Charge("minutes", (until - attempt.opened) / 60)
        )
    return None
