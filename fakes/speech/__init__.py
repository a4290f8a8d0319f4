"""Speech that carries its own proof.

Mu-law audio that sounds like speech and says, in every 20 ms frame, who speaks, in
which call, which frame of which utterance this is, and the word that sounds.
"""

from fakes.speech.code import FrameCode, Speaker
from fakes.speech.heard import HeardWord, WordsHeard
from fakes.speech.reader import CodedFrame, FrameReader, PlainAudio
from fakes.speech.texts import (
    APOLOGY,
    CALLER_UTTERANCES,
    CONFIRMATION,
    DIGITS,
    GREETING,
    REPLIES,
    number_words,
    numbers_in,
    reply_to,
    sentences,
)
from fakes.speech.voice import Speech, Word, frames_of, prepare, speak

__all__ = [
    "APOLOGY",
    "CALLER_UTTERANCES",
    "CONFIRMATION",
    "DIGITS",
    "GREETING",
    "REPLIES",
    "CodedFrame",
    "FrameCode",
    "FrameReader",
    "HeardWord",
    "PlainAudio",
    "Speaker",
    "Speech",
    "Word",
    "WordsHeard",
    "frames_of",
    "number_words",
    "numbers_in",
    "prepare",
    "reply_to",
    "sentences",
    "speak",
]
