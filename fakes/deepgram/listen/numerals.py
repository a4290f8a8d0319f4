"""Numbers in words become figures, as ``numerals`` and ``smart_format`` print them."""

from __future__ import annotations

from collections.abc import Sequence

from fakes.speech.texts import DIGITS, spoken_form

__all__ = ["figures", "is_number_word", "run_length"]

_TEENS = (
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen",
    "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = (
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
)  # fmt: skip
_VALUE = (
    {word: number for number, word in enumerate(DIGITS)}
    | {word: 10 + number for number, word in enumerate(_TEENS)}
    | {word: 20 + 10 * number for number, word in enumerate(_TENS)}
)
_SCALES = {"hundred": 100, "thousand": 1000}
# A shorter row of single digits is ordinary speech: "table for two", "one moment".
_SHORTEST_ROW = 4


def is_number_word(text: str) -> bool:
    """Whether a word may be part of a number."""
    word = spoken_form(text)
    return word in _VALUE or word in _SCALES or word.isdecimal()


def run_length(words: Sequence[str]) -> int:
    """Return how many of the first words are one number; a full stop ends it."""
    for number, word in enumerate(words):
        if not is_number_word(word):
            return number
        if word.endswith((".", "?", "!")):
            return number + 1
    return len(words)


def figures(words: Sequence[str], *, every: bool) -> str | None:
    """Return a run of number words in figures; None when it stays in words.

    Args:
        words: of the run, all of them number words.
        every: whether single small numbers count too, as ``numerals`` has it;
            ``smart_format`` leaves "table for two" alone.
    """
    said = [spoken_form(word) for word in words]
    if all(len(_digits(word)) == 1 for word in said):
        row = "".join(map(_digits, said))
        if not every and len(row) < _SHORTEST_ROW:
            return None
        return _grouped(row)
    if said[0] in _SCALES:
        return None
    return _value(said)


def _digits(word: str) -> str:
    if word.isdecimal():
        return word
    value = _VALUE.get(word, 10)
    return str(value) if value < 10 else ""


def _grouped(row: str) -> str:
    """Ten digits are a telephone number, seven a local one, sixteen a card."""
    if len(row) == 10:
        return f"{row[:3]}-{row[3:6]}-{row[6:]}"
    return f"{row[:3]}-{row[3:]}" if len(row) == 7 else row


def _value(said: Sequence[str]) -> str:
    """Return "forty two" as 42 and "nineteen eighty" as 1980."""
    parts: list[int] = []
    before = ""
    for word in said:
        if word in _SCALES and parts:
            parts[-1] = (parts[-1] or 1) * _SCALES[word]
        else:
            value = int(word) if word.isdecimal() else _VALUE.get(word, 0)
            joins = (before in _TENS and value < 10) or before in _SCALES
            if joins and parts:
                parts[-1] += value
            else:
                parts.append(value)
        before = word
    return "".join(map(str, parts))
