"""Finds speech that belongs to another call.

Two proofs: coded audio of another caller, and words that only another caller can have
been meant by: his number, or the scripted reply to something that was not said here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fakes.speech import DIGITS, GREETING, REPLIES, Speaker, number_words, sentences
from fakes.twilio.caller.ear import Utterance
from fakes.twilio.caller.script import expected_reply, plain_words

__all__ = ["foreign_speech"]

_DIGITS = frozenset(DIGITS)


def foreign_speech(
    utterances: Iterable[Utterance], *, call: int, said: Sequence[str]
) -> list[str]:
    """Return one line for each utterance heard that was meant for someone else.

    Args:
        utterances: what was heard.
        call: the caller's own number.
        said: what the caller said; scripted replies to it are its own.
    """
    own_replies = [reply for text in said if (reply := expected_reply(text))]
    own = {words for reply in own_replies for words in _sentences(reply)}
    own.update(_sentences(GREETING))
    return [
        problem
        for utterance in utterances
        if (problem := _problem(utterance, call, own))
    ]


def _problem(utterance: Utterance, call: int, own: set[tuple[str, ...]]) -> str:
    voice = utterance.voice
    if voice.speaker == Speaker.CALLER:
        if voice.call == call:
            return ""
        return f"audio of caller {voice.call}, turn {voice.turn}"
    words = plain_words(utterance.text)
    name = f"utterance {voice.call}"
    digits = tuple(word for word in words if word in _DIGITS)
    if "caller" in words and digits and not _can_be(digits, call, utterance):
        return f"{name} is for caller {' '.join(digits)}: {utterance.text!r}"
    if words not in own and words in _OTHERS:
        return f"{name} answers what was not said here: {utterance.text!r}"
    return ""


def _can_be(digits: tuple[str, ...], call: int, utterance: Utterance) -> bool:
    """Tell whether the digits are the caller's, as far as they were heard."""
    own = plain_words(number_words(call))
    if utterance.whole:
        return digits == own
    rest = iter(own)
    return all(digit in rest for digit in digits)


def _sentences(text: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of the text and of each of its sentences."""
    for sentence in (text, *sentences(text)):
        yield plain_words(sentence)


# Shorter sentences, such as a farewell, belong to nobody.
_OTHERS = {
    words for reply in REPLIES.values() for words in _sentences(reply) if len(words) > 2
}
