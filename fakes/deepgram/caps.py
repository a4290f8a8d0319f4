"""How many connections a project may have at once; no socket, no clock.

Over the limit the handshake is refused with 429; running connections are never closed
(https://developers.deepgram.com/reference/api-rate-limits). That a slot may stay taken
for a while after its connection ended is not documented; hence ``linger``.
"""

from __future__ import annotations

from fakes.deepgram.errors import Refusal, refusal_for_status
from fakes.deepgram.settings import DeepgramSettings
from fakes.ledger import Attempt
from fakes.slots import Slots

__all__ = ["Caps"]

# Surfaces that share their slots, with the setting that limits them.
_LIMITED_BY = {
    "listen": "listen_connections",
    "flux": "listen_connections",
    "speak": "speak_connections",
    "speak_flux": "speak_connections",
    "speak_rest": "speak_requests",
    "listen_rest": "listen_requests",
    "agent": "agent_connections",
}


class Caps:
    """The limits of the one project that a fake Deepgram serves."""

    def __init__(self, settings: DeepgramSettings) -> None:
        self._settings = settings
        self._slots: dict[str, Slots] = {}
        for name in set(_LIMITED_BY.values()):
            limit: int | None = getattr(settings, name)
            if limit is not None:
                self._slots[name] = Slots(limit, settings.slot_linger)

    def refusal(self, attempt: Attempt) -> Refusal | None:
        """Take a slot for an attempt that may come in, or return the refusal."""
        slots = self._slots.get(_LIMITED_BY.get(attempt.surface, ""))
        if slots is None or slots.take(attempt):
            return None
        return refusal_for_status(
            429, attempt.surface, retry_after=self._settings.slot_retry_after
        )
