"""The language models that the Voice Agent offers."""

from __future__ import annotations

import json

__all__ = ["MODELS", "THINK_MODELS", "is_listed", "models_body"]

THINK_MODELS = "/v1/agent/settings/think/models"  # where the list is asked for

# Id, name, provider: https://developers.deepgram.com/reference/voice-agent/think-models
MODELS = (
    ("gpt-5", "GPT-5", "open_ai"),
    ("gpt-5-mini", "GPT-5 mini", "open_ai"),
    ("gpt-5-nano", "GPT-5 nano", "open_ai"),
    ("gpt-4.1", "GPT-4.1", "open_ai"),
    ("gpt-4.1-mini", "GPT-4.1 mini", "open_ai"),
    ("gpt-4.1-nano", "GPT-4.1 nano", "open_ai"),
    ("gpt-4o", "GPT-4o", "open_ai"),
    ("gpt-4o-mini", "GPT-4o mini", "open_ai"),
    ("claude-3-5-haiku-latest", "Claude 3.5 Haiku", "anthropic"),
    ("claude-sonnet-4-20250514", "Claude Sonnet 4", "anthropic"),
    ("gemini-2.5-flash", "Gemini 2.5 Flash", "google"),
    ("gemini-2.0-flash", "Gemini 2.0 Flash", "google"),
    ("gemini-2.0-flash-lite", "Gemini 2.0 Flash Lite", "google"),
    ("openai/gpt-oss-20b", "GPT OSS 20B", "groq"),
)


def is_listed(provider: str, model: str) -> bool:
    """Tell whether the service says that it has this model."""
    return any(model == known and provider == of for known, _, of in MODELS)


def models_body() -> bytes:
    """Return the answer to ``GET`` of :data:`THINK_MODELS`."""
    models = [
        {"id": model, "name": name, "provider": provider}
        for model, name, provider in MODELS
    ]
    return json.dumps({"models": models}, separators=(",", ":")).encode()
