"""What the attributes of ``<ConversationRelay>`` ask for.

https://www.twilio.com/docs/voice/twiml/connect/conversationrelay
"""

from __future__ import annotations

from typing import NamedTuple

from fakes.twilio.flow.attributes import choice, flag
from fakes.twilio.flow.stage import Stage
from fakes.twilio.twiml import Element

__all__ = ["RelayTerms", "relay_terms"]

INVALID = "64101"  # an attribute's value

_SPEECH_PROVIDERS = ("Google", "Amazon", "ElevenLabs")
_HEARING_PROVIDERS = ("Google", "Deepgram")
_INPUTS = ("none", "dtmf", "speech", "any")
# Frames of voice until the agent is cut short.
_FRAMES = {"high": 2, "medium": 5, "low": 12}


class RelayTerms(NamedTuple):
    """How a session is to go.

    Attributes:
        interruptible: by what of ``none dtmf speech any`` the agent is cut short.
        reported: what input is reported while the agent speaks and may not be.
        voiced_frames: of speech that cut the agent short.
        silence: seconds that end what the caller says.
    """

    speech_language: str
    hearing_language: str
    greeting: str
    greeting_interruptible: str
    interruptible: str
    preemptible: bool
    partial_prompts: bool
    keys: bool
    reported: str
    voiced_frames: int
    silence: float


def relay_terms(stage: Stage, noun: Element) -> RelayTerms | None:
    """Return the terms; None, with a note, for a provider that does not exist."""
    given = noun.attributes
    for name, known in (
        ("ttsProvider", _SPEECH_PROVIDERS),
        ("transcriptionProvider", _HEARING_PROVIDERS),
    ):
        value = given.get(name, known[0])
        if value.lower() not in [provider.lower() for provider in known]:
            text = f"{name} {value[:40]!r} is none of {', '.join(known)}"
            stage.fail(INVALID, f"<ConversationRelay>: {text}")
            return None
    language = given.get("language", "en-US")
    sensitivity = choice(
        stage,
        noun,
        "interruptSensitivity",
        "high",
        among=tuple(_FRAMES),
        code=INVALID,
    )
    return RelayTerms(
        given.get("ttsLanguage", language),
        given.get("transcriptionLanguage", language),
        given.get("welcomeGreeting", ""),
        _inputs(stage, noun, "welcomeGreetingInterruptible", "any"),
        _inputs(stage, noun, "interruptible", "any"),
        flag(stage, noun, "preemptible", False, code=INVALID),
        flag(stage, noun, "partialPrompts", False, code=INVALID),
        flag(stage, noun, "dtmfDetection", False, code=INVALID),
        _inputs(stage, noun, "reportInputDuringAgentSpeech", "none"),
        _FRAMES[sensitivity],
        _silence(stage, noun),
    )


def _inputs(stage: Stage, noun: Element, name: str, default: str) -> str:
    """Return an attribute that names inputs; true and false are its older form."""
    value = noun.attributes.get(name, "").strip().lower()
    older = {"true": "any", "false": "none"}.get(value)
    if older is not None:
        return older
    return choice(stage, noun, name, default, among=_INPUTS, code=INVALID)


def _silence(stage: Stage, noun: Element) -> float:
    """Return ``speechTimeout``, given in milliseconds or left to Twilio."""
    value = noun.attributes.get("speechTimeout", "auto").strip()
    if value.isascii() and value.isdecimal() and 1 <= int(value[:9]) <= 60_000:
        return int(value) / 1000
    if value != "auto":
        stage.warn(INVALID, f"speechTimeout {value[:40]!r} taken for 'auto'")
    return stage.settings.relay_silence
