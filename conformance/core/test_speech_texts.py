"""What callers say, what is answered, and numbers as words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.speech import (
    CALLER_UTTERANCES,
    REPLIES,
    number_words,
    numbers_in,
    reply_to,
    sentences,
)
from fakes.speech.texts import spoken_form
from voiceutils.errors import SettingError


def test_every_utterance_has_a_reply() -> None:
    """Found whatever the case and punctuation; other words have none."""
    for utterance in CALLER_UTTERANCES:
        assert reply_to(utterance) == REPLIES[utterance]
        assert reply_to(f" {utterance.upper().rstrip('.?')}  ") == REPLIES[utterance]
    assert reply_to("Something else.") is None
    assert reply_to("") is None


@given(st.integers(0, 2**24), st.sampled_from(["", ".", "?", "!", ","]))
def test_a_spoken_number_is_found_again(number: int, mark: str) -> None:
    """In a sentence, whatever follows it."""
    said = number_words(number)
    assert len(said.split()) >= 4
    text = f"Hello, this is caller {said.title()}{mark} That is all."
    assert numbers_in(text) == [number]


def test_numbers_are_told_from_ordinary_words() -> None:
    """A short run is no number; figures count; a sentence ends a number."""
    assert number_words(29) == "zero zero two nine"
    assert numbers_in("One moment, the two of us and three more.") == []
    assert numbers_in("Call 4729, or 4-7-2-8.") == [4729, 4728]
    assert numbers_in("four seven two nine. one two three four") == [4729, 1234]
    with pytest.raises(SettingError, match="-1"):
        number_words(-1)


def test_sentences_keep_their_marks() -> None:
    """Nothing of the text is lost but spaces."""
    text = "Hello.  How are you? At 3.30 p.m, fine!  Bye"
    parts = ["Hello.", "How are you?", "At 3.30 p.m, fine!", "Bye"]
    assert sentences(text) == parts
    assert sentences("") == sentences("  ") == []


@pytest.mark.parametrize(
    ("token", "form"),
    [
        ("Hello,", "hello"),
        ("I'm", "i'm"),
        ("'you?'", "you"),
        ("-", ""),
        ("3.30", "330"),
    ],
)
def test_the_spoken_form_has_no_marks(token: str, form: str) -> None:
    """Apostrophes within a word are part of it."""
    assert spoken_form(token) == form
