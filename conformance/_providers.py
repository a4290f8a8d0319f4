"""The three providers of an agent, and the services by which it may use each."""

from __future__ import annotations

__all__ = ["PROVIDERS", "provider_of"]

PROVIDERS = {
    "recogniser": ("listen", "flux", "agent"),
    "voice": ("speak_rest", "speak", "speak_flux", "agent"),
    "model": ("chat", "agent"),
}
"""By the first of them cases name the role; the others in the order in which they are
believed to play it. The voice agent interface plays all three."""


def provider_of(surface: str) -> str:
    """Return whose surface it is; "" for one that is no provider's of a call."""
    return next((name for name, known in PROVIDERS.items() if surface in known), "")
