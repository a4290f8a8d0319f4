"""Configure: a change of key terms and features in mid-stream.

ConfigureSuccess and ConfigureFailure have answered since October 2026
(https://developers.deepgram.com/changelog).
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from fakes.deepgram.listen.combinations import LONGEST_KEYTERMS, tokens_of
from fakes.deepgram.listen.query import ListenQuery
from voiceutils.wire.deepgram_listen import (
    Configure,
    ConfigureFailure,
    ConfigureSuccess,
)

__all__ = ["configured", "unknown_field"]

_FIELDS = ("features", "processors", "keyterms", "language_hints")
_FEATURES = (
    "punctuate", "smart_format", "no_delay", "numerals", "dictation",
    "profanity_filter", "filler_words", "detect_entities",
)  # fmt: skip


def unknown_field(text: str) -> str | None:
    """Return the complaint about the first field that Configure does not have."""
    for name in msgspec.json.decode(text, type=dict[str, msgspec.Raw]):
        if name not in ("type", *_FIELDS):
            known = ", ".join(f"`{field}`" for field in _FIELDS)
            return f"unknown field `{name}`, expected one of {known}"
    return None


def configured(
    message: Configure, query: ListenQuery, request_id: str
) -> tuple[ListenQuery, ConfigureSuccess | ConfigureFailure]:
    """Return the query from here on, and the answer."""
    terms = message.keyterms
    if terms is not None and not query.model.startswith("nova-3"):
        code = "CONFIGURE_KEYTERMS_NOT_SUPPORTED"
        text = "Keyterms are supported for Nova-3 only."
        return query, ConfigureFailure(request_id, code, text)
    if terms is not None and tokens_of(terms) > LONGEST_KEYTERMS:
        code = "CONFIGURE_KEYTERM_LIMIT_EXCEEDED"
        text = f"Keyterm limit exceeded. The maximum is {LONGEST_KEYTERMS} tokens."
        return query, ConfigureFailure(request_id, code, text)
    changes: dict[str, Any] = {
        name: value
        for name, value in (message.features or {}).items()
        if name in _FEATURES
    }
    changed = query._replace(**changes)
    answer = ConfigureSuccess(request_id, UNSET if terms is None else terms)
    return changed, answer
