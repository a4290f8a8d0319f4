"""The two ways in which speech proves itself, and what speaks and reads each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Literal, NamedTuple, Protocol, TypeAlias

from fakes.speech.code import FrameCode, Speaker
from fakes.speech.reader import CodedFrame, FrameReader, PlainAudio
from fakes.speech.texts import GREETING
from fakes.speech.voice import Speech, frames_of, prepare, speak
from fakes.speech.voices import VoiceName
from voiceutils.errors import SettingError

__all__ = ["Reader", "Speaking", "SpeechMode", "speaking"]

SpeechMode: TypeAlias = Literal["exact", "robust"]


class Reader(Protocol):
    """Finds coded frames in a stream; :class:`FrameReader` tells what each does."""

    continued: bool

    @property
    def holds_back(self) -> bool:
        """Whether bytes wait that may still be part of coded speech."""

    def go_on(self, audio: bytes) -> bool:
        """Read a frame if it continues the one before, and tell whether it did."""

    def go_elsewhere(self, audio: bytes) -> FrameCode | None:
        """Read a frame of the same speech as the one before, in another place."""

    def next_frame(self, audio: bytes) -> CodedFrame | None:
        """Read a coded frame that came alone, where that is cheaper."""

    def skip_silence(self) -> int | None:
        """Pass over one frame of pure silence, where that is cheaper."""

    def feed(self, audio: bytes) -> list[CodedFrame | PlainAudio]:
        """Return what the stream holds up to here, in order and without gaps."""

    def flush(self) -> list[CodedFrame | PlainAudio]:
        """Return what is held back."""


class Frames(Protocol):
    """Speaks a text frame by frame, as :func:`fakes.speech.frames_of`."""

    def __call__(
        self,
        text: str,
        *,
        speaker: Speaker,
        call: int,
        turn: int = 0,
        voice: VoiceName = "usual",
    ) -> Iterator[bytes]:
        """Return the frames."""


class Voice(Protocol):
    """Speaks a text, as :func:`fakes.speech.speak`."""

    def __call__(
        self,
        text: str,
        *,
        speaker: Speaker,
        call: int,
        turn: int = 0,
        voice: VoiceName = "usual",
    ) -> Speech:
        """Return the speech."""


class Speaking(NamedTuple):
    """What speaks and reads one mode.

    Attributes:
        speak: speaks a text.
        frames_of: the same, each frame made when it is asked for.
        reader: makes a reader of one stream.
    """

    speak: Voice
    frames_of: Frames
    reader: Callable[[], Reader]


@cache
def speaking(mode: SpeechMode) -> Speaking:
    """Return what speaks and reads a mode, ready: no text is slow for being the first.

    Args:
        mode: ``exact`` for audio that arrives as it was sent, mu-law or linear16 at
            8000 Hz: each frame of 20 ms is proved. ``robust`` where somebody on the
            way resamples: each block of 160 ms is, silence between words is not, and
            reading costs 40 times as much.

    Raises:
        SettingError: the mode is unknown, or needs a package that is not installed.
    """
    if mode == "exact":
        prepare()
        return Speaking(speak, frames_of, FrameReader)
    if mode != "robust":
        raise SettingError(f"speech {mode!r} is neither exact nor robust")
    try:
        from fakes.speech.robust import block_reader, voice
    except ImportError as error:
        raise SettingError(
            f"speech 'robust' needs {error.name}: pip install 'busyhour[robust]'"
        ) from None
    voice.speak(GREETING, speaker=Speaker.AGENT, call=0)
    return Speaking(voice.speak, voice.frames_of, block_reader.BlockReader)
