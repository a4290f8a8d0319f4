"""How spoken words are printed: punctuation, figures, what is left out or hidden.

What each option does is documented at https://developers.deepgram.com/docs/stt-streaming-feature-overview;
the order of the steps is ours: filler words, profanity, dictation, figures,
replacement, redaction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from fakes.deepgram.ear.hearing import SpokenWord
from fakes.deepgram.listen.numerals import figures, is_number_word, run_length
from fakes.deepgram.listen.query import ListenQuery
from fakes.speech.texts import spoken_form

__all__ = ["Printed", "bare", "ends_within_number", "printed_words"]

_FILLERS = frozenset(
    ("uh", "um", "mhmm", "mm-mm", "uh-uh", "uh-huh", "nuh-uh", "mhm", "hmm")
)
_PROFANE = frozenset(("damn", "hell", "shit", "fuck", "fucking", "bastard", "crap"))
_DICTATED = {
    ("comma",): ",", ("period",): ".", ("colon",): ":", ("semicolon",): ";",
    ("question", "mark"): "?", ("exclamation", "mark"): "!",
    ("exclamation", "point"): "!", ("new", "line"): "\n", ("new", "paragraph"): "\n\n",
}  # fmt: skip
_DAYS = frozenset(
    ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
     "today", "tomorrow", "january", "february", "april", "june", "july", "august",
     "september", "october", "november", "december")
)  # fmt: skip
_MARKS = ".,?!;:"


class Printed(NamedTuple):
    """A word as it is printed.

    Attributes:
        text: with case and punctuation.
        said: the spoken words behind it.
        label: what kind of thing it is, or "".
        changed: whether it reads otherwise than it was said.
    """

    text: str
    said: tuple[SpokenWord, ...]
    label: str = ""
    changed: bool = False

    @property
    def raw(self) -> str:
        """What was said, without case and punctuation."""
        return " ".join(filter(None, (spoken_form(word.text) for word in self.said)))


def bare(text: str) -> str:
    """Return a word without the marks behind it."""
    return text.rstrip(_MARKS)


def _mark(text: str) -> str:
    return text[len(bare(text)) :]


def ends_within_number(words: Sequence[SpokenWord]) -> bool:
    """Whether the last word belongs to a number that may go on."""
    last = words[-1].text if words else ""
    return is_number_word(last) and not last.endswith((".", "?", "!", ","))


def printed_words(words: Sequence[SpokenWord], query: ListenQuery) -> list[Printed]:
    """Return the words as the options of the query print them."""
    printed = [Printed(word.text, (word,)) for word in words]
    if not query.filler_words:
        printed = [
            word for word in printed if word.text.strip(".,").lower() not in _FILLERS
        ]
    if query.dictation and query.punctuate:
        printed = _dictated(printed)
    if query.numerals or query.smart_format or query.redact:
        every = query.numerals or bool(query.redact)
        printed = _in_figures(printed, every=every)
    if query.detect_entities or query.redact:
        printed = [word._replace(label=_label(word)) for word in printed]
    if query.profanity_filter:
        printed = [_softened(word) for word in printed]
    if query.replace:
        printed = _replaced(printed, dict(query.replace))
    return _redacted(printed, query.redact) if query.redact else printed


def _dictated(printed: list[Printed]) -> list[Printed]:
    """Put spoken punctuation behind the word before it."""
    result: list[Printed] = []
    at = 0
    while at < len(printed):
        for length in (2, 1):
            said = tuple(spoken_form(word.text) for word in printed[at : at + length])
            mark = _DICTATED.get(said)
            if mark and result:
                last = result[-1]
                result[-1] = last._replace(text=bare(last.text) + mark)
                at += length
                break
        else:
            result.append(printed[at])
            at += 1
    return result


def _in_figures(printed: list[Printed], *, every: bool) -> list[Printed]:
    result: list[Printed] = []
    at = 0
    while at < len(printed):
        texts = [word.text for word in printed[at:]]
        length = run_length(texts)
        shown = figures(texts[:length], every=every) if length else None
        if shown is None:
            result += printed[at : at + max(1, length)]
        else:
            said = tuple(
                spoken for word in printed[at : at + length] for spoken in word.said
            )
            mark = _mark(texts[length - 1])
            result.append(Printed(shown + mark, said, changed=True))
        at += max(1, length)
    return result


def _label(word: Printed) -> str:
    digits = re.sub(r"\D", "", word.text)
    if len(digits) >= 13:
        return "CREDIT_CARD"
    if len(digits) == 9:
        return "SSN"
    if len(digits) in (7, 10, 11):
        return "PHONE_NUMBER"
    if digits or is_number_word(word.text):
        return "NUMBER"
    return "DATE" if spoken_form(word.text) in _DAYS else ""


def _softened(word: Printed) -> Printed:
    plain = spoken_form(word.text)
    if plain not in _PROFANE:
        return word
    return word._replace(text=re.sub(r"\w", "*", word.text), changed=True)


def _replaced(printed: list[Printed], changes: dict[str, str]) -> list[Printed]:
    result = []
    for word in printed:
        change = changes.get(spoken_form(word.text))
        if change is None:
            result.append(word)
        elif change:
            text = change + _mark(word.text)
            result.append(word._replace(text=text, changed=True))
    return result


def _redacted(printed: list[Printed], kinds: frozenset[str]) -> list[Printed]:
    """Put a numbered tag in the place of what is not to be read."""
    counts: dict[str, int] = {}
    result = []
    for word in printed:
        if word.label and _is_secret(word, kinds):
            counts[word.label] = counts.get(word.label, 0) + 1
            tag = f"[{word.label}_{counts[word.label]}]{_mark(word.text)}"
            word = word._replace(text=tag, changed=True)
        result.append(word)
    return result


def _is_secret(word: Printed, kinds: frozenset[str]) -> bool:
    digits = len(re.sub(r"\D", "", word.text)) or len(word.said)
    return (
        ("pci" in kinds and word.label == "CREDIT_CARD")
        or ("ssn" in kinds and word.label == "SSN")
        or ("numbers" in kinds and word.label != "DATE" and digits >= 3)
        or ("aggressive_numbers" in kinds and word.label != "DATE")
        or word.label.lower() in kinds
    )
