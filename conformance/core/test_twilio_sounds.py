"""Sounds of the usual kinds reach the phone as what they are."""

from __future__ import annotations

import io
import itertools
import math
import struct
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.speech.voice import tokens
from fakes.twilio.flow.sounds import SoundError, beep, read_sound, tones
from fakes.twilio.flow.talk import Player, in_frames, say, utter
from voiceutils import mulaw
from voiceutils.mulaw import FRAME_BYTES, SAMPLE_RATE


def sine(hertz: int, rate: int, seconds: float = 0.5) -> list[int]:
    """A tone as 16-bit samples."""
    count = round(rate * seconds)
    turn = 2 * math.pi * hertz / rate
    return [round(8000 * math.sin(turn * number)) for number in range(count)]


def wav(samples: list[int], rate: int, *, channels: int = 1, width: int = 2) -> bytes:
    """A WAV file; every channel has the same samples."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        for sample in samples:
            if width == 1:
                one = bytes([(sample >> 8) + 128])
            else:
                one = struct.pack("<i", sample << 16)[4 - width :]
            writer.writeframesraw(one * channels)
    return file.getvalue()


def strength(audio: bytes, hertz: int) -> float:
    """How much of a tone is in phone audio (Goertzel), 0 to 1 of its energy."""
    samples = mulaw.decode(audio)
    turn = 2 * math.pi * hertz / SAMPLE_RATE
    real = sum(value * math.cos(turn * n) for n, value in enumerate(samples))
    imaginary = sum(value * math.sin(turn * n) for n, value in enumerate(samples))
    energy = sum(value * value for value in samples) or 1
    return (real * real + imaginary * imaginary) * 2 / (len(samples) * energy)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 24000, 44100, 48000])
@pytest.mark.parametrize(
    ("channels", "width"), [(1, 2), (2, 2), (1, 1), (1, 3), (1, 4)]
)
def test_a_wav_of_any_rate_keeps_pitch_and_length(
    rate: int, channels: int, width: int
) -> None:
    """What the ear hears is a 440 Hz tone of half a second."""
    body = wav(sine(440, rate), rate, channels=channels, width=width)
    sound = read_sound(body, "audio/wav")
    assert len(sound.audio) == pytest.approx(SAMPLE_RATE / 2, abs=2)
    assert strength(sound.audio, 440) > 0.95
    assert sound.note == ""


def test_mu_law_passes_unchanged() -> None:
    """Raw, with the header of Sun's format, and in a WAV."""
    audio = bytes(range(256)) * 4
    assert read_sound(audio, "audio/x-mulaw").audio == audio
    header = b".snd" + struct.pack(">5I", 24, len(audio), 1, 8000, 1)
    assert read_sound(header + audio, "audio/basic").audio == audio
    form = struct.pack("<HHIIHH", 7, 1, 8000, 8000, 1, 8)
    chunks = b"fmt " + struct.pack("<I", 16) + form + b"LIST\x02\x00\x00\x00ab"
    data = b"data" + struct.pack("<I", len(audio)) + audio
    body = b"RIFF\x00\x00\x00\x00WAVE" + chunks + data
    assert read_sound(body, "audio/x-wav; codec=ulaw").audio == audio


def test_an_mp3_becomes_a_tone_of_its_length() -> None:
    """Its bytes are not decoded, and a note says so."""
    body = b"ID3junk" + b"\xff\xfb\x90\x00" + bytes(16_000 - 4)
    sound = read_sound(body, "audio/mpeg")
    assert len(sound.audio) == SAMPLE_RATE  # 128 kbit/s
    assert strength(sound.audio, 400) > 0.9
    assert "not decoded" in sound.note


def test_a_long_sound_is_cut() -> None:
    """With a note."""
    for body, kind in (
        (bytes(SAMPLE_RATE * 3), "audio/basic"),
        (wav(sine(440, 16_000, 3.0), 16_000), "audio/wav"),
    ):
        sound = read_sound(body, kind, longest=2.0)
        assert len(sound.audio) == 2 * SAMPLE_RATE
        assert "cut" in sound.note


WAV = wav(sine(440, 8000, 0.02), 8000)


@given(
    body=st.binary(max_size=200)
    | st.builds(
        lambda at, junk: WAV[:at] + junk + WAV[at + len(junk) :],
        st.integers(0, 60),
        st.binary(max_size=20),
    ),
    kind=st.sampled_from(
        ["audio/wav", "audio/mpeg", "audio/basic", "text/html", "", "audio/aiff"]
    ),
)
def test_junk_is_refused_or_played_and_never_a_crash(body: bytes, kind: str) -> None:
    """And never longer than what is allowed."""
    try:
        sound = read_sound(body, kind, longest=1.0)
    except SoundError:
        return
    assert len(sound.audio) <= SAMPLE_RATE


def test_each_key_has_its_two_tones() -> None:
    """Nobody else's."""
    rows, columns = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
    for number, key in enumerate("123A456B789C*0#D"):
        audio = (tones(key) or b"")[: SAMPLE_RATE // 10]
        present = {hertz for hertz in rows + columns if strength(audio, hertz) > 0.3}
        assert present == {rows[number // 4], columns[number % 4]}
    assert len(tones("w") or b"") == SAMPLE_RATE // 2
    assert len(tones("W") or b"") == SAMPLE_RATE
    assert tones("") == b""
    assert tones("x") is None
    assert tones("1" * 65) is None
    assert strength(beep(), 1000) > 0.9


@given(
    lengths=st.lists(st.just(FRAME_BYTES), max_size=5),
    times=st.integers(0, 4),
)
def test_a_player_plays_each_frame_so_many_times(
    lengths: list[int], times: int
) -> None:
    """0 times is for ever; nothing is over at once."""
    frames = [bytes([number]) * length for number, length in enumerate(lengths)]
    player = Player(frames, times)
    played = [player.frame() for _ in range(30)]
    if times and frames:
        expected = frames * times
        assert [frame for frame in played if frame] == expected
        assert played[len(expected) :] == [b""] * (30 - len(expected))
    elif frames:
        assert played == (frames * 30)[:30]
    else:
        assert played == [b""] * 30
    assert player.is_over == (not frames or times > 0)


@given(text=st.text(max_size=200))
def test_any_text_can_be_said(text: str) -> None:
    """All its words, in utterances of different numbers."""
    numbers = itertools.count(1)
    speeches = list(utter(text, lambda: next(numbers)))
    said = [word.text for speech in speeches for word in speech.words]
    assert said == list(tokens(" ".join(text.split())))
    frames = [frame for speech in speeches for frame in speech.frames]
    assert {len(frame) for frame in frames} <= {FRAME_BYTES}


def test_breaks_are_silence() -> None:
    """In frames."""
    numbers = iter(range(1, 10))
    frames = say(["", 0.5], lambda: next(numbers))
    assert frames == [b"\xff" * FRAME_BYTES] * 25
    assert in_frames(b"\x01" * 161)[1] == b"\x01" + b"\xff" * 159
    assert in_frames(b"") == []
