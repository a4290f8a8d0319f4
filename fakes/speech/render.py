"""Render the clips anew: ``python -m fakes.speech.render``.

Speaks every text of ``fakes.speech.texts`` with espeak-ng (``pip install
'busyhour[render]'``), brings it down to telephone audio and writes ``clips.ulaw``
and ``clips.json``. espeak-ng is GPL and is loaded only here, in processes of its
own; the clips it has spoken are committed, so nothing else ever needs it.

The C interface is that of espeak-ng's ``speak_lib.h``
(https://github.com/espeak-ng/espeak-ng/blob/master/src/include/espeak-ng/speak_lib.h).
"""

from __future__ import annotations

import argparse
import array
import ctypes
import importlib
import importlib.metadata
import itertools
import json
import math
import operator
import re
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from fakes.speech.clips import ClipWord
from fakes.speech.texts import clip_texts
from voiceutils import mulaw
from voiceutils.errors import SettingError

_VOICE = b"en-us"
_WORDS_A_MINUTE = 205
_BUNDLE_LIMIT = 500_000  # bytes, both files together

_LEVEL = 2500.0  # mean amplitude where there is sound: telephone level
_LOUDEST = 30000.0  # peak; beyond it mu-law clips
_QUIET = 80.0  # a frame below this mean amplitude is a pause
_SHORTEST_WORD = 3  # frames
_SHORTEST_PAUSE = 2  # frames; a stop consonant is not a pause

# The telephone passes up to 3400 Hz; the filter is 60 dB down at 4000 Hz.
_CUTOFF = 3600.0
_REACH = 64  # input samples on each side

_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: call back from within espeak_Synth
_RATE = 1  # espeakRATE
_UTF8 = 1  # espeakCHARS_UTF8
_WORD_EVENT = 1  # espeakEVENT_WORD


class Rendered(NamedTuple):
    """A clip as it goes into the bundle; ``words`` count in frames."""

    text: str
    audio: bytes
    words: tuple[ClipWord, ...]


class _Event(ctypes.Structure):
    """One ``espeak_EVENT``."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),  # in characters, from 1
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # ms
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.POINTER(ctypes.c_short),
    ctypes.c_int,
    ctypes.POINTER(_Event),
)

# Speaks a text: samples, and the character position and ms of each word.
Synthesiser = Callable[[str], tuple["array.array[int]", list[tuple[int, int]]]]


def open_synthesiser() -> tuple[int, Synthesiser]:
    """Load espeak-ng; return its sample rate and a function that speaks.

    Raises:
        SettingError: espeak-ng is not installed or does not start.
    """
    try:
        loader: Any = importlib.import_module("espeakng_loader")
    except ImportError:
        raise SettingError(
            "espeakng-loader is not installed; pip install 'busyhour[render]'"
        ) from None
    library = ctypes.CDLL(loader.get_library_path())
    rate = library.espeak_Initialize(
        _SYNCHRONOUS, 0, str(loader.get_data_path()).encode(), 0
    )
    if rate <= 0 or library.espeak_SetVoiceByName(_VOICE):
        raise SettingError(f"espeak-ng does not start (answer {rate}); reinstall it")
    library.espeak_SetParameter(_RATE, _WORDS_A_MINUTE, 0)
    samples: array.array[int] = array.array("h")
    marks: list[tuple[int, int]] = []

    def receive(wave: Any, count: int, events: Any) -> int:
        if wave and count:
            samples.frombytes(ctypes.string_at(wave, 2 * count))
        number = 0
        while events[number].type:
            event = events[number]
            if event.type == _WORD_EVENT:
                marks.append((event.text_position - 1, event.audio_position))
            number += 1
        return 0

    callback = _CALLBACK(receive)
    library.espeak_SetSynthCallback(callback)

    # The default keeps the callback alive as long as the function is.
    def synthesise(
        text: str, _keep: Any = callback
    ) -> tuple[array.array[int], list[tuple[int, int]]]:
        del samples[:], marks[:]
        spoken = text.encode() + b"\0"
        library.espeak_Synth(spoken, len(spoken), 0, 0, 0, _UTF8, None, None)
        return samples[:], marks[:]

    return rate, synthesise


def to_telephone(samples: array.array[int], rate: int) -> list[float]:
    """Return the samples at 8000 Hz, low-passed by a Kaiser-windowed sinc."""
    step = math.gcd(rate, mulaw.SAMPLE_RATE)
    down, phases = rate // step, mulaw.SAMPLE_RATE // step
    banks = [_filter(phase / phases, rate) for phase in range(phases)]
    padded = [0] * _REACH + list(samples) + [0] * (_REACH + 1)
    telephone = []
    for at in range(len(samples) * phases // down):
        whole, part = divmod(at * down, phases)
        window = padded[whole : whole + 2 * _REACH + 1]
        telephone.append(math.fsum(map(operator.mul, banks[part], window)))
    return telephone


def _filter(part: float, rate: int) -> list[float]:
    """Return the taps that read a signal ``part`` of a sample after its sample."""
    taps = []
    for place in range(-_REACH, _REACH + 1):
        distance = place - part
        turn = 2 * math.pi * _CUTOFF / rate * distance
        sinc = math.sin(turn) / turn if turn else 1.0
        inside = 1 - (distance / (_REACH + 1)) ** 2
        taps.append(sinc * _bessel(6.0 * math.sqrt(max(inside, 0.0))))
    gain = sum(taps)
    return [tap / gain for tap in taps]


def _bessel(x: float) -> float:
    """Return the modified Bessel function of order 0, by its power series."""
    total = term = 1.0
    for k in range(1, 30):
        term *= (x / 2 / k) ** 2
        total += term
    return total


def render(text: str) -> Rendered:
    """Speak one text; return it trimmed, at telephone level, with its words."""
    rate, synthesise = open_synthesiser()
    samples, marks = synthesise(text)
    telephone = to_telephone(samples, rate)
    sounding = [abs(x) for x in telephone if abs(x) > _QUIET]
    gain = _LEVEL * len(sounding) / sum(sounding)
    gain = min(gain, _LOUDEST / max(sounding))
    telephone += [0.0] * (-len(telephone) % mulaw.FRAME_BYTES)
    audio = mulaw.encode([round(x * gain) for x in telephone])
    size = mulaw.FRAME_BYTES
    levels = [mulaw.level(audio[at : at + size]) for at in range(0, len(audio), size)]
    loud = [frame for frame, level in enumerate(levels) if level >= _QUIET]
    first, end = loud[0], loud[-1] + 1
    starts = [
        (word, max(round(at * mulaw.FRAMES_PER_SECOND / 1000) - first, 0))
        for word, at in _word_starts(text, marks, 1000 * len(samples) / rate)
    ]
    words = _words(starts, levels[first:end])
    return Rendered(text, audio[first * size : end * size], words)


def _word_starts(
    text: str, marks: list[tuple[int, int]], end: float
) -> list[tuple[str, float]]:
    """Return each word with its begin in ms.

    One mark may cover two words ("did not"); they share its time by their letters.
    """
    bounds = [*sorted(dict(reversed(marks)).items()), (len(text), end)]
    words = []
    for (place, begin), (next_place, next_begin) in itertools.pairwise(bounds):
        covered = text[place:next_place].rstrip()
        for word in re.finditer(r"\S+", covered):
            share = word.start() / len(covered)
            words.append((word[0], begin + share * (next_begin - begin)))
    if [word for word, _ in words] != text.split():
        raise SettingError(f"espeak-ng marks the words of {text!r} oddly: {marks}")
    return words


def _words(begins: list[tuple[str, int]], levels: list[float]) -> tuple[ClipWord, ...]:
    """Return the words with their frames; silence after a word is not its own."""
    tokens = [word for word, _ in begins]
    starts = [0, *(start for _, start in begins[1:]), len(levels)]
    # A word that is too short takes frames from its longer neighbour.
    for number in range(1, len(tokens)):
        starts[number] = max(starts[number], starts[number - 1] + _SHORTEST_WORD)
    for number in range(len(tokens) - 1, 0, -1):
        starts[number] = min(starts[number], starts[number + 1] - _SHORTEST_WORD)
    words = []
    for token, start, limit in zip(tokens, starts, starts[1:], strict=False):
        end = limit
        while end - start > _SHORTEST_WORD and levels[end - 1] < _QUIET:
            end -= 1
        if limit - end < _SHORTEST_PAUSE:
            end = limit
        words.append(ClipWord(token, start, end))
    return tuple(words)


def bundle() -> tuple[bytes, str]:
    """Render every clip; return the contents of ``clips.ulaw`` and ``clips.json``.

    Raises:
        SettingError: espeak-ng is missing, or the bundle has grown too large.
    """
    # espeak-ng never says a word twice in the same way. In a fresh process a clip
    # depends on its own text alone, so changing one leaves the others as they are.
    with ProcessPoolExecutor(max_tasks_per_child=1) as processes:
        rendered = list(processes.map(render, clip_texts()))
    audio = b"".join(clip.audio for clip in rendered)
    entries = [
        json.dumps(
            {
                "text": clip.text,
                "frames": len(clip.audio) // mulaw.FRAME_BYTES,
                "words": clip.words,
            }
        )
        for clip in rendered
    ]
    version = json.dumps(importlib.metadata.version("espeakng-loader"))
    index = f'{{"espeakng-loader": {version}, "clips": [\n'
    index += ",\n".join(entries) + "\n]}\n"
    if len(audio) + len(index) > _BUNDLE_LIMIT:
        raise SettingError(
            f"{len(audio) + len(index)} bytes of clips are more than {_BUNDLE_LIMIT}; "
            "say less in fakes/speech/texts.py"
        )
    return audio, index


def main(arguments: list[str] | None = None) -> int:
    """Render into a folder, by default that of this module; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m fakes.speech.render", description="Render the speech clips."
    )
    parser.add_argument(
        "--into", type=Path, default=Path(__file__).parent, metavar="FOLDER"
    )
    folder: Path = parser.parse_args(arguments).into
    try:
        if not folder.is_dir():
            raise SettingError(f"{folder} is no folder; make it first")
        audio, index = bundle()
        folder.joinpath("clips.ulaw").write_bytes(audio)
        folder.joinpath("clips.json").write_text(index, "ascii")
    except (SettingError, OSError) as problem:
        sys.stderr.write(f"render: {problem}\n")
        return 2
    seconds = mulaw.seconds_of(audio)
    size = len(audio) + len(index)
    sys.stdout.write(f"{seconds:.1f} s of speech, {size} bytes in {folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
