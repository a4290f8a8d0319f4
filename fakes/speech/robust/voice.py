"""Speaking in the robust mode: any text in blocks of 160 ms, words before code."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fakes.speech.code import FRAME_LIMIT, Speaker
from fakes.speech.robust.block_code import (
    BLOCK_FRAMES,
    BLOCK_LETTERS,
    BLOCK_LIMIT,
    PAUSE_LIMIT,
    BlockCode,
    pack,
)
from fakes.speech.robust.carrier import below_the_code, stretched
from fakes.speech.robust.modulation import BLOCK_SAMPLES, modulate
from fakes.speech.robust.samples import to_linear, to_mulaw
from fakes.speech.voice import Speech, Utterance, Word, tokens, utter
from fakes.speech.voices import VoiceName
from voiceutils.errors import SettingError
from voiceutils.mulaw import FRAME_BYTES, FRAMES_PER_SECOND, SILENCE_FRAME

__all__ = ["frames_of", "speak"]

Floats = npt.NDArray[np.float64]

CODE_LEVEL = 900.0  # root of the mean square; 12 dB below that of the clips
# Of the carrier; with the code on top, 6 dB more still do not clip.
_LOUDEST = 12_000.0


class _Piece(NamedTuple):
    """A word's sound in whole blocks, and the silent blocks after it."""

    sound: Floats
    pause: int

    @property
    def blocks(self) -> int:
        return len(self.sound) // BLOCK_SAMPLES


def speak(
    text: str,
    *,
    speaker: Speaker,
    call: int,
    turn: int = 0,
    voice: VoiceName = "usual",
) -> Speech:
    """Return ``text`` as speech whose code survives resampling.

    Slower than :func:`fakes.speech.speak` says it: a word takes whole blocks, one for
    each five letters at least.

    Raises:
        SettingError: no words, too many of them, or a number out of range.
    """
    words = tokens(text)
    pieces = _pieces(words, voice)
    frames = tuple(_frames(words, pieces, speaker, call, turn))
    timed = []
    begin = 0
    for word, piece in zip(words, pieces, strict=True):
        end = begin + piece.blocks
        seconds = (at * BLOCK_FRAMES / FRAMES_PER_SECOND for at in (begin, end))
        timed.append(Word(word, *seconds))
        begin = end + piece.pause
    return Speech(" ".join(words), tuple(timed), frames)


def frames_of(
    text: str,
    *,
    speaker: Speaker,
    call: int,
    turn: int = 0,
    voice: VoiceName = "usual",
) -> Iterator[bytes]:
    """Return the frames of :func:`speak`, word by word as they are asked for."""
    words = tokens(text)
    pieces = _pieces(words, voice)  # a mistake is told now
    return _frames(words, pieces, speaker, call, turn)


def _frames(
    words: tuple[str, ...],
    pieces: tuple[_Piece, ...],
    speaker: Speaker,
    call: int,
    turn: int,
) -> Iterator[bytes]:
    blocks = sum(piece.blocks + piece.pause for piece in pieces)
    block = 0
    for number, (word, piece) in enumerate(zip(words, pieces, strict=True), 1):
        parts = _parts(word)
        for part, sound in enumerate(piece.sound.reshape(-1, BLOCK_SAMPLES)):
            segment = part % len(parts)
            code = BlockCode(
                speaker,
                call,
                turn,
                block,
                blocks,
                number,
                piece.blocks,
                segment,
                segment == len(parts) - 1,
                parts[segment],
                piece.pause if part == piece.blocks - 1 else 0,
            )
            coded = sound + CODE_LEVEL * modulate(pack(code))
            audio = to_mulaw(coded)
            for at in range(0, BLOCK_SAMPLES, FRAME_BYTES):
                yield audio[at : at + FRAME_BYTES]
            block += 1
        block += piece.pause
        for _ in range(piece.pause * BLOCK_FRAMES):
            yield SILENCE_FRAME


def _parts(word: str) -> list[str]:
    size = BLOCK_LETTERS
    return [word[at : at + size] for at in range(0, len(word), size)]


@lru_cache(maxsize=512)
def _pieces(words: tuple[str, ...], voice: VoiceName) -> tuple[_Piece, ...]:
    said = utter(words, voice)
    pieces = [_piece(said, number) for number in range(1, len(words) + 1)]
    blocks = sum(piece.blocks + piece.pause for piece in pieces)
    if blocks > BLOCK_LIMIT:
        limit = FRAME_LIMIT / FRAMES_PER_SECOND
        raise SettingError(
            f"{blocks * BLOCK_FRAMES / FRAMES_PER_SECOND:.1f} s are too long for one "
            f"utterance (at most {limit:.1f} s); speak the text sentence by sentence"
        )
    return tuple(pieces)


def _piece(said: Utterance, number: int) -> _Piece:
    begin = said.owners.index(number)
    end = begin + said.owners.count(number)
    word = said.tokens[number - 1]
    sound = to_linear(b"".join(said.frames[begin:end]))
    blocks = max(len(_parts(word)), round((end - begin) / BLOCK_FRAMES))
    further = number < len(said.tokens)
    pause = said.owners.index(number + 1) - end if further else 0
    whole = stretched(below_the_code(sound), blocks * BLOCK_FRAMES)
    loudest = float(np.max(np.abs(whole)))
    if loudest > _LOUDEST:
        whole = whole * (_LOUDEST / loudest)
    return _Piece(whole, min(PAUSE_LIMIT, round(pause / BLOCK_FRAMES)))
