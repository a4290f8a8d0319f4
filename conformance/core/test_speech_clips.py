"""The committed clips: real speech, loud, small, and what espeak-ng says."""

from __future__ import annotations

import array
import base64
import importlib.metadata
import json
import math
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from conformance.core._speech import heard, say
from fakes.speech import (
    APOLOGY,
    CALLER_UTTERANCES,
    CONFIRMATION,
    DIGITS,
    GREETING,
    REPLIES,
    sentences,
)
from fakes.speech import render as renderer
from fakes.speech.clips import Clip, clips
from fakes.speech.texts import clip_texts
from voiceutils import mulaw
from voiceutils.errors import SettingError

FOLDER = files("fakes.speech")
BUNDLE = json.loads(FOLDER.joinpath("clips.json").read_text("ascii"))
# Rendering takes 0.2 s a clip, so a sample stands for all; each is its own process.
SAMPLE = [clip.text for clip in clips()][::9]
RENDER = """
import base64, json, sys
from fakes.speech.render import render
clip = render(sys.argv[1])
print(json.dumps([base64.b64encode(clip.audio).decode(), clip.words]))
"""

every_clip = pytest.mark.parametrize("clip", clips(), ids=lambda clip: clip.text)


def signal_to_noise(plain: bytes, coded: bytes) -> float:
    """How far, in dB, the change lies below the sound."""
    before, after = mulaw.decode(plain), mulaw.decode(coded)
    noise = sum((x - y) ** 2 for x, y in zip(before, after, strict=True))
    return 10 * math.log10(sum(x * x for x in before) / noise)


def test_every_scripted_sentence_has_a_clip() -> None:
    """What callers and the scripted model say sounds like speech."""
    assert len(CALLER_UTTERANCES) >= 8
    spoken = " ".join([GREETING, APOLOGY, CONFIRMATION, *REPLIES.values()])
    scripted = [*CALLER_UTTERANCES, *DIGITS, *sentences(spoken)]
    known = {clip.text for clip in clips()}
    assert [text for text in scripted if text not in known] == []
    assert [clip.text for clip in clips()] == clip_texts()


def test_the_bundle_is_small() -> None:
    """It is part of the repository and of the wheel."""
    names = ("clips.ulaw", "clips.json")
    sizes = [len(FOLDER.joinpath(name).read_bytes()) for name in names]
    assert sum(sizes) < 500_000
    assert sizes[0] == sum(len(clip.frames) for clip in clips()) * mulaw.FRAME_BYTES


@every_clip
def test_a_clip_is_loud_and_trimmed(clip: Clip) -> None:
    """It sounds from its first to its last frame, at telephone level."""
    audio = b"".join(clip.frames)
    voiced = sum(map(mulaw.is_voiced, clip.frames))
    assert 1000 < mulaw.level(audio) < 4000
    assert voiced > 0.6 * len(clip.frames)
    assert max(mulaw.level(frame) for frame in clip.frames[:3]) > 80
    assert max(mulaw.level(frame) for frame in clip.frames[-3:]) > 80
    assert max(map(abs, mulaw.decode(audio))) < 32124  # the loudest code: clipped


@every_clip
def test_the_words_of_a_clip_are_in_order(clip: Clip) -> None:
    """None overlaps, each lasts three frames at least and can be heard."""
    assert [word.text for word in clip.words] == clip.text.split()
    begin = 0
    for word in clip.words:
        assert begin <= word.start <= word.end - 3
        assert any(map(mulaw.is_voiced, clip.frames[word.start : word.end]))
        begin = word.end
    assert begin <= len(clip.frames)
    assert clip.words[0].start == 0


@every_clip
def test_the_code_can_hardly_be_heard(clip: Clip) -> None:
    """The change lies 25 dB or more below the speech."""
    speech = say(clip.text)
    assert len(speech.frames) == len(clip.frames)
    assert signal_to_noise(b"".join(clip.frames), speech.audio) >= 25


@every_clip
def test_a_clip_is_heard_as_its_text(clip: Clip) -> None:
    """Every word with the times of the clip."""
    words = heard(say(clip.text)).words()
    assert [tuple(word[:3]) for word in words] == [tuple(word) for word in clip.words]


@pytest.mark.parametrize("text", SAMPLE)
def test_rendering_is_reproducible(text: str) -> None:
    """The committed clip is what espeak-ng says, to the byte."""
    try:
        version = importlib.metadata.version("espeakng-loader")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("espeakng-loader is not installed; pip install 'busyhour[render]'")
    if version != BUNDLE["espeakng-loader"]:
        pytest.skip(f"the clips are of another espeakng-loader than {version}")
    command = [sys.executable, "-c", RENDER, text]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    audio, words = json.loads(done.stdout)
    committed = next(clip for clip in clips() if clip.text == text)
    assert tuple(tuple(word) for word in words) == committed.words
    assert base64.b64decode(audio) == b"".join(committed.frames)


def test_rendering_without_espeak_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is an extra, so its absence is the user's choice."""
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(SettingError, match=r"busyhour\[render\]"):
        renderer.open_synthesiser()


def test_rendering_into_nowhere_is_one_line(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """And nothing is rendered in vain."""
    monkeypatch.setattr(renderer, "bundle", lambda: pytest.fail("rendered"))
    assert renderer.main(["--into", str(tmp_path / "missing")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_filter_passes_speech_and_stops_what_would_fold() -> None:
    """A tone of 1 kHz stays, one of 5 kHz is 50 dB down."""

    def through(frequency: float) -> float:
        tone = array.array("h")
        tone.extend(
            round(10000 * math.sin(2 * math.pi * frequency * at / 22050))
            for at in range(4410)
        )
        middle = renderer.to_telephone(tone, 22050)[200:-200]
        return math.sqrt(2 * sum(x * x for x in middle) / len(middle))

    assert through(1000) == pytest.approx(10000, rel=0.01)
    assert through(3000) == pytest.approx(10000, rel=0.01)
    assert through(4500) < 10000 / 300
    assert through(5000) < 10000 / 300
