"""How the fake recogniser prints words: figures, tags, speakers, entities."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.deepgram.ear.hearing import SpokenWord
from fakes.deepgram.listen.answers import Speakers, identity_of, results
from fakes.deepgram.listen.formatting import ends_within_number, printed_words
from fakes.deepgram.listen.query import ListenQuery
from fakes.deepgram.listen.segments import Result
from fakes.speech.texts import DIGITS, numbers_in

PLAIN = ListenQuery(model="nova-3", punctuate=True, filler_words=True)


def spoken(text: str, call: int | None = 1) -> tuple[SpokenWord, ...]:
    """Return a text said at three words a second."""
    return tuple(
        SpokenWord(word, n / 3, (n + 1) / 3, call, 1)
        for n, word in enumerate(text.split())
    )


def printed(text: str, **options: Any) -> str:
    """Return a text as the options print it."""
    words = printed_words(spoken(text), PLAIN._replace(**options))
    return " ".join(word.text for word in words)


def message(query: ListenQuery, *words: SpokenWord, final: bool = True) -> Any:
    """Return a Results message, decoded."""
    result = Result(0.0, 9.0, words, is_final=final)
    identity = identity_of("nova-3")
    return json.loads(results(result, identity, "r", query, speakers=Speakers()))


@pytest.mark.parametrize(
    ("said", "smart", "every"),
    [
        ("caller four seven two nine.", "caller 4729.", "caller 4729."),
        ("a table for two.", "a table for two.", "a table for 2."),
        ("forty two dollars", "42 dollars", "42 dollars"),
        ("two hundred and five", "200 and five", "200 and 5"),
        (
            "five five five one two three four five six seven",
            "555-123-4567",
            "555-123-4567",
        ),
        ("one two three. Four five six seven", "one two three. 4567", "123. 4567"),
        ("nothing here", "nothing here", "nothing here"),
    ],
)
def test_numbers_in_figures(said: str, smart: str, every: str) -> None:
    """``smart_format`` prints long numbers in figures, ``numerals`` every one."""
    assert printed(said) == said
    assert printed(said, smart_format=True) == smart
    assert printed(said, numerals=True) == every


@given(st.lists(st.sampled_from(DIGITS), min_size=4, max_size=12))
def test_numbers_survive_printing(digits: list[str]) -> None:
    """The number that was said can be read from what is printed."""
    said = " ".join(digits)
    plain = printed(said, smart_format=True).replace("-", "")

    assert numbers_in(plain) == numbers_in(said)


@given(
    st.lists(
        st.sampled_from(
            [*DIGITS, "um", "damn", "comma", "new", "line", "hello,", "x."]
        ),
        max_size=12,
    ),
    st.fixed_dictionaries(
        {
            name: st.booleans()
            for name in ("smart_format", "numerals", "dictation", "profanity_filter")
        }
    ),
)
def test_every_printed_word_was_said(said: list[str], options: dict[str, Any]) -> None:
    """Whatever is asked for, words keep their order and their times."""
    words = spoken(" ".join(said))
    shown = printed_words(words, PLAIN._replace(**options))
    behind = [word for one in shown for word in one.said]

    assert behind == sorted(behind, key=lambda word: word.start)
    assert set(behind) <= set(words)
    assert all(one.text and one.said for one in shown)


def test_options_that_change_words() -> None:
    """Fillers go, profanity is starred, marks are dictated, terms are replaced."""
    assert printed("um, hello uh there", filler_words=False) == "hello there"
    assert printed("oh damn, no", profanity_filter=True) == "oh ****, no"
    said = "hello comma world period new line bye question mark"
    assert printed(said, dictation=True) == "hello, world\n bye?"
    assert printed("Hello, bob.", replace=(("bob", "Alice"), ("hello", ""))) == "Alice."


@pytest.mark.parametrize(
    ("kinds", "said", "shown"),
    [
        ({"numbers"}, "caller four seven two nine.", "caller [NUMBER_1]."),
        ({"numbers"}, "table for two", "table for 2"),
        ({"aggressive_numbers"}, "two and three", "[NUMBER_1] and [NUMBER_2]"),
        ({"pci"}, " ".join(["four"] * 16), "[CREDIT_CARD_1]"),
        ({"pci"}, "four seven two nine", "4729"),
        ({"ssn"}, " ".join(["one"] * 9), "[SSN_1]"),
        ({"date"}, "on Tuesday.", "on [DATE_1]."),
    ],
)
def test_redaction_puts_tags(kinds: set[str], said: str, shown: str) -> None:
    """What is not to be read has a numbered tag in its place."""
    assert printed(said, redact=frozenset(kinds)) == shown


def test_entities_are_on_finals_only() -> None:
    """``entities`` is there on every final, empty if there is none."""
    query = PLAIN._replace(detect_entities=True, smart_format=True)
    words = spoken("on Tuesday call five five five one two three four")
    final = message(query, *words)

    assert [entity["label"] for entity in final["entities"]] == ["DATE", "PHONE_NUMBER"]
    assert final["entities"][1]["value"] == "555-1234"
    assert final["entities"][1]["raw_value"] == "five five five one two three four"
    assert message(query)["entities"] == []
    assert "entities" not in message(query, *words, final=False)


def test_speakers_are_numbered_as_they_appear() -> None:
    """Diarization numbers the callers on a connection; the metadata names the model."""
    query = PLAIN._replace(diarize="v1")
    words = (*spoken("one", call=77), *spoken("two", call=3), *spoken("three", call=77))
    heard = message(query, *words)

    listed = heard["channel"]["alternatives"][0]["words"]
    assert [word["speaker"] for word in listed] == [0, 1, 0]
    assert list(heard["metadata"]["diarize_info"]) == ["model_uuid", "arch"]


def test_multi_names_languages() -> None:
    """``language=multi`` adds languages to alternative and words, and the hints."""
    query = PLAIN._replace(language="multi", language_hints=("en", "es"))
    best = message(query, *spoken("hello"))["channel"]["alternatives"][0]

    assert best["languages"] == ["en"]
    assert best["languages_hinted"] == ["en", "es"]
    assert best["words"][0]["language"] == "en"


@pytest.mark.parametrize(
    ("text", "within"),
    [("caller four", True), ("four.", False), ("hello", False), ("", False)],
)
def test_number_may_go_on(text: str, within: bool) -> None:
    """A number goes on until a mark or another word ends it."""
    assert ends_within_number(spoken(text)) is within
