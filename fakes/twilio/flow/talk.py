"""The voice of a document: text as speech that proves itself, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from fakes.speech import Speaker, Speech, sentences, speak
from voiceutils.errors import SettingError
from voiceutils.mulaw import FRAME_BYTES, FRAMES_PER_SECOND, SILENCE, SILENCE_FRAME

__all__ = ["Player", "say", "silence", "utter"]

_SENTENCE_PAUSE = 10  # frames between two sentences


class Player:
    """Plays frames, once or several times.

    Args:
        frames: 160 bytes each.
        times: how often; 0 is for ever.
    """

    def __init__(self, frames: Iterable[bytes], times: int = 1) -> None:
        self._frames = tuple(frames)
        self._left = times if self._frames else 1
        self._endless = times == 0 and bool(self._frames)
        self._at = 0

    @property
    def is_over(self) -> bool:
        """Whether everything has been played."""
        return self._at >= len(self._frames) and not self._endless and self._left <= 1

    def frame(self) -> bytes:
        """Return the next frame; empty when there is none."""
        if self._at >= len(self._frames):
            if self.is_over:
                return b""
            self._left -= 1
            self._at = 0
        frame = self._frames[self._at]
        self._at += 1
        return frame


def utter(text: str, new_number: Callable[[], int]) -> Iterator[Speech]:
    """Yield the text as utterances, sentence by sentence; nothing without words."""
    for sentence in sentences(text):
        yield from _utter(sentence.split(), new_number)


def _utter(words: list[str], new_number: Callable[[], int]) -> Iterator[Speech]:
    """Speak words; in halves where they are too many for one utterance."""
    if not words:
        return
    try:
        speech = speak(" ".join(words), speaker=Speaker.AGENT, call=new_number())
    except SettingError:
        if len(words) == 1:
            return
        half = len(words) // 2
        yield from _utter(words[:half], new_number)
        yield from _utter(words[half:], new_number)
        return
    yield speech


def say(parts: Iterable[str | float], new_number: Callable[[], int]) -> list[bytes]:
    """Return the frames of text with pauses (seconds) in it."""
    frames: list[bytes] = []
    for part in parts:
        if isinstance(part, float):
            frames += silence(part)
            continue
        for speech in utter(part, new_number):
            if frames:
                frames += [SILENCE_FRAME] * _SENTENCE_PAUSE
            frames += speech.frames
    return frames


def silence(seconds: float) -> list[bytes]:
    """Return silent frames."""
    return [SILENCE_FRAME] * round(seconds * FRAMES_PER_SECOND)


def in_frames(audio: bytes) -> list[bytes]:
    """Return audio cut into frames, the last one filled with silence."""
    padded = audio + bytes([SILENCE]) * (-len(audio) % FRAME_BYTES)
    return [padded[at : at + FRAME_BYTES] for at in range(0, len(padded), FRAME_BYTES)]
