"""Speaking: any text as coded mu-law frames, the same every time."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from fakes.speech.clips import phrases
from fakes.speech.code import (
    FRAME_LIMIT,
    LONGEST_WORD,
    SEGMENT_LETTERS,
    WORD_FRAME_LIMIT,
    WORD_LIMIT,
    FrameCode,
    Speaker,
    address,
    readdressed,
    stamp_all,
)
from fakes.speech.own_voice import pronounce, warm_up
from fakes.speech.texts import spoken_form
from fakes.speech.voices import VoiceName, in_voice
from voiceutils.errors import SettingError
from voiceutils.mulaw import FRAMES_PER_SECOND, SILENCE_FRAME

__all__ = [
    "Speech",
    "Utterance",
    "Word",
    "frames_of",
    "prepare",
    "speak",
    "tokens",
    "utter",
]

# Frames of silence after a word that ends so, where no clip knows better.
_PAUSES = {",": 8, ";": 8, ":": 8, ".": 14, "?": 14, "!": 14}
_JOIN = 2  # frames of silence between two words

# What language models write and ASCII does not have.
_PLAIN = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2013": "-",
        "\u2014": "-",
        "\u2026": "...",
    }
)


class Word(NamedTuple):
    """A word and when it sounds, in seconds from the start of the utterance."""

    text: str
    start: float
    end: float


class Speech(NamedTuple):
    """A spoken utterance.

    Attributes:
        text: the words as they are carried: in ASCII, one space between them.
        words: the same words with their times.
        frames: 160 coded mu-law bytes for each 20 ms.
    """

    text: str
    words: tuple[Word, ...]
    frames: tuple[bytes, ...]

    @property
    def audio(self) -> bytes:
        """All frames in one piece."""
        return b"".join(self.frames)

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.frames) / FRAMES_PER_SECOND


class Utterance(NamedTuple):
    """A text with its sound, before anybody says it."""

    tokens: tuple[str, ...]
    frames: tuple[bytes, ...]
    owners: tuple[int, ...]  # for each frame its word, from 1, or 0 in a pause


class _Spoken(NamedTuple):
    """An utterance stamped for caller 0, call 0 and turn 0."""

    text: str
    words: tuple[Word, ...]
    frames: tuple[int, ...]


def tokens(text: str) -> tuple[str, ...]:
    """Return the words of a text as speech carries them.

    Only ASCII travels: accents are dropped, other characters become ``?``. A word
    of more than ``LONGEST_WORD`` characters is broken into several.
    """
    plain = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    plain = "".join(x for x in plain if not unicodedata.combining(x))
    # Control characters would be lost as padding or break the line of words.
    plain = "".join(x if x.isprintable() or x.isspace() else " " for x in plain)
    return tuple(
        word[at : at + LONGEST_WORD]
        for word in plain.encode("ascii", "replace").decode("ascii").split()
        for at in range(0, len(word), LONGEST_WORD)
    )


def speak(
    text: str,
    *,
    speaker: Speaker,
    call: int,
    turn: int = 0,
    voice: VoiceName = "usual",
) -> Speech:
    """Return ``text`` as speech that carries its own proof.

    From a rendered clip where one has these words, else put together from the
    longest known phrases and, for unknown words, a small voice of our own.

    Args:
        text: one sentence or a few; at most 127 words and 40 s.
        speaker: whose voice it is to be.
        call: number of the call, or of the utterance for agent audio; 24 bits.
        turn: turn of the call, 8 bits.
        voice: one of :data:`fakes.speech.voices.VOICES`.

    Raises:
        SettingError: no words, too many of them, or a number out of range.
    """
    spoken = _spoken(tokens(text), voice)
    frames = readdressed(spoken.frames, address(speaker, call, turn))
    return Speech(spoken.text, spoken.words, tuple(frames))


def prepare() -> None:
    """Read the clips and warm up the voice, so that the first text is no slower."""
    phrases()
    warm_up()


def frames_of(
    text: str,
    *,
    speaker: Speaker,
    call: int,
    turn: int = 0,
    voice: VoiceName = "usual",
) -> Iterator[bytes]:
    """Return the frames of :func:`speak`, each made when it is asked for.

    A caller among a thousand keeps no seconds of audio that way.
    """
    spoken = _spoken(tokens(text), voice)
    return readdressed(spoken.frames, address(speaker, call, turn))


@lru_cache(maxsize=512)
def _spoken(words: tuple[str, ...], voice: VoiceName) -> _Spoken:
    utterance = utter(words, voice)
    frames = stamp_all(utterance.frames, _codes(utterance))
    return _Spoken(" ".join(words), _times(utterance), tuple(frames))


def _codes(utterance: Utterance) -> list[FrameCode]:
    """Return the code of each frame, numbered 0: frames that differ by it share one."""
    said = [0] * (len(utterance.tokens) + 1)  # frames of each word so far
    parts = [
        _parts(utterance, word, frames)
        for word, frames in enumerate(map(utterance.owners.count, range(len(said))))
    ]
    codes = []
    for word in utterance.owners:
        of_word = parts[word]
        codes.append(of_word[said[word] % len(of_word)])
        said[word] += 1
    return codes


def _parts(utterance: Utterance, word: int, frames: int) -> list[FrameCode]:
    """Return the codes of a word's segments, of which its frames take turns."""
    token = utterance.tokens[word - 1] if word else ""
    segments = _segments(token)
    return [
        FrameCode(
            speaker=Speaker.CALLER,
            call=0,
            turn=0,
            frame=0,
            frames=len(utterance.owners),
            word=word,
            segment=segment,
            letters=token[segment * SEGMENT_LETTERS : (segment + 1) * SEGMENT_LETTERS],
            last=segment == segments - 1,
            word_frames=min(frames, WORD_FRAME_LIMIT) if word else 0,
        )
        for segment in range(segments)
    ]


def _segments(token: str) -> int:
    return max(1, -(-len(token) // SEGMENT_LETTERS))


def _times(utterance: Utterance) -> tuple[Word, ...]:
    owners = utterance.owners
    words = []
    begin = 0
    for number, token in enumerate(utterance.tokens, 1):
        begin = owners.index(number, begin)
        end = begin + owners.count(number)
        words.append(Word(token, begin / FRAMES_PER_SECOND, end / FRAMES_PER_SECOND))
    return tuple(words)


def utter(words: tuple[str, ...], voice: VoiceName = "usual") -> Utterance:
    """Return the sound of words, as :func:`tokens` gives them, without a code.

    Raises:
        SettingError: no words, or too many of them.
    """
    if not words:
        raise SettingError("nothing to say: the text has no words")
    if len(words) > WORD_LIMIT:
        raise SettingError(
            f"{len(words)} words are too many for one utterance (at most {WORD_LIMIT});"
            " speak the text sentence by sentence"
        )
    frames: list[bytes] = []
    owners: list[int] = []
    at = 0
    while at < len(words):
        if at:
            pause = _PAUSES.get(words[at - 1][-1], _JOIN)
            frames += [SILENCE_FRAME] * pause
            owners += [0] * pause
        sound, numbers = _sound(words[at:])
        frames += sound
        owners += [number + at if number else 0 for number in numbers]
        at += max(numbers)
    if voice != "usual":
        frames, owners = in_voice(voice, frames, owners, [*map(_segments, words)])
    if len(frames) > FRAME_LIMIT:
        seconds, limit = (x / FRAMES_PER_SECOND for x in (len(frames), FRAME_LIMIT))
        raise SettingError(
            f"{seconds:.1f} s are too long for one utterance (at most {limit:.2f} s);"
            " speak the text sentence by sentence"
        )
    return Utterance(words, tuple(frames), tuple(owners))


def _sound(words: tuple[str, ...]) -> tuple[list[bytes], list[int]]:
    """Return the sound of as many of the words as one piece has, with owners."""
    # A word without letters ends a phrase: its form is found nowhere.
    phrase = phrases().longest([spoken_form(word) for word in words])
    if phrase is None:
        frames = pronounce(spoken_form(words[0]), max(3, _segments(words[0])))
        return list(frames), [1] * len(frames)
    sound: list[bytes] = []
    numbers: list[int] = []
    for number, frame, after in zip(
        phrase.owners, phrase.frames, [*phrase.owners[1:], 0], strict=True
    ):
        sound.append(frame)
        numbers.append(number)
        if number and after != number:
            # The last sound is held until all letters have had their turn.
            short = _segments(words[number - 1]) - numbers.count(number)
            sound += [frame] * short
            numbers += [number] * short
    return sound, numbers
