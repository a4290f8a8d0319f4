"""What voice-activity detectors make of the speech: the words speak, the gaps do not.

webrtcvad is installed with the tests. Silero's package asks for torch, of which nothing
is needed here: ``pip install onnxruntime``, ``pip install --no-deps silero-vad``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import webrtcvad

from fakes.speech import Speaker, Speech, speak
from fakes.speech.robust.samples import to_linear
from fakes.speech.robust.voice import speak as speak_robustly
from voiceutils.mulaw import FRAME_BYTES, FRAMES_PER_SECOND, SILENCE_FRAME

# A clip, digits put together, a pause between sentences, a word of our own voice.
TEXT = (
    "Hello, this is caller four seven two nine. My zebra stopped working this morning."
)
_AROUND = 50  # frames of silence before and after


def _webrtc(audio: bytes) -> list[bool]:
    detector = webrtcvad.Vad(2)
    samples = to_linear(audio).astype("<i2").tobytes()
    size = 2 * FRAME_BYTES
    pieces = (samples[at : at + size] for at in range(0, len(samples), size))
    return [detector.is_speech(piece, 8000) for piece in pieces]


def _silero(audio: bytes) -> list[bool]:
    model = importlib.util.find_spec("silero_vad")
    if model is None or importlib.util.find_spec("onnxruntime") is None:
        pytest.skip("needs pip install onnxruntime, and --no-deps silero-vad")
    import onnxruntime

    assert model.origin is not None
    path = Path(model.origin).with_name("data") / "silero_vad.onnx"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options)
    samples = (to_linear(audio) / 32768).astype(np.float32)
    state: Any = np.zeros((2, 1, 128), np.float32)
    before = np.zeros(32, np.float32)
    voiced = []
    for at in range(0, len(samples) - 255, 256):
        window = np.concatenate([before, samples[at : at + 256]])[None]
        inputs = {"input": window, "state": state, "sr": np.array(8000)}
        likely, state = session.run(None, inputs)
        before = window[0, -32:]
        voiced.append(float(likely[0, 0]) > 0.5)
    frames = range(len(samples) // FRAME_BYTES)
    return [voiced[min(len(voiced) - 1, n * FRAME_BYTES // 256)] for n in frames]


Detector = Callable[[bytes], list[bool]]


@pytest.mark.parametrize("detector", [_webrtc, _silero], ids=["webrtcvad", "Silero"])
@pytest.mark.parametrize("said", [speak, speak_robustly], ids=["exact", "robust"])
def test_detectors_hear_words_and_gaps(
    said: Callable[..., Speech], detector: Detector
) -> None:
    """Nine tenths of the words are a voice; the pause, before and after are not."""
    speech = said(TEXT, speaker=Speaker.CALLER, call=4729)
    heard = detector(SILENCE_FRAME * _AROUND + speech.audio + SILENCE_FRAME * _AROUND)
    words = [
        frame
        for word in speech.words
        for frame in range(
            round(word.start * FRAMES_PER_SECOND), round(word.end * FRAMES_PER_SECOND)
        )
    ]
    share = sum(heard[_AROUND + frame] for frame in words) / len(words)
    nine = next(word for word in speech.words if word.text == "nine.")
    # Detectors stay on for a while after a voice, 0.1 s or so.
    pause = _AROUND + round(nine.end * FRAMES_PER_SECOND) + 7
    assert share > 0.9
    assert not any(heard[pause : pause + 5])
    assert not any(heard[: _AROUND - 1])
    assert not any(heard[-_AROUND + 15 :])
