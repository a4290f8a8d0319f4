"""The rendered clips: real synthesised speech, found by its words.

``clips.ulaw`` holds the mu-law audio of all clips end to end, in whole frames;
``clips.json`` says for each clip which frames it has and which of them each word.
Both are written by ``python -m fakes.speech.render``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from fakes.speech.texts import spoken_form
from voiceutils.mulaw import FRAME_BYTES

__all__ = ["Clip", "ClipWord", "Phrase", "Phrases", "clips", "phrases"]


class ClipWord(NamedTuple):
    """A word of a clip: frames ``start`` to ``end``, the latter not included."""

    text: str
    start: int
    end: int


class Clip(NamedTuple):
    """A sentence or word as rendered."""

    text: str
    frames: tuple[bytes, ...]
    words: tuple[ClipWord, ...]


class Phrase(NamedTuple):
    """Consecutive words of a clip, as frames with the number of the word of each.

    Attributes:
        frames: the mu-law frames.
        owners: for each frame, its word counted from 1, or 0 in a pause.
    """

    frames: tuple[bytes, ...]
    owners: tuple[int, ...]


class Phrases:
    """Every run of consecutive words in some clips."""

    def __init__(self, clips: Sequence[Clip]) -> None:
        self._places: dict[tuple[str, ...], tuple[Clip, int, int]] = {}
        self._longest = max((len(clip.words) for clip in clips), default=0)
        # Whole clips come first: a digit said alone is clearer than one cut out.
        for clip in clips:
            self._places.setdefault(_key(clip, 0, None), (clip, 0, len(clip.words)))
        for clip in clips:
            for first in range(len(clip.words)):
                for end in range(first + 1, len(clip.words) + 1):
                    key = _key(clip, first, end)
                    self._places.setdefault(key, (clip, first, end))

    def longest(self, words: Sequence[str]) -> Phrase | None:
        """Return the longest phrase that ``words`` begin with, None if none does.

        Args:
            words: spoken forms, without case and punctuation.
        """
        for count in range(min(len(words), self._longest), 0, -1):
            place = self._places.get(tuple(words[:count]))
            if place is not None:
                return _cut(*place)
        return None


def _key(clip: Clip, first: int, end: int | None) -> tuple[str, ...]:
    return tuple(spoken_form(word.text) for word in clip.words[first:end])


def _cut(clip: Clip, first: int, end: int) -> Phrase:
    begin = clip.words[first].start
    owners = [0] * (clip.words[end - 1].end - begin)
    for number, word in enumerate(clip.words[first:end], 1):
        for frame in range(word.start, word.end):
            owners[frame - begin] = number
    frames = clip.frames[begin : begin + len(owners)]
    return Phrase(frames, tuple(owners))


@cache
def clips() -> tuple[Clip, ...]:
    """Return all rendered clips, read on first use."""
    folder = files("fakes.speech")
    audio = folder.joinpath("clips.ulaw").read_bytes()
    entries = json.loads(folder.joinpath("clips.json").read_text("ascii"))["clips"]
    loaded = []
    begin = 0
    for entry in entries:
        end = begin + entry["frames"] * FRAME_BYTES
        frames = tuple(
            audio[at : at + FRAME_BYTES] for at in range(begin, end, FRAME_BYTES)
        )
        words = tuple(ClipWord(*word) for word in entry["words"])
        loaded.append(Clip(entry["text"], frames, words))
        begin = end
    return tuple(loaded)


@cache
def phrases() -> Phrases:
    """Return the phrases of all rendered clips."""
    return Phrases(clips())
