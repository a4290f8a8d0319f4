"""Twilio ConversationRelay, both ways: text instead of audio.

Documented at
https://www.twilio.com/docs/voice/conversationrelay/websocket-messages.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from voiceutils.wire._codec import Codec, Unknown

__all__ = [
    "AgentText",
    "Digit",
    "End",
    "FromAgent",
    "FromRelay",
    "Interrupt",
    "Language",
    "PlayMedia",
    "Prompt",
    "RelayError",
    "SendDigits",
    "Setup",
    "decode_from_agent",
    "decode_from_relay",
]


class _Message(msgspec.Struct, frozen=True, rename="camel", tag_field="type"):
    pass


class _Optional(_Message, frozen=True, omit_defaults=True):
    pass


# --- Twilio to agent -------------------------------------------------------------


class Setup(_Message, frozen=True, tag="setup"):
    """First of all; ``call_status`` is in upper case here."""

    session_id: str
    account_sid: str
    parent_call_sid: str
    call_sid: str
    from_number: str = msgspec.field(name="from")
    to_number: str = msgspec.field(name="to")
    forwarded_from: str = ""
    call_type: str = "PSTN"
    caller_name: str = ""
    direction: str = "inbound"
    call_status: str = "RINGING"
    custom_parameters: dict[str, str] = {}


class Prompt(_Message, frozen=True, tag="prompt"):
    """What the caller said; with partial prompts, ``last`` tells the final one."""

    voice_prompt: str
    lang: str
    last: bool


class Interrupt(_Message, frozen=True, tag="interrupt"):
    """The caller cut the agent short; older services send the duration as text."""

    utterance_until_interrupt: str
    duration_until_interrupt_ms: int | str


class Digit(_Message, frozen=True, tag="dtmf"):
    """A key press."""

    digit: str


class RelayError(_Message, frozen=True, tag="error"):
    """A message of the agent was not understood; the session goes on."""

    description: str


# --- agent to Twilio -------------------------------------------------------------


class AgentText(_Optional, frozen=True, tag="text"):
    """A piece of what is to be said; pieces are joined as they are.

    Attributes:
        last: whether it ends the talk cycle.
    """

    token: str
    last: bool = False
    lang: str | None = None
    interruptible: bool | None = None
    preemptible: bool | None = None


class PlayMedia(_Optional, frozen=True, tag="play"):
    """A sound to play; ``loop`` 0 is a thousand times."""

    source: str
    loop: int = 1
    preemptible: bool | None = None
    interruptible: bool | None = None


class SendDigits(_Message, frozen=True, tag="sendDigits"):
    """Keys to press, ``0-9 w # *``."""

    digits: str


class Language(_Optional, frozen=True, tag="language"):
    """What to speak and to understand from now on; at least one is given."""

    tts_language: str | None = None
    transcription_language: str | None = None


class End(_Optional, frozen=True, tag="end"):
    """Ends the session; the data goes to the ``action``."""

    handoff_data: str | None = None


FromRelay: TypeAlias = Setup | Prompt | Interrupt | Digit | RelayError
FromAgent: TypeAlias = AgentText | PlayMedia | SendDigits | Language | End

_from_relay: Codec[FromRelay] = Codec(FromRelay, "type")
_from_agent: Codec[FromAgent] = Codec(FromAgent, "type")


def decode_from_relay(text: str | bytes) -> FromRelay | Unknown:
    """Return what Twilio said; raises WireError for a malformed message."""
    return _from_relay.decode(text)


def decode_from_agent(text: str | bytes) -> FromAgent | Unknown:
    """Return what the agent said; raises WireError for a malformed message."""
    return _from_agent.decode(text)
