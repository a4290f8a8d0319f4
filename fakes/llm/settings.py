"""How the fake model behaves."""

from __future__ import annotations

import msgspec

from fakes.delays import DelayModel
from fakes.llm.rules import Replies

__all__ = ["MODELS", "ModelSettings"]

MODELS = ("busyhour-script", "gpt-4o-mini")


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the fake model; times in seconds.

    Attributes:
        first_token_delay: from the request to the first token; a number or a
            distribution, here and below.
        token_delay: from token to token.
        keys: API keys to accept; empty accepts any.
        seed: of the delays that are distributions.
        replies: what it answers.
        models: the names to accept; empty accepts any, and lists ``MODELS``.
        context_window: the most tokens of a question; 0 is no limit.
    """

    first_token_delay: DelayModel = 0.2
    token_delay: DelayModel = 0.008
    keys: frozenset[str] = frozenset()
    seed: int = 0
    replies: Replies = Replies()
    models: tuple[str, ...] = ()
    context_window: int = 0
