"""What a Deepgram voice agent says, WebSocket ``/v1/agent/converse``.

Audio is binary both ways, in the form of the Settings; what a client says is in
:mod:`voiceutils.wire.deepgram_agent_commands`. Documented at
https://developers.deepgram.com/docs/voice-agent-outputs; ``EndOfThought`` is not.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from voiceutils.wire._codec import Codec, Unknown
from voiceutils.wire.deepgram_agent_settings import History, HistoryCall, Role

__all__ = [
    "AgentAudioDone",
    "AgentError",
    "AgentStartedSpeaking",
    "AgentThinking",
    "AgentWarning",
    "CancelledFunction",
    "ConversationText",
    "EndOfThought",
    "FromAgent",
    "FrustrationDetected",
    "FunctionCallCancelled",
    "FunctionCallRequest",
    "FunctionResult",
    "History",
    "HistoryCall",
    "InjectionRefused",
    "LatencyReport",
    "ListenUpdated",
    "PromptUpdated",
    "RequestedFunction",
    "SettingsApplied",
    "SpeakUpdated",
    "ThinkLiveUpdated",
    "ThinkUpdated",
    "UserStartedSpeaking",
    "Welcome",
    "decode_from_agent",
]


class _Message(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type"):
    pass


class Welcome(_Message, frozen=True, tag="Welcome"):
    """Sent on open."""

    request_id: str


class SettingsApplied(_Message, frozen=True, tag="SettingsApplied"):
    """The agent is ready."""


class ConversationText(_Message, frozen=True, tag="ConversationText"):
    """What was said; of a reply, one message for each sentence.

    ``conversational_behavior`` came in 2026; ``languages`` are those of a multilingual
    Flux model and of the user only.
    """

    role: Role
    content: str
    conversational_behavior: str | UnsetType = UNSET
    languages_hinted: tuple[str, ...] | UnsetType = UNSET
    languages: tuple[str, ...] | UnsetType = UNSET


class EndOfThought(_Message, frozen=True, tag="EndOfThought"):
    """Follows the user's History; not documented."""


class UserStartedSpeaking(_Message, frozen=True, tag="UserStartedSpeaking"):
    """Stop playing what the agent says."""


class AgentThinking(_Message, frozen=True, tag="AgentThinking"):
    """What the model thinks before it answers."""

    content: str


class AgentStartedSpeaking(_Message, frozen=True, tag="AgentStartedSpeaking"):
    """Once a reply, before its audio; seconds, total is the sum of the others."""

    total_latency: float
    tts_latency: float
    ttt_latency: float


class LatencyReport(_Message, frozen=True, tag="LatencyReport"):
    """Seconds; what did not happen is left out."""

    stt_latency: float | UnsetType = UNSET
    ttt_token_latency: float | UnsetType = UNSET
    ttt_text_latency: float | UnsetType = UNSET
    ttt_tool_latency: float | UnsetType = UNSET
    ttt_thinking_latency: float | UnsetType = UNSET
    tts_latency: float | UnsetType = UNSET
    total_latency: float | UnsetType = UNSET


class AgentAudioDone(_Message, frozen=True, tag="AgentAudioDone"):
    """The last byte of a reply was sent; it was not played yet."""


class RequestedFunction(msgspec.Struct, frozen=True, omit_defaults=True):
    """A function to call; ``arguments`` is JSON text."""

    id: str
    name: str
    arguments: str
    client_side: bool
    thought_signature: str | UnsetType = UNSET


class FunctionCallRequest(_Message, frozen=True, tag="FunctionCallRequest"):
    """The model wants functions called; each is answered by its id."""

    functions: tuple[RequestedFunction, ...]


class CancelledFunction(msgspec.Struct, frozen=True):
    """A call whose response is no longer wanted."""

    id: str
    name: str


class FunctionCallCancelled(_Message, frozen=True, tag="FunctionCallCancelled"):
    """The user went on speaking: do not answer these."""

    functions: tuple[CancelledFunction, ...]


class FunctionResult(_Message, frozen=True, tag="FunctionCallResponse"):
    """What a function answered that the service called itself."""

    id: str
    name: str
    content: str


class PromptUpdated(_Message, frozen=True, tag="PromptUpdated"):
    """Answers UpdatePrompt."""


class SpeakUpdated(_Message, frozen=True, tag="SpeakUpdated"):
    """Answers UpdateSpeak."""


class ThinkUpdated(_Message, frozen=True, tag="ThinkUpdated"):
    """Answers UpdateThink."""


class ThinkLiveUpdated(_Message, frozen=True, tag="ThinkLiveUpdated"):
    """Answers the update of Think Live."""


class ListenUpdated(_Message, frozen=True, tag="ListenUpdated"):
    """Answers UpdateListen."""


class InjectionRefused(_Message, frozen=True, tag="InjectionRefused"):
    """An injected message was not taken."""

    message: str


class FrustrationDetected(_Message, frozen=True, tag="FrustrationDetected"):
    """The user is losing patience, for the ``count``-th time."""

    count: int
    escalated: bool


class AgentWarning(_Message, frozen=True, tag="Warning"):
    """Something went wrong and the conversation goes on."""

    description: str
    code: str


class AgentError(_Message, frozen=True, tag="Error"):
    """Something went wrong and the connection closes.

    ``message`` stood in the place of ``code`` in 2025.
    """

    description: str
    code: str | UnsetType = UNSET
    message: str | UnsetType = UNSET


FromAgent: TypeAlias = (
    Welcome | SettingsApplied | ConversationText | History | EndOfThought
    | UserStartedSpeaking | AgentThinking | AgentStartedSpeaking | LatencyReport
    | AgentAudioDone | FunctionCallRequest | FunctionCallCancelled | FunctionResult
    | PromptUpdated | SpeakUpdated | ThinkUpdated | ThinkLiveUpdated | ListenUpdated
    | InjectionRefused | FrustrationDetected | AgentWarning | AgentError
)  # fmt: skip

_from_agent: Codec[FromAgent] = Codec(FromAgent, "type")


def decode_from_agent(text: str | bytes) -> FromAgent | Unknown:
    """Return what Deepgram said; raises WireError for a malformed message."""
    return _from_agent.decode(text)
