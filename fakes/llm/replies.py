"""The scripted replies.

The last thing that the user said alone decides, so that every call can be judged.
"""

from __future__ import annotations

from fakes.speech import number_words, numbers_in, reply_to

__all__ = ["NOTHING_SAID", "echo_of", "reply_for"]

NOTHING_SAID = "I did not hear anything. Could you say that again?"


def reply_for(said: str) -> str:
    """Return the scripted reply.

    A number of four digits or more is said back; a scripted question has its answer;
    anything else is repeated.
    """
    numbers = numbers_in(said)
    if numbers:
        return f"Thank you, caller {number_words(numbers[0])}. How can I help?"
    scripted = reply_to(said)
    if scripted is not None:
        return scripted
    return echo_of(said)


def echo_of(said: str) -> str:
    """Return what was said, said back."""
    words = said.rstrip(".?!,; ")
    return f"You said: {words}." if words else NOTHING_SAID
