"""The conversation as a table: in which state what happens leads to what."""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

__all__ = ["TABLE", "Happening", "State", "Step"]


class State(Enum):
    """Where the conversation stands."""

    LISTENING = "listening"  # nothing of ours is due or unplayed
    THINKING = "thinking"  # a turn of ours has begun, the caller hears nothing of it
    SPEAKING = "speaking"  # a turn of ours is being heard
    LEAVING = "leaving"  # last words, then hang up
    ENDED = "ended"


class Happening(Enum):
    """What may happen, whoever reported it."""

    VOICE = "the caller makes a sound like speech"
    WORDS = "the caller says words"
    FINISHED = "the caller has finished an utterance"
    UNHEARD = "the caller spoke, and no words came of it"
    AUDIO = "audio of our turn is on its way"
    PLAYED = "our turn is complete and heard"
    PARTED = "our answer to a good-bye is complete and heard"
    FAILED = "our turn cannot be completed"
    HOPELESS = "our turn cannot be completed, and saying so will not help"
    DEAF = "the recogniser is gone for good"
    LATE = "the call or the last words take too long"


class Step(Enum):
    """What is done on the way to the next state, in this order."""

    CANCEL = "stop making our turn"
    CLEAR = "drop what is unplayed, if anything is"
    RECALL = "take the unanswered utterance back"
    ANSWER = "answer the utterance"
    REPROMPT = "ask the caller to say it again"
    APOLOGISE = "say that something went wrong"
    FAREWELL = "say so and leave"
    HANG_UP = "hang up"


_S, _H, _D = State, Happening, Step
_Moves: TypeAlias = dict[Happening, tuple[State, tuple[Step, ...]]]

# What is not listed changes nothing.
TABLE: dict[State, _Moves] = {
    _S.LISTENING: {
        _H.FINISHED: (_S.THINKING, (_D.ANSWER,)),
        _H.UNHEARD: (_S.THINKING, (_D.REPROMPT,)),
        _H.DEAF: (_S.LEAVING, (_D.FAREWELL,)),
        _H.LATE: (_S.LEAVING, (_D.FAREWELL,)),
    },
    _S.THINKING: {
        # Voice alone may be a cough; words mean that the caller goes on.
        _H.WORDS: (_S.LISTENING, (_D.CANCEL, _D.RECALL)),
        _H.FINISHED: (_S.THINKING, (_D.CANCEL, _D.RECALL, _D.ANSWER)),
        _H.AUDIO: (_S.SPEAKING, ()),
        _H.FAILED: (_S.THINKING, (_D.CANCEL, _D.APOLOGISE)),
        _H.HOPELESS: (_S.ENDED, (_D.CANCEL, _D.HANG_UP)),
        _H.DEAF: (_S.LEAVING, (_D.CANCEL, _D.FAREWELL)),
        _H.LATE: (_S.LEAVING, (_D.CANCEL, _D.FAREWELL)),
    },
    _S.SPEAKING: {
        _H.VOICE: (_S.LISTENING, (_D.CANCEL, _D.CLEAR)),
        _H.WORDS: (_S.LISTENING, (_D.CANCEL, _D.CLEAR)),
        _H.FINISHED: (_S.THINKING, (_D.CANCEL, _D.CLEAR, _D.ANSWER)),
        _H.PLAYED: (_S.LISTENING, ()),
        _H.PARTED: (_S.ENDED, (_D.HANG_UP,)),
        # What was sent is still heard, so speech still interrupts something.
        _H.FAILED: (_S.SPEAKING, (_D.CANCEL, _D.APOLOGISE)),
        _H.HOPELESS: (_S.ENDED, (_D.CANCEL, _D.HANG_UP)),
        _H.DEAF: (_S.LEAVING, (_D.CANCEL, _D.FAREWELL)),
        _H.LATE: (_S.LEAVING, (_D.CANCEL, _D.CLEAR, _D.FAREWELL)),
    },
    _S.LEAVING: {
        _H.PLAYED: (_S.ENDED, (_D.HANG_UP,)),
        _H.FAILED: (_S.ENDED, (_D.CANCEL, _D.HANG_UP)),
        _H.HOPELESS: (_S.ENDED, (_D.CANCEL, _D.HANG_UP)),
        _H.LATE: (_S.ENDED, (_D.CANCEL, _D.HANG_UP)),
    },
    _S.ENDED: {},
}
