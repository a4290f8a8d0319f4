"""A caller speaks, and all of it arrives; any code that fits; one spoken sentence."""

from __future__ import annotations

from hypothesis import strategies as st

from fakes.speech import (
    CodedFrame,
    FrameCode,
    FrameReader,
    Speaker,
    Speech,
    WordsHeard,
    speak,
)
from fakes.speech.code import (
    CALL_LIMIT,
    FRAME_LIMIT,
    TURN_LIMIT,
    WORD_FRAME_LIMIT,
    WORD_LIMIT,
    read,
)

__all__ = ["CODES", "SPOKEN", "codes", "heard", "say"]

LETTERS = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8)
# Long words travel in segments, "a" in one; the dash has no sound of its own.
SENTENCE = "Hello, a counterrevolutionary-minded caller - really?"


@st.composite
def codes(draw: st.DrawFn) -> FrameCode:
    """Any code that fits its fields."""
    frames = draw(st.integers(1, FRAME_LIMIT))
    return FrameCode(
        speaker=draw(st.sampled_from(Speaker)),
        call=draw(st.integers(0, CALL_LIMIT)),
        turn=draw(st.integers(0, TURN_LIMIT)),
        frame=draw(st.integers(0, frames - 1)),
        frames=frames,
        word=draw(st.integers(0, WORD_LIMIT)),
        segment=draw(st.integers(0, 3)),
        letters=draw(LETTERS),
        last=draw(st.booleans()),
        word_frames=draw(st.integers(0, WORD_FRAME_LIMIT)),
    )


def say(text: str) -> Speech:
    """Speak as some caller."""
    return speak(text, speaker=Speaker.CALLER, call=4729, turn=3)


def heard(speech: Speech) -> WordsHeard:
    """What arrives when all of it arrives."""
    found = FrameReader().feed(speech.audio)
    return WordsHeard(item.code for item in found if isinstance(item, CodedFrame))


SPOKEN = speak(SENTENCE, speaker=Speaker.AGENT, call=4729, turn=7)
CODES = [code for frame in SPOKEN.frames if (code := read(frame))]
