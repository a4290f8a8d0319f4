"""What a client tells a Deepgram voice agent, ``/v1/agent/converse``.

As strict as the service: unknown fields raise. The first one must be
:class:`~voiceutils.wire.deepgram_agent_settings.Settings`; see
https://developers.deepgram.com/docs/voice-agent-inputs.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from voiceutils.wire._codec import Codec, Unknown
from voiceutils.wire.deepgram_agent_settings import (
    Listen,
    Settings,
    Speak,
    Think,
    ThinkLive,
)

__all__ = [
    "CustomToThinkProvider",
    "ForceEndTurn",
    "FromClient",
    "FunctionCallResponse",
    "InjectAgentMessage",
    "InjectUserMessage",
    "KeepAlive",
    "Settings",
    "UpdateListen",
    "UpdatePrompt",
    "UpdateSpeak",
    "UpdateThink",
    "UpdateThinkLive",
    "decode_from_client",
]


class _Command(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="type",
):
    pass


class KeepAlive(_Command, frozen=True, tag="KeepAlive"):
    """Keeps the connection while no audio is sent; never answered."""


class UpdatePrompt(_Command, frozen=True, tag="UpdatePrompt"):
    """Adds to the prompt."""

    prompt: str


class UpdateSpeak(_Command, frozen=True, tag="UpdateSpeak"):
    """Changes the voice."""

    speak: Speak | tuple[Speak, ...]


class UpdateThink(_Command, frozen=True, tag="UpdateThink"):
    """Changes the model, its prompt and its functions."""

    think: Think | tuple[Think, ...]


class UpdateThinkLive(_Command, frozen=True, tag="UpdateThink_Live"):
    """Changes the model that keeps the conversation going."""

    think_live: ThinkLive


class UpdateListen(_Command, frozen=True, tag="UpdateListen"):
    """Changes the recogniser."""

    listen: Listen


class InjectUserMessage(_Command, frozen=True, tag="InjectUserMessage"):
    """Is taken as if the user had said it."""

    content: str


class InjectAgentMessage(_Command, frozen=True, tag="InjectAgentMessage"):
    """Is said by the agent; one guide has ``content`` in the place of ``message``.

    ``is_dynamic`` lets Think Live find the words, then there are none here.
    """

    message: str | UnsetType = UNSET
    behavior: Literal["default", "queue", "interrupt"] | UnsetType = UNSET
    content: str | UnsetType = UNSET
    is_dynamic: bool | UnsetType = UNSET


class FunctionCallResponse(_Command, frozen=True, tag="FunctionCallResponse"):
    """What a function answered that the client called."""

    name: str
    content: str
    id: str | UnsetType = UNSET


class ForceEndTurn(_Command, frozen=True, tag="ForceEndTurn"):
    """The user's turn is over, whatever the recogniser thinks (Flux only)."""


class CustomToThinkProvider(_Command, frozen=True, tag="__customToThinkProvider"):
    """Anything, for a model of one's own."""

    content: Any


FromClient: TypeAlias = (
    Settings | KeepAlive | UpdatePrompt | UpdateSpeak | UpdateThink | UpdateThinkLive
    | UpdateListen | InjectUserMessage | InjectAgentMessage | FunctionCallResponse
    | ForceEndTurn | CustomToThinkProvider
)  # fmt: skip

_from_client: Codec[FromClient] = Codec(FromClient, "type")


def decode_from_client(text: str | bytes) -> FromClient | Unknown:
    """Return what the client said; raises WireError for a malformed message.

    Its cause is the validation error that names the field.
    """
    return _from_client.decode(text)
