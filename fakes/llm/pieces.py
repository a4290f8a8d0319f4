"""A text as the tokens in which it comes.

Real models cut texts into tokens of their own; here a token is a word with the space
before it, of JSON a word or what stands between two.
"""

from __future__ import annotations

import re

__all__ = ["json_pieces", "text_pieces", "words_of"]


def text_pieces(text: str) -> list[str]:
    """Return the tokens of a text; joined they are the text."""
    return re.findall(r"\s*\S+|\s+", text)


def json_pieces(text: str) -> list[str]:
    """Return the tokens of a JSON text; joined they are the text."""
    return re.findall(r"\w+|[^\w\s]+\s*|\s+", text)


def words_of(text: str) -> int:
    """Return how many tokens a text costs as part of a question."""
    return len(text.split())
