"""A recording of a call as a page shows it: two waveforms and something to play."""

from __future__ import annotations

import struct
import wave
from array import array
from base64 import b64encode
from pathlib import Path
from typing import NamedTuple

from voiceutils.mulaw import SAMPLE_RATE, to_linear16

__all__ = ["Shown", "show"]

LONGEST = 60.0  # seconds that are shown and played of one call
PEAKS_A_SECOND = 20
_LOUDEST = 32768
_MULAW = 7  # WAVE_FORMAT_MULAW, which browsers play, at half the size of PCM
_SAMPLES = array("h", to_linear16(bytes(range(256))))
_CODE = {sample: code for code, sample in enumerate(_SAMPLES)}


class Shown(NamedTuple):
    """What a page needs.

    Attributes:
        seconds: how long it plays here.
        whole: how long the recording is.
        caller: the loudest sample of each twentieth of a second, 0 to 1.
        agent: likewise.
        address: the recording as a ``data:`` address.
    """

    seconds: float
    whole: float
    caller: list[float]
    agent: list[float]
    address: str


def show(path: Path, longest: float = LONGEST) -> Shown | None:
    """Return a stereo recording for a page; None for anything that is none.

    Args:
        path: of the file.
        longest: seconds after which it is cut.
    """
    try:
        with wave.open(str(path), "rb") as file:
            shape = (file.getnchannels(), file.getsampwidth(), file.getframerate())
            if shape != (2, 2, SAMPLE_RATE):
                return None
            whole = file.getnframes() / SAMPLE_RATE
            samples = array("h", file.readframes(round(longest * SAMPLE_RATE)))
    except (OSError, EOFError, wave.Error, ValueError):
        return None
    if not samples or len(samples) % 2:
        return None
    seconds = len(samples) / 2 / SAMPLE_RATE
    sound = bytes([_CODE.get(sample, 0xFF) for sample in samples])
    address = "data:audio/wav;base64," + b64encode(_header(len(sound)) + sound).decode()
    return Shown(seconds, whole, _peaks(samples[0::2]), _peaks(samples[1::2]), address)


def _peaks(samples: array[int]) -> list[float]:
    size = SAMPLE_RATE // PEAKS_A_SECOND
    return [
        round(max(map(abs, samples[at : at + size])) / _LOUDEST, 3)
        for at in range(0, len(samples), size)
    ]


def _header(size: int) -> bytes:
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, _MULAW, 2),
        *(SAMPLE_RATE, SAMPLE_RATE * 2, 2, 8, b"data", size),
    )
