"""What a caller does in a call, step by step; scripts travel to the engine as JSON."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from fakes.speech import CALLER_UTTERANCES, number_words, numbers_in, reply_to
from fakes.speech.voices import VoiceName

__all__ = [
    "Around",
    "AwaitGreeting",
    "AwaitHangUp",
    "Conversation",
    "ConversationStep",
    "HangUp",
    "HangUpHow",
    "Pause",
    "Press",
    "Say",
    "Sound",
    "Voice",
    "conversation",
    "expected_reply",
    "plain_words",
    "takes_time",
]

HangUpHow: TypeAlias = Literal["stop", "close", "reset", "half_open"]


class _Step(msgspec.Struct, frozen=True, tag_field="do", omit_defaults=True):
    pass


class AwaitGreeting(_Step, frozen=True, tag="await_greeting"):
    """Listen until the agent has greeted and is quiet.

    Attributes:
        within: seconds until its first sound; None takes the caller's own patience.
    """

    within: float | None = None


class Say(_Step, frozen=True, tag="say"):
    """Say something, and listen until the reply begins.

    Attributes:
        text: what to say.
        barge_in_after: begin when the reply before has been heard for that many
            seconds, instead of when it has ended.
        reply: whether a reply is awaited at all.
        listen: whether the agent is heard out where no reply is awaited: a murmur in
            the middle of a reply, which means "go on".
    """

    text: str
    barge_in_after: float | None = None
    reply: bool = True
    listen: bool = False


class Sound(_Step, frozen=True, tag="sound"):
    """Make a sound that is no speech; nobody need answer it.

    Attributes:
        name: one of ``fakes.twilio.caller.sounds.SOUNDS``, or ``keys``.
        seconds: how long; None: as such sounds last.
        keys: whose tones they are, in the audio; no key is reported.
        barge_in_after: begin when the reply before has been heard for that many
            seconds, and go on listening to it.
    """

    name: str
    seconds: float | None = None
    keys: str = ""
    barge_in_after: float | None = None


class Around(_Step, frozen=True, tag="around"):
    """Where the caller is, from here on; takes no time. Levels are in dB.

    Attributes:
        noise: one of ``fakes.twilio.caller.sounds.NOISES``; empty for a quiet place.
        snr: how far the noise lies below the speech, as it is sent.
        gain: how much louder than usual the caller is; above 12 or so it clips.
        echo: how loud what is heard comes back, relative to it; None: not at all.
        delay: seconds after which it does; whole frames.
    """

    noise: str = ""
    snr: float = 15.0
    gain: float = 0.0
    echo: float | None = None
    delay: float = 0.16


class Voice(_Step, frozen=True, tag="voice"):
    """Speak with this voice from here on: somebody else is at the phone.

    Attributes:
        name: one of ``fakes.speech.voices.VOICES``.
    """

    name: VoiceName = "usual"


class Press(_Step, frozen=True, tag="press"):
    """Press keys, ``0-9 * #``, one a frame."""

    digits: str


class Pause(_Step, frozen=True, tag="pause"):
    """Say nothing for a while, whatever the agent does."""

    seconds: float


class AwaitHangUp(_Step, frozen=True, tag="await_hang_up"):
    """Wait for the agent to end the call with close code 1000."""

    within: float = 8.0


class HangUp(_Step, frozen=True, tag="hang_up"):
    """End the call: ``stop`` and close; close alone; a TCP reset; or half open.

    Half open means that nothing more is sent or read, as when a machine lost its
    power: the socket stays until the call's deadline.
    """

    how: HangUpHow = "stop"


ConversationStep: TypeAlias = (
    AwaitGreeting | Say | Sound | Around | Voice | Press | Pause | AwaitHangUp | HangUp
)
Conversation: TypeAlias = Sequence[ConversationStep]


def takes_time(step: ConversationStep) -> bool:
    """Tell whether anything is done in a step; else the one before leads on."""
    return not isinstance(step, Around | Voice)


def conversation(
    call: int, turns: int = 4, seed: int = 0
) -> tuple[ConversationStep, ...]:
    """Return the usual script: greeting, own number, small talk, hang up.

    The caller says its number first, so that a reply with another number proves
    cross-talk. With three turns or more, one reply is barged into.

    Args:
        call: the caller's number.
        turns: how many things are said, the number included.
        seed: which things, and which reply is interrupted; the call counts too.
    """
    chance = random.Random(f"conversation:{seed}:{call}")
    said = list(CALLER_UTTERANCES)
    chance.shuffle(said)
    texts = [said[n % len(said)] for n in range(max(0, turns - 1))]
    barge_in = chance.randrange(1, turns - 1) if turns > 2 else -1
    steps: list[ConversationStep] = [AwaitGreeting()]
    if turns > 0:
        steps.append(Say(f"Hello, this is caller {number_words(call)}."))
    for index, text in enumerate(texts):
        steps.append(Say(text, barge_in_after=0.6 if index == barge_in else None))
    return (*steps, HangUp())


def expected_reply(text: str) -> str | None:
    """Return what the fake model answers to a text; None when it has no script."""
    numbers = numbers_in(text)
    if numbers:
        return f"Thank you, caller {number_words(numbers[0])}. How can I help?"
    return reply_to(text)


def plain_words(text: str) -> tuple[str, ...]:
    """Return the words of a text without case and punctuation."""
    return tuple(re.findall(r"[a-z0-9']+", text.lower()))
