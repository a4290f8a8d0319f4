"""Files of compressed audio become WAV files, if the extra ``audio`` is installed.

Whatever the FFmpeg libraries of the package ``av`` read: MP3, FLAC, Ogg with Opus or
Vorbis, WebM, MP4. Without the package, or for a broken file, the bytes stay what they
are, and the fake answers as the service answers what it cannot decode.
"""

from __future__ import annotations

import importlib
import io
import struct
from typing import Any

__all__ = ["uncompressed"]

_PHONE_RATE = 8000
_BEGINNINGS = (
    b"fLaC", b"OggS", b"\x1aE\xdf\xa3",
    b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2",  # MP3
    b"\xff\xf1", b"\xff\xf9",  # AAC
)  # fmt: skip


def uncompressed(audio: bytes) -> bytes:
    """Return a WAV file of the same sound, or the bytes as they are."""
    if not audio.startswith(_BEGINNINGS) and audio[4:8] != b"ftyp":
        return audio
    try:
        av: Any = importlib.import_module("av")
    except ImportError:
        return audio
    try:
        with av.open(io.BytesIO(audio)) as file:
            return _wav(av, file)
    except (av.FFmpegError, IndexError, ValueError):
        return audio


def _wav(av: Any, file: Any) -> bytes:
    stream = file.streams.audio[0]
    layout = stream.layout
    channels = layout.nb_channels
    resampler = av.AudioResampler(format="s16", layout=layout, rate=_PHONE_RATE)
    samples = bytearray()
    for packet in file.demux(stream):
        for decoded in packet.decode():
            for frame in resampler.resample(decoded):
                # A plane is padded beyond its samples.
                samples += bytes(frame.planes[0])[: 2 * channels * frame.samples]
    for frame in resampler.resample(None):
        samples += bytes(frame.planes[0])[: 2 * channels * frame.samples]
    return _wav_header(len(samples), channels) + bytes(samples)


def _wav_header(size: int, channels: int) -> bytes:
    form = struct.pack(
        "<HHIIHH",
        1,
        channels,
        _PHONE_RATE,
        2 * channels * _PHONE_RATE,
        2 * channels,
        16,
    )
    head = b"RIFF" + struct.pack("<I", size + 36) + b"WAVEfmt \x10\0\0\0" + form
    return head + b"data" + struct.pack("<I", size)
