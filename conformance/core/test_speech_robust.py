"""The robust mode: words survive an agent that resamples, and nothing else is words."""

from __future__ import annotations

import math
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conformance.core._channel import DOWN, UP, through
from conformance.core._speech import SENTENCE
from fakes.speech import (
    CALLER_UTTERANCES,
    CodedFrame,
    PlainAudio,
    Speaker,
    Speech,
    WordsHeard,
)
from fakes.speech import speak as speak_exactly
from fakes.speech.code import CALL_LIMIT, LONGEST_WORD, TURN_LIMIT, WORD_LIMIT
from fakes.speech.robust import golay
from fakes.speech.robust.block_code import (
    BLOCK_FRAMES,
    BLOCK_LIMIT,
    PAUSE_LIMIT,
    WORD_BLOCK_LIMIT,
    BlockCode,
    pack,
    unpack,
)
from fakes.speech.robust.block_reader import BlockReader
from fakes.speech.robust.modulation import demodulate, modulate
from fakes.speech.robust.samples import to_mulaw
from fakes.speech.robust.voice import frames_of, speak
from voiceutils import mulaw
from voiceutils.errors import SettingError
from voiceutils.mulaw import FRAME_BYTES, SILENCE_FRAME

Found = CodedFrame | PlainAudio
SECOND = 8000
BITS = st.integers(0, 2**120 - 1)
PRINTABLE = st.characters(min_codepoint=33, max_codepoint=126)


@st.composite
def block_codes(draw: st.DrawFn) -> BlockCode:
    """Any code that fits its fields."""
    blocks = draw(st.integers(1, BLOCK_LIMIT))
    return BlockCode(
        draw(st.sampled_from(Speaker)),
        draw(st.integers(0, CALL_LIMIT)),
        draw(st.integers(0, TURN_LIMIT)),
        draw(st.integers(0, blocks - 1)),
        blocks,
        draw(st.integers(0, WORD_LIMIT)),
        draw(st.integers(0, WORD_BLOCK_LIMIT)),
        draw(st.integers(0, 7)),
        draw(st.booleans()),
        draw(st.text(PRINTABLE, max_size=5)),
        draw(st.integers(0, PAUSE_LIMIT)),
    )


def say(text: str) -> Speech:
    """Speak as some caller."""
    return speak(text, speaker=Speaker.CALLER, call=4729, turn=3)


def read_all(audio: bytes, size: int = FRAME_BYTES) -> list[Found]:
    """What a reader finds in a whole stream that comes in pieces of this size."""
    reader = BlockReader()
    found: list[Found] = []
    for at in range(0, len(audio), size):
        found += reader.feed(audio[at : at + size])
    return found + reader.flush()


def heard(found: list[Found]) -> WordsHeard:
    """The words of what was found."""
    return WordsHeard(item.code for item in found if isinstance(item, CodedFrame))


@given(block_codes())
def test_a_code_survives_its_bits(code: BlockCode) -> None:
    """Whatever it says."""
    assert unpack(pack(code)) == code


@given(BITS, st.integers(0, 119))
def test_a_wrong_bit_is_noticed(value: int, place: int) -> None:
    """The checksum covers every bit; so no code is another's with one bit wrong."""
    if unpack(value) is not None:
        assert unpack(value ^ 1 << place) is None
    value = pack(
        BlockCode(Speaker.AGENT, value & CALL_LIMIT, 1, 0, 9, 1, 1, 0, True, "x")
    )
    assert unpack(value ^ 1 << place) is None


@given(st.integers(0, 4095), st.sets(st.integers(0, 23), max_size=3))
def test_three_wrong_bits_in_twenty_four_are_mended(data: int, wrong: set[int]) -> None:
    """That is what the Golay code promises."""
    bits = np.array([data >> at & 1 for at in range(12)], np.int8)
    coded = golay.encode(bits)
    coded[list(wrong)] ^= 1
    mended, sure = golay.decode(np.array(1 - 2 * coded, np.float64))
    assert mended.tolist() == bits.tolist()
    assert sure == pytest.approx(1 - len(wrong) / 12)


@given(BITS, st.integers(-2, 2), st.floats(0.05, 4))
@example(0, 0, 1.0)
def test_bits_survive_their_sound(value: int, shift: int, gain: float) -> None:
    """At any gain, and when the place is off by as much as two samples."""
    sound = np.concatenate([np.zeros(8), modulate(value), np.zeros(8)])
    block = sound[8 + shift : 8 + shift + BLOCK_FRAMES * FRAME_BYTES]
    found, sure = demodulate(gain * block)
    assert found == value
    assert sure > 0.9


@given(
    text=st.one_of(
        st.sampled_from((*CALLER_UTTERANCES, SENTENCE)),
        st.text(PRINTABLE, min_size=1, max_size=40),
    ),
    factor=st.sampled_from([2, 3]),
    up=st.sampled_from(sorted(UP)),
    down=st.sampled_from(sorted(DOWN)),
    gain=st.floats(-6, 6),
    seed=st.integers(0, 10_000),
    offset=st.integers(0, 400),
    size=st.integers(60, 1000),
)
@example(SENTENCE, 3, "linear", "linear, half off", 6.0, 1, 77, 320)
@example(SENTENCE, 2, "polyphase", "polyphase", -6.0, 2, 1, 67)
@settings(max_examples=40)
def test_words_survive_a_resampling_agent(
    text: str,
    factor: int,
    up: str,
    down: str,
    gain: float,
    seed: int,
    offset: int,
    size: int,
) -> None:
    """Whatever the resamplers, gain within 6 dB, noise at 20 dB, cut anywhere."""
    speech = speak(text, speaker=Speaker.AGENT, call=seed * 1677, turn=seed % 256)
    line = SILENCE_FRAME * 3 + speech.audio + SILENCE_FRAME * 3
    arrived = heard(
        read_all(
            SILENCE_FRAME[:offset] + through(line, factor, up, down, gain, seed), size
        )
    )
    assert arrived.complete
    assert arrived.text() == speech.text


@given(st.integers(1, 700), st.integers(0, 500), st.integers(0, 4000))
@settings(max_examples=15)
def test_the_stream_is_covered_without_gaps(size: int, offset: int, cut: int) -> None:
    """Every byte is plain audio or in a coded frame, wherever speech was cut off.

    Pauses come a second time, as frames of the utterance.
    """
    spoken = say("Hello, you").audio
    audio = b"\x7e" * offset + spoken[: len(spoken) - cut] + SILENCE_FRAME * 2
    end = 0
    for item in read_all(audio, size):
        if isinstance(item, CodedFrame) and not item.code.word:
            assert item.offset < end
            continue
        assert item.offset == end
        end += FRAME_BYTES if isinstance(item, CodedFrame) else len(item.audio)
    assert end == len(audio)


def test_words_stand_where_they_sound() -> None:
    """Times of the words are those of their frames in the stream, to a sample."""
    speech = say("Hello, this is caller four.")
    found = [item for item in read_all(speech.audio) if isinstance(item, CodedFrame)]
    for number, word in enumerate(speech.words, 1):
        offsets = [item.offset for item in found if item.code.word == number]
        assert offsets[0] == pytest.approx(word.start * SECOND, abs=1)
        assert offsets[-1] + FRAME_BYTES == pytest.approx(word.end * SECOND, abs=1)


@given(st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=12)
def test_a_barge_in_cuts_anywhere(first: int, last: int) -> None:
    """Blocks heard whole are known; of those that were cut, only nearly whole ones."""
    frames = say("Where is my parcel?").frames
    end = len(frames) - last
    audio = SILENCE_FRAME + b"".join(frames[first:end]) + SILENCE_FRAME * 3
    codes = [i.code for i in read_all(audio) if isinstance(i, CodedFrame)]
    # No pause is within this text, so that blocks and frames are numbered alike.
    known = {code.frame // BLOCK_FRAMES for code in codes}
    for block in range(len(frames) // BLOCK_FRAMES):
        begin = block * BLOCK_FRAMES
        if first <= begin and begin + BLOCK_FRAMES <= end:
            assert block in known
        if first > begin or begin + BLOCK_FRAMES > end + 3:
            assert block not in known


def test_what_is_held_back_is_little() -> None:
    """Silence after speech is known 25 ms after it came, as an endpointer needs it."""
    reader = BlockReader()
    end = 0
    for frame in (*say("Goodbye.").frames, *[SILENCE_FRAME] * 9):
        for item in reader.feed(frame):
            end = item.offset + (
                FRAME_BYTES if isinstance(item, CodedFrame) else len(item.audio)
            )
    assert len(say("Goodbye.").audio) + 9 * FRAME_BYTES - end <= 0.025 * SECOND


def test_frames_come_as_they_are_asked_for() -> None:
    """A thousand callers keep no seconds of audio: the same frames, made late."""
    speech = say("Is there parking at the hotel?")
    lazy = frames_of(speech.text, speaker=Speaker.CALLER, call=4729, turn=3)
    assert tuple(lazy) == speech.frames


@pytest.mark.parametrize(
    ("text", "said"),
    [("word " * 128, "sentence by sentence"), ("internationalised " * 90, "too long")],
)
def test_too_long_a_text_names_the_way_out(text: str, said: str) -> None:
    """Blocks and words are counted in 8 and 7 bits."""
    with pytest.raises(SettingError, match=said):
        say(text)


@given(st.text(PRINTABLE, max_size=40))
@settings(max_examples=40)
def test_any_text_is_heard_as_it_was_said(text: str) -> None:
    """Letters, digits, signs; long words in parts of five letters."""
    speech = say(f"{text} end{'-' * LONGEST_WORD}")
    assert heard(read_all(speech.audio)).text() == speech.text


def _tones(*pitches: float) -> list[float]:
    return [
        sum(6000 * math.sin(2 * math.pi * pitch * at / SECOND) for pitch in pitches)
        for at in range(SECOND)
    ]


def _music(chance: random.Random) -> list[float]:
    notes = [220 * 2 ** (chance.randrange(36) / 12) for _ in range(4)]
    return _tones(*(pitch * n for pitch in notes for n in (1, 2)))


def _others(seed: int) -> dict[str, bytes]:
    chance = random.Random(seed)
    noise = np.random.default_rng(seed).normal(size=10 * SECOND)
    keys = [(low, high) for low in (697, 770, 852, 941) for high in (1209, 1336, 1477)]
    text = chance.choice(CALLER_UTTERANCES)
    return {
        "speech": speak_exactly(text, speaker=Speaker.CALLER, call=seed).audio,
        "noise": to_mulaw(3000 * noise),
        "DTMF": mulaw.encode([round(x) for key in keys for x in _tones(*key)]),
        "music": to_mulaw(np.array([x for _ in range(10) for x in _music(chance)]) / 2),
    }


@pytest.mark.parametrize("kind", ["speech", "noise", "DTMF", "music"])
def test_nothing_else_is_code(kind: str) -> None:
    """Plain speech, noise, key tones and music hold no block at all."""
    for seed in range(2):
        found = read_all(_others(seed)[kind], 800)
        assert not any(isinstance(item, CodedFrame) for item in found)


def test_numpy_is_asked_for_only_where_it_is_needed() -> None:
    """Without it the exact mode works, and the other says what to install."""
    script = (
        "import sys; sys.modules['numpy'] = None\n"
        "from fakes.speech import speaking\n"
        "speaking('exact'); speaking('robust')\n"
    )
    command = [sys.executable, "-c", script]
    ran = subprocess.run(command, capture_output=True, check=False, text=True)
    assert "pip install 'busyhour[robust]'" in ran.stderr.splitlines()[-1]
    assert ran.stderr.splitlines()[-1].startswith("voiceutils.errors.SettingError")
