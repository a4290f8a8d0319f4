"""The three providers of an agent, and the surfaces on which it may use each."""

from __future__ import annotations

__all__ = ["PROVIDERS", "provider_of"]

PROVIDERS = {
    "recogniser": ("listen", "flux", "agent"),
    "voice": ("speak_rest", "speak", "speak_flux"),
    "model": ("chat",),
}


def provider_of(surface: str) -> str:
    """Return whose surface it is; "" for one that is no provider's of a call."""
    return next((name for name, known in PROVIDERS.items() if surface in known), "")
