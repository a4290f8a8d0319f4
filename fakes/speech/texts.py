"""What callers say and what the scripted model answers; numbers spoken as words."""

from __future__ import annotations

import re

from voiceutils.errors import SettingError

__all__ = [
    "APOLOGY",
    "CALLER_UTTERANCES",
    "CONFIRMATION",
    "DIGITS",
    "GREETING",
    "PHRASES",
    "REPLIES",
    "clip_texts",
    "number_words",
    "numbers_in",
    "reply_to",
    "sentences",
    "spoken_form",
]

DIGITS = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
)
_DIGIT_OF = {word: str(digit) for digit, word in enumerate(DIGITS)}
# A shorter run is ordinary speech: "one moment", "two or three".
_SHORTEST_NUMBER = 4

GREETING = "Hello, you have reached the busy hour line. How can I help you?"
APOLOGY = "Sorry, something went wrong. Please say that again."
CONFIRMATION = "Yes, that is confirmed."

# Parts of sentences that are put together with numbers at run time, and what an
# agent says when something failed.
PHRASES = (
    "Hello, this is caller",
    "Thank you, caller",
    "How can I help?",
    "You said",
    "Sorry, something went wrong.",
    "Please say that again.",
    "Sorry, I did not catch that.",
    "Could you say it again?",
    CONFIRMATION,
    "Goodbye.",
)

# The caller's utterance, and the reply of the scripted model.
REPLIES = {
    "What are your opening hours?": (
        "We are open from nine to five on weekdays. On Saturday we close at noon."
    ),
    "I would like to book a table for two.": (
        "A table for two is free at seven. Shall I book it?"
    ),
    "Can you tell me my account balance?": (
        "Your balance is forty two dollars. Your next bill is due on Friday."
    ),
    "My internet stopped working this morning.": (
        "I'm sorry to hear that. Please restart the router and wait two minutes."
    ),
    "I need to move my appointment to Tuesday.": (
        "Tuesday at three is free. I have moved your appointment."
    ),
    "Where is my parcel?": "Your parcel left the depot today. It arrives tomorrow.",
    "Please cancel my order.": "Your order is cancelled. The refund takes three days.",
    "Could I speak to a person, please?": (
        "Of course. Please hold while I connect you."
    ),
    "Is there parking at the hotel?": (
        "Yes, parking is free for all guests. The entrance is behind the hotel."
    ),
    "That is all, thank you.": "Thank you for calling. Goodbye.",
}
CALLER_UTTERANCES = tuple(REPLIES)


def spoken_form(token: str) -> str:
    """Return a token without case and punctuation: ``"Hello,"`` is ``"hello"``."""
    return "".join(re.findall(r"[a-z0-9]+(?:'[a-z]+)*", token.lower()))


def _key(text: str) -> tuple[str, ...]:
    return tuple(filter(None, map(spoken_form, text.split())))


_REPLY_OF = {_key(said): reply for said, reply in REPLIES.items()}


def reply_to(said: str) -> str | None:
    """Return the scripted reply, whatever the case and punctuation; None if none."""
    return _REPLY_OF.get(_key(said))


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, each with its closing mark."""
    return re.findall(r"\S.*?[.?!]+(?=\s|$)|\S.*?\s*$", " ".join(text.split()))


def clip_texts() -> list[str]:
    """Return every text that has a rendered clip, sentence by sentence, once each."""
    replies = [part for reply in REPLIES.values() for part in sentences(reply)]
    texts = [*sentences(GREETING), *CALLER_UTTERANCES, *replies, *PHRASES, *DIGITS]
    return list({_key(text): text for text in reversed(texts)}.values())[::-1]


def number_words(number: int) -> str:
    """Return the digits as words, at least four: ``"four seven two nine"``.

    Raises:
        SettingError: the number is negative.
    """
    if number < 0:
        raise SettingError(f"number {number} cannot be spoken; use 0 or more")
    return " ".join(DIGITS[int(digit)] for digit in f"{number:04d}")


def numbers_in(text: str) -> list[int]:
    """Return the numbers of four or more digits in a text, as words or as digits.

    A number ends with the sentence; commas and hyphens do not end it.
    """
    found = []
    run = ""
    for token in [*text.replace("-", " ").split(), "."]:
        word = spoken_form(token)
        digits = _DIGIT_OF.get(word, word if word.isdecimal() else "")
        run += digits
        if not digits or token.endswith((".", "?", "!")):
            if len(run) >= _SHORTEST_NUMBER:
                found.append(int(run))
            run = ""
    return found
