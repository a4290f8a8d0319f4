"""The fake recogniser: forms of audio, and audio that is cut anywhere."""

from __future__ import annotations

import itertools
import struct

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.core._listening import (
    AT_ONCE,
    PHONE,
    SAID,
    audio_of,
    caller,
    chunkings,
    finals,
    listening,
    messages,
    scripts,
    stream,
    words_of,
)
from fakes.deepgram.ear.hearing import Hearing
from fakes.deepgram.errors import UNDECODABLE
from fakes.deepgram.outbox import Ended
from fakes.speech import CALLER_UTTERANCES
from voiceutils.mulaw import SILENCE_FRAME, encode, to_linear16


@settings(max_examples=30)
@given(scripts, chunkings, chunkings)
def test_chunking_does_not_matter(
    script: list[str | int], sizes: list[int], others: list[int]
) -> None:
    """What is recognised does not depend on how the audio was cut."""
    audio = audio_of(script)

    assert messages(stream(listening(), audio, sizes)) == messages(
        stream(listening(), audio, others)
    )


def test_plain_audio_is_heard_by_its_energy() -> None:
    """A burst of sound without code becomes scripted words; silence ends it."""
    tone = encode([8000 if n // 20 % 2 else -8000 for n in range(8000)])
    audio = SILENCE_FRAME * 20 + tone + SILENCE_FRAME * 40
    results = finals(messages(stream(listening(), audio)))
    (spoken,) = [result for result in results if words_of(result)]

    assert words_of(spoken) == CALLER_UTTERANCES[0].split()[:4]
    assert spoken["speech_final"]


@pytest.mark.parametrize("times", [1, 2])
def test_linear16_keeps_the_code(times: int) -> None:
    """Linear16 at 8000 Hz, or 16000 by repeated samples, is heard word for word."""
    audio = b"".join(caller()) + SILENCE_FRAME * 20
    wide = bytes(byte for byte in audio for _ in range(times))
    query = PHONE._replace(encoding="linear16", sample_rate=8000 * times)
    results = finals(messages(stream(listening(query), to_linear16(wide), [333])))

    assert " ".join(w for r in results for w in words_of(r)) == SAID


def test_wav_header_is_understood() -> None:
    """A WAV file needs no encoding in the query."""
    from fakes.deepgram.speak.form import SpeechForm

    audio = SpeechForm(container="wav").header + b"".join(caller()) + SILENCE_FRAME * 20
    query = PHONE._replace(encoding=None, sample_rate=None)
    results = finals(messages(stream(listening(query), audio, [7, 800])))

    assert " ".join(w for r in results for w in words_of(r)) == SAID


def test_channels_are_heard_apart() -> None:
    """Multichannel gives each channel its own results, ``[i, total]``."""
    left, right = b"".join(caller()), b"".join(caller("Goodbye.", call=7))
    size = max(len(left), len(right)) + 160 * 20
    pairs = zip(left.ljust(size, b"\xff"), right.ljust(size, b"\xff"), strict=True)
    audio = bytes(byte for pair in pairs for byte in pair)
    query = PHONE._replace(channels=2, multichannel=True)
    heard = finals(messages(stream(listening(query), audio)))

    said: dict[tuple[int, ...], list[str]] = {}
    for result in heard:
        said.setdefault(tuple(result["channel_index"]), []).extend(words_of(result))
    assert said == {(0, 2): SAID.split(), (1, 2): ["Goodbye."]}


@settings(max_examples=40)
@given(st.lists(st.integers(0, 700), min_size=1, max_size=4), chunkings)
def test_ear_hears_every_moment_once(gaps: list[int], sizes: list[int]) -> None:
    """Moments follow one another without gap or overlap, whatever lies between."""
    hiss = encode([3000, -3000])
    audio = b"".join(
        (hiss * gap)[:gap] + b"".join(caller("Goodbye.", turn=turn))
        for turn, gap in enumerate(gaps)
    )
    ear = Hearing()
    ends, at = [0.0], 0
    for size in itertools.cycle(sizes):
        ends += [moment.end for moment in ear.hear(audio[at : at + size])]
        at += size
        if at >= len(audio):
            break
    ends += [moment.end for moment in ear.finish() if moment.word is None]

    assert ends[-1] == pytest.approx(len(audio) / 8000)
    for before, after in itertools.pairwise(ends):
        assert 0 < after - before < 0.0201


def test_stereo_file_on_a_stream_opens_its_channels() -> None:
    """A WAV header with two channels is heard as two, also when cut anywhere."""
    form = struct.pack("<HHIIHH", 7, 2, 8000, 16000, 2, 8)
    frames = b"".join(caller()) + SILENCE_FRAME * 20
    both = bytes(byte for pair in zip(frames, frames, strict=True) for byte in pair)
    audio = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + form + b"data\0\0\0\0" + both
    query = PHONE._replace(encoding=None, sample_rate=None, multichannel=True)
    heard = messages(stream(listening(query), audio, [7, 1600]))

    assert {tuple(m["channel_index"]) for m in finals(heard)[-2:]} == {(0, 2), (1, 2)}
    assert heard[-1]["channels"] == 2


@pytest.mark.parametrize("size", [1, 3, 500])
def test_header_in_pieces_is_no_noise(size: int) -> None:
    """Where undecodable audio closes, a header that is still incomplete does not."""
    form = struct.pack("<HHIIHH", 7, 1, 8000, 8000, 1, 8)
    audio = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + form + b"data\0\0\0\0" + SILENCE_FRAME
    options = msgspec.structs.replace(AT_ONCE, undecodable="close")
    plain = PHONE._replace(encoding=None, sample_rate=None)
    said = stream(listening(plain, options), audio, [size])
    noise = listening(plain, options)
    noise.receive(b"no audio", 1.0)

    assert said[-1] == Ended(1000, "")
    assert noise.take() == [Ended(1008, UNDECODABLE)]
