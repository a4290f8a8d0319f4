"""Speech that carries its own proof.

Mu-law audio that sounds like speech and says, in every 20 ms frame, who speaks, in
which call, which frame of which utterance this is, and the word that sounds. Where an
agent resamples, :func:`speaking` gives a mode whose code survives that.
"""

from fakes.speech.code import FrameCode, Speaker
from fakes.speech.heard import HeardWord, WordsHeard
from fakes.speech.modes import Reader, SpeechMode, speaking
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
    "Reader",
    "Speaker",
    "Speech",
    "SpeechMode",
    "Word",
    "WordsHeard",
    "frames_of",
    "number_words",
    "numbers_in",
    "prepare",
    "reply_to",
    "sentences",
    "speak",
    "speaking",
]
