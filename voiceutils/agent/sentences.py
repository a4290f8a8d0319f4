"""Cuts a reply that comes in pieces into sentences that can be spoken one by one.

The first sentence is given away as soon as it is surely complete: when something
follows its full stop. Nothing is lost and nothing is said twice, whatever the pieces.
"""

from __future__ import annotations

import re

__all__ = ["LONGEST_SENTENCE", "SentenceSplitter"]

# Deepgram takes 2000 characters; a caller who cannot interrupt a long sentence at a
# mark loses its history too.
LONGEST_SENTENCE = 300

_ABBREVIATIONS = frozenset(
    {"mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "vs", "etc", "approx"}
    | {"dept", "inc", "ltd", "e.g", "i.e", "a.m", "p.m", "u.s", "u.k"}
)
# The end: stops and closing quotes with white space behind, or a line break.
_END = re.compile(r"""[.!?\u2026\u3002]+["')\]\u201d\u2019]*(?=\s)|\n""")


class SentenceSplitter:
    """Collects pieces of text and returns whole sentences."""

    def __init__(self, longest: int = LONGEST_SENTENCE) -> None:
        self._longest = longest
        self._text = ""
        self._searched = 0

    def feed(self, piece: str) -> list[str]:
        """Return the sentences that this piece completes, without outer white space."""
        self._text += piece
        sentences = []
        while (end := self._next_end()) is not None:
            sentence, self._text = self._text[:end], self._text[end:]
            self._searched = 0
            sentences.append(sentence.strip())
        return [sentence for sentence in sentences if sentence]

    def flush(self) -> str | None:
        """Return what is left at the end of the reply, or None."""
        rest, self._text, self._searched = self._text.strip(), "", 0
        return rest or None

    def _next_end(self) -> int | None:
        for match in _END.finditer(self._text, self._searched):
            if _ends_sentence(self._text[: match.end()]):
                return match.end()
        # A run of stops may still grow, so the tail is searched again.
        self._searched = max(self._searched, len(self._text.rstrip(".!?\"')")) - 8)
        self._searched = max(0, self._searched)
        if len(self._text) > self._longest:
            return self._break_long()
        return None

    def _break_long(self) -> int:
        window = self._text[: self._longest]
        for mark in (", ", "; ", ": ", " "):
            at = window.rfind(mark)
            if at > 0:
                return at + len(mark)
        return self._longest


def _ends_sentence(text: str) -> bool:
    """Tell a full stop from one that belongs to an abbreviation or a number."""
    words = text.split()
    if not words or not any(character.isalnum() for character in text):
        return text.endswith("\n") and not words  # a blank line goes, "..." waits
    if text.endswith("\n"):
        return True
    last = words[-1].lstrip("\"'([\u201c\u2018")
    if not last.endswith("."):
        return True
    bare = last.rstrip(".").lower()
    if bare in _ABBREVIATIONS:
        return False
    if len(bare) == 1 and bare.isalpha() and bare != "i":
        return False  # an initial
    return not (len(words) == 1 and bare.isdigit())  # "1." begins a list
