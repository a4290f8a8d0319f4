"""Which words arrived: exactly those whose frames did."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.core._speech import CODES, SPOKEN, codes
from fakes.speech import FrameCode, Speaker, WordsHeard
from fakes.speech.code import FRAME_LIMIT, SEGMENT_LETTERS, WORD_LIMIT


@given(st.sets(st.integers(0, len(CODES) - 1)))
@settings(max_examples=200)
def test_losing_frames_loses_exactly_their_words(lost: set[int]) -> None:
    """A word is heard with half its frames and all its letters, else missing."""
    expected = []
    for word in SPOKEN.words:
        frames = range(round(word.start * 50), round(word.end * 50))
        segments = -(-len(word.text) // SEGMENT_LETTERS)
        arrived = [n for n, frame in enumerate(frames) if frame not in lost]
        known = {number % segments for number in arrived}
        if 2 * len(arrived) >= len(frames) and len(known) == segments:
            expected.append(word.text)
    heard = WordsHeard(code for code in CODES if code.frame not in lost)
    assert [word.text for word in heard.words()] == expected
    # With nothing at all arrived, nobody knows that there was an utterance.
    assert heard.missing() == (sorted(lost) if len(lost) < len(CODES) else [])
    assert heard.complete == (not lost)


@given(st.sets(st.integers(1, len(SPOKEN.words)), max_size=len(SPOKEN.words) - 1))
def test_losing_whole_words_loses_no_other(lost: set[int]) -> None:
    """Nor do the neighbours' times move."""
    heard = WordsHeard(code for code in CODES if code.word not in lost)
    expected = [
        (word.text, word.start, word.end)
        for number, word in enumerate(SPOKEN.words, 1)
        if number not in lost
    ]
    got = [(word.text, word.start / 50, word.end / 50) for word in heard.words()]
    assert got == expected


@given(st.permutations(CODES[:40]), st.lists(st.integers(0, 39), max_size=10))
def test_order_and_repetition_are_accounted_for(
    order: list[FrameCode], again: list[int]
) -> None:
    """The same words in any order; frames that came twice are named."""
    heard = WordsHeard([*order, *(CODES[number] for number in again)])
    assert heard.words() == WordsHeard(CODES[:40]).words()
    assert heard.repeated() == sorted(set(again))
    assert heard.missing() == list(range(40, len(CODES)))
    assert (heard.arrived, heard.reached) == (40, 39)


@given(st.lists(codes(), max_size=30))
def test_codes_that_contradict_each_other_do_no_harm(strange: list[FrameCode]) -> None:
    """An agent may send anything; what makes no sense is no word."""
    first = FrameCode(Speaker.AGENT, 1, 1, 0, FRAME_LIMIT)
    same = [
        code._replace(speaker=first.speaker, call=1, turn=1, frames=FRAME_LIMIT)
        for code in strange
    ]
    heard = WordsHeard([first, *same])
    assert len(heard.words()) <= WORD_LIMIT
    assert heard.frames == FRAME_LIMIT


def test_half_of_a_word_is_enough() -> None:
    """Two of four frames; one is too little."""
    code = FrameCode(Speaker.AGENT, 1, 1, 0, 9, 1, 0, "hi", word_frames=4)
    heard = WordsHeard([code])
    assert heard.words() == []
    heard.add(code._replace(frame=3))
    assert heard.text() == "hi"


def test_a_word_with_a_hole_is_not_heard() -> None:
    """The first segment never came; a fourth one makes no sense."""
    code = FrameCode(Speaker.AGENT, 1, 1, 0, 9, 1, 1, "end", word_frames=2)
    assert WordsHeard([code, code._replace(frame=1, segment=3)]).words() == []


def test_another_utterance_is_refused() -> None:
    """Mixing two utterances would prove nothing; ``belongs`` tells them apart."""
    heard = WordsHeard(CODES[:2])
    for other in (
        CODES[2]._replace(call=5),
        CODES[2]._replace(turn=5),
        CODES[2]._replace(speaker=Speaker.CALLER),
        CODES[2]._replace(frames=99),
    ):
        assert not heard.belongs(other)
        with pytest.raises(ValueError, match="another utterance"):
            heard.add(other)
    assert heard.belongs(CODES[2])


def test_nothing_heard_yet() -> None:
    """Before the first frame everything is empty, and not complete."""
    heard = WordsHeard()
    assert (heard.frames, heard.arrived, heard.reached) == (0, 0, -1)
    assert (heard.words(), heard.missing(), heard.repeated()) == ([], [], [])
    assert not heard.complete
