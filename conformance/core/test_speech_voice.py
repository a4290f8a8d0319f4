"""Speaking any text: from clips where they know its words, else by our own voice."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.core._speech import heard, say
from fakes.speech import (
    CodedFrame,
    Speaker,
    Speech,
    SpeechMode,
    WordsHeard,
    number_words,
    speak,
    speaking,
)
from fakes.speech.clips import clips
from fakes.speech.code import LONGEST_WORD
from fakes.speech.own_voice import pronounce
from fakes.speech.voice import tokens
from fakes.speech.voices import VOICES, VoiceName, voice_of_model
from voiceutils import mulaw
from voiceutils.errors import SettingError

MODES: tuple[SpeechMode, ...] = get_args(SpeechMode)


def test_case_and_punctuation_do_not_change_the_clip() -> None:
    """The sound is the clip's, the words are those asked for."""
    plain = say("What are your opening hours?")
    other = say("WHAT are, your opening hours...")
    assert other.text == "WHAT are, your opening hours..."
    assert heard(other).text() == other.text
    assert len(other.frames) == len(plain.frames)
    assert [word[1:] for word in other.words] == [word[1:] for word in plain.words]


def test_known_words_are_put_together() -> None:
    """A caller's number comes from the phrase and the clips of the digits."""
    speech = say(f"Hello, this is caller {number_words(4729)}.")
    sound = {word.text: word for word in clips()}
    parts = ["Hello, this is caller", "four", "seven", "two", "nine"]
    frames = [len(sound[part].frames) for part in parts]
    assert len(speech.frames) == sum(frames) + 2 * 4  # and two frames between
    assert heard(speech).text() == "Hello, this is caller four seven two nine."


@pytest.mark.parametrize("word", ["I", "-"], ids=["clip", "silence"])
def test_letters_of_a_longer_token_find_room(word: str) -> None:
    """A word of three frames is held until its four segments had their turn."""
    token = word.ljust(LONGEST_WORD, "!" if word == "I" else "-")
    speech = say(f"Could {token} speak to a person, please?")
    assert heard(speech).text() == speech.text
    assert round(50 * (speech.words[1].end - speech.words[1].start)) == 4


def test_the_same_text_is_the_same_speech() -> None:
    """Only who speaks and when makes a difference."""
    one = speak("Zanzibar?", speaker=Speaker.AGENT, call=1, turn=1)
    assert speak("Zanzibar?", speaker=Speaker.AGENT, call=1, turn=1) == one
    other = speak("Zanzibar?", speaker=Speaker.AGENT, call=2, turn=1)
    assert other.words == one.words
    assert other.audio != one.audio


@given(st.text(max_size=60), st.sampled_from(VOICES), st.sampled_from(MODES))
@settings(max_examples=30)
def test_every_voice_says_any_text(
    text: str, voice: VoiceName, mode: SpeechMode
) -> None:
    """And is understood alike, in both ways of carrying words."""
    speaks = speaking(mode)
    said = f"{text} Hello, this is a zebra."
    speech = speaks.speak(said, speaker=Speaker.CALLER, call=5, turn=2, voice=voice)
    reader = speaks.reader()
    found = [*reader.feed(speech.audio), *reader.flush()]
    arrived = WordsHeard(item.code for item in found if isinstance(item, CodedFrame))
    assert arrived.complete
    assert arrived.text() == speech.text


def pitch_of(speech: Speech) -> float:
    """How often a second the loudest part of a sound repeats itself."""
    sound = mulaw.decode(speech.audio)[400:2000]

    def likeness(lag: int) -> float:
        return sum(x * y for x, y in zip(sound, sound[lag:], strict=False))

    return mulaw.SAMPLE_RATE / max(range(40, 160), key=likeness)


def test_voices_differ_in_pitch_and_pace() -> None:
    """High is quick, low is slow."""
    low, usual, high = (
        speak("banana", speaker=Speaker.CALLER, call=1, voice=voice)
        for voice in ("low", "usual", "high")
    )
    assert pitch_of(low) < 0.92 * pitch_of(usual)
    assert pitch_of(high) > 1.1 * pitch_of(usual)
    assert len(low.frames) > len(usual.frames) > len(high.frames)
    assert all(map(mulaw.is_voiced, high.frames))


def test_models_have_voices() -> None:
    """Those of the documentation's examples the usual one, the others any."""
    assert voice_of_model("aura-2-thalia-en") == "usual"
    models = ("aura-2-zeus-en", "aura-2-luna-en", "aura-2-orion-en", "aura-2-hera-en")
    assert len({voice_of_model(model) for model in models}) > 1


@given(st.text(max_size=200))
@settings(max_examples=60)
def test_any_text_is_heard_as_it_was_said(text: str) -> None:
    """Or refused for having no words; the words are ASCII, in order, in time."""
    words = tokens(text)
    if not words:
        with pytest.raises(SettingError, match="no words"):
            say(text)
        return
    speech = say(text)
    arrived = heard(speech)
    assert arrived.complete
    assert arrived.text() == speech.text == " ".join(words)
    assert speech.text.isascii()
    got = [(word.text, word.start / 50, word.end / 50) for word in arrived.words()]
    assert got == list(speech.words)
    assert speech.words[-1].end <= speech.seconds


@given(st.lists(st.sampled_from(["caller", "four", "hours?", "xylophone", "-", "Dr."])))
@settings(max_examples=60)
def test_known_and_unknown_words_mix(words: list[str]) -> None:
    """Whatever piece each word comes from."""
    text = " ".join([*words, "end"])
    assert heard(say(text)).text() == text


@pytest.mark.parametrize("word", ["zebra", "psychology", "x", "42", "rhythm", "I'll"])
def test_our_own_voice_is_voiced_throughout(word: str) -> None:
    """Every frame is louder than line noise, none is clipped."""
    frames = pronounce(word)
    assert len(frames) >= 3
    assert all(map(mulaw.is_voiced, frames))
    assert max(map(abs, mulaw.decode(b"".join(frames)))) < 32124


def test_our_own_voice_has_a_pitch() -> None:
    """Speech repeats itself 100 to 130 times a second; noise does not."""
    sound = mulaw.decode(b"".join(pronounce("banana")))[400:2000]

    def likeness(lag: int) -> float:
        pairs = zip(sound, sound[lag:], strict=False)
        return sum(x * y for x, y in pairs) / sum(x * x for x in sound)

    best = max(range(40, 160), key=likeness)
    assert 100 < mulaw.SAMPLE_RATE / best < 130
    assert likeness(best) > 0.5


def test_what_does_not_travel_is_written_plainly() -> None:
    """Typographers' marks and accents; the rest is a question mark."""
    typed = "It\u2019s \u201ccaf\u00e9\u201d \u2013 \u65e5\u2026"
    assert tokens(typed) == ("It's", '"cafe"', "-", "?...")
    assert tokens("bell\x07and\x00nothing") == ("bell", "and", "nothing")
    assert tokens("x" * 70) == ("x" * 32, "x" * 32, "x" * 6)


@pytest.mark.parametrize(
    "text", ["word " * 128, "extraordinarily unbelievable " * 40], ids=["words", "time"]
)
def test_too_long_a_text_names_the_way_out(text: str) -> None:
    """Frames and words are counted in 11 and 7 bits."""
    with pytest.raises(SettingError, match="sentence by sentence"):
        say(text)


@pytest.mark.parametrize("setting", [{"call": 2**24}, {"call": -1}, {"turn": 256}])
def test_numbers_out_of_range_are_refused(setting: dict[str, Any]) -> None:
    """They would prove another call's audio."""
    with pytest.raises(SettingError, match=next(iter(setting))):
        speak("Hello", speaker=Speaker.CALLER, **{"call": 1, "turn": 1} | setting)
