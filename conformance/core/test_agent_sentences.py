"""Replies are cut into sentences: none lost, none late, none torn apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceutils.agent.sentences import SentenceSplitter


def split(*pieces: str) -> list[str]:
    """All sentences of a reply in these pieces."""
    splitter = SentenceSplitter()
    sentences = [sentence for piece in pieces for sentence in splitter.feed(piece)]
    rest = splitter.flush()
    return sentences + ([rest] if rest else [])


texts = st.text(alphabet="abI .!?,;\n\"'39\u2026\u4f60", max_size=120)


@given(texts, st.lists(st.integers(1, 7), max_size=40))
def test_any_pieces_give_the_same_words(text: str, sizes: list[int]) -> None:
    """Whatever the pieces, every character but outer white space is kept in order."""
    pieces, rest = [], text
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    pieces.append(rest)

    assert "".join("".join(split(*pieces)).split()) == "".join(text.split())


@given(texts)
def test_pieces_do_not_matter(text: str) -> None:
    """Character by character, the sentences are those of the whole text."""
    assert split(*text) == split(text)


@given(st.text(alphabet="ab, ", max_size=400))
def test_no_sentence_is_endless(text: str) -> None:
    """Text without any full stop is cut at the limit at the latest."""
    splitter = SentenceSplitter(longest=40)

    sentences = splitter.feed(text)

    assert all(len(sentence) <= 40 for sentence in sentences)
    assert len(splitter.flush() or "") <= 40


def test_first_sentence_leaves_at_once() -> None:
    """The piece that follows a full stop releases the sentence before it."""
    splitter = SentenceSplitter()

    assert splitter.feed("Thank you, caller. ") == ["Thank you, caller."]
    assert splitter.feed("How can") == []
    assert splitter.flush() == "How can"


def test_one_piece_may_complete_many_sentences() -> None:
    """A long beginning does not hide the short sentences behind it."""
    splitter = SentenceSplitter()
    splitter.feed("This is a rather long beginning")

    assert splitter.feed(". Yes. No. And") == [
        "This is a rather long beginning.",
        "Yes.",
        "No.",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "It costs 3.50 today",
        "Ask Dr. Smith",
        "At 5 p.m. tomorrow",
        "See e.g. Berlin",
        "J. Smith called",
        "1. Press one",
        "Wait...what",
    ],
)
def test_some_full_stops_end_nothing(text: str) -> None:
    """Numbers, abbreviations, initials and list numbers are not torn apart."""
    assert split(text + " now.") == [text + " now."]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Yes! Why? Well\u2026 fine.", ["Yes!", "Why?", "Well\u2026", "fine."]),
        ('He said "no." Then left.', ['He said "no."', "Then left."]),
        ("One\n\nTwo", ["One", "Two"]),
        ("I am. So is he.", ["I am.", "So is he."]),
        ("   ", []),
        ("", []),
    ],
)
def test_sentences_end_where_speakers_pause(text: str, sentences: list[str]) -> None:
    """Stops, closing quotes and line breaks end sentences."""
    assert split(text) == sentences
