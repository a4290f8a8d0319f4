"""Where the fakes listen."""

from __future__ import annotations

import msgspec

__all__ = ["Addresses"]


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """The base addresses of one world, as agents take them."""

    deepgram: str
    deepgram_websocket: str
    model: str
    control: str

    def environment(self) -> dict[str, str]:
        """Return the settings that most agents read from their environment.

        The keys are made up; the fakes accept any.
        """
        return {
            "DEEPGRAM_URL": self.deepgram,
            "DEEPGRAM_WEBSOCKET_URL": self.deepgram_websocket,
            "DEEPGRAM_API_KEY": "busyhour-deepgram-key",
            "OPENAI_BASE_URL": self.model,
            "OPENAI_API_KEY": "busyhour-model-key",
        }
