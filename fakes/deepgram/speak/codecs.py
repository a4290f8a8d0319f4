"""Speech in compressed forms, made by the FFmpeg libraries of the package ``av``.

``av`` is optional (``pip install busyhour[audio]``). Without it there are no such
forms: nothing is sent that a client could not decode.
"""

from __future__ import annotations

import importlib.util
import io
from fractions import Fraction
from typing import Any

from fakes.deepgram.speak.form import SpeechForm, phone_to_pcm

__all__ = ["MISSING", "Encoder", "can_encode"]

MISSING = (
    "this fake needs the package `av` to make `encoding={}`: "
    "pip install busyhour[audio]; or ask for linear16, mulaw or alaw"
)
# Encoding: container format, codec. MP3 without the header that tells a length.
_KINDS = {
    "mp3": ("mp3", "libmp3lame", {"write_xing": "0", "id3v2_version": "0"}),
    "opus": ("ogg", "libopus", {}),
    "flac": ("flac", "flac", {}),
    "aac": ("adts", "aac", {}),
}


def can_encode(form: SpeechForm) -> bool:
    """Tell whether this machine can make speech of that form."""
    return form.encoding not in _KINDS or importlib.util.find_spec("av") is not None


class _Sink(io.RawIOBase):
    """Takes what the container writes; cannot be sought, like a response."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.taken += data
        return len(data)


class Encoder:
    """Makes one file of compressed speech, piece by piece.

    Args:
        form: one that :func:`can_encode`.
    """

    def __init__(self, form: SpeechForm) -> None:
        self._av = importlib.import_module("av")
        container, codec, options = _KINDS[form.encoding]
        self._rate = form.sample_rate
        self._sink = _Sink()
        self._file: Any = self._av.open(
            self._sink, "w", format=container, options=options
        )
        self._stream: Any = self._file.add_stream(codec, rate=form.sample_rate)
        self._stream.layout = "mono"
        if form.bit_rate is not None:
            self._stream.bit_rate = form.bit_rate
        self._samples = 0

    def encode(self, audio: bytes) -> bytes:
        """Return what can be sent after this phone audio."""
        pcm = phone_to_pcm(audio, self._rate)
        if pcm:
            frame = self._av.AudioFrame("s16", "mono", len(pcm) // 2)
            frame.planes[0].update(pcm.ljust(frame.planes[0].buffer_size, b"\0"))
            frame.sample_rate = self._rate
            frame.time_base = Fraction(1, self._rate)
            frame.pts = self._samples
            self._samples += len(pcm) // 2
            self._file.mux(self._stream.encode(frame))
        return self._take()

    def finish(self) -> bytes:
        """Return the rest of the file."""
        self._file.mux(self._stream.encode(None))
        self._file.close()
        return self._take()

    def _take(self) -> bytes:
        taken, self._sink.taken = bytes(self._sink.taken), bytearray()
        return taken
