"""What a Deepgram voice agent is told to be: the Settings message and its parts.

The service refuses unknown fields, missing ones and floats in place of integers, and
so does this schema; see https://developers.deepgram.com/docs/configure-voice-agent.
Fields left out are not sent.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

__all__ = [
    "Agent",
    "Audio",
    "AudioInput",
    "AudioOutput",
    "Context",
    "Endpoint",
    "Flags",
    "Function",
    "FunctionEndpoint",
    "History",
    "HistoryCall",
    "Listen",
    "ListenProvider",
    "Settings",
    "Speak",
    "SpeakProvider",
    "Think",
    "ThinkLive",
    "ThinkLiveProvider",
    "ThinkProvider",
]

InputEncoding: TypeAlias = Literal[
    "linear16", "linear32", "flac", "alaw", "mulaw", "amr-nb", "amr-wb", "opus",
    "ogg-opus", "speex", "g729",
]  # fmt: skip
OutputEncoding: TypeAlias = Literal[
    "linear16", "mulaw", "alaw", "mp3", "opus", "flac", "aac"
]
Role: TypeAlias = Literal["user", "assistant"]


class _Part(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    pass


class HistoryCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A function call that was made, and its response."""

    id: str
    name: str
    client_side: bool
    arguments: str
    response: str
    thought_signature: str | UnsetType = UNSET


class History(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True,
    tag_field="type", tag="History",
):  # fmt: skip
    """A thing that was said (role, content) or the functions that were called."""

    role: Role | UnsetType = UNSET
    content: str | UnsetType = UNSET
    function_calls: tuple[HistoryCall, ...] | UnsetType = UNSET


class Context(_Part, frozen=True, kw_only=True):
    """What was said before this conversation."""

    messages: tuple[History, ...] | UnsetType = UNSET


class AudioInput(_Part, frozen=True, kw_only=True):
    """The form of the user's audio."""

    encoding: InputEncoding
    sample_rate: int


class AudioOutput(_Part, frozen=True, kw_only=True):
    """The form of the agent's audio."""

    encoding: OutputEncoding | UnsetType = UNSET
    sample_rate: int | UnsetType = UNSET
    bitrate: int | UnsetType = UNSET
    container: Literal["none", "wav", "ogg"] | UnsetType = UNSET


class Audio(_Part, frozen=True, kw_only=True):
    """Both ways; input defaults to linear16 at 24000 Hz."""

    input: AudioInput | UnsetType = UNSET
    output: AudioOutput | UnsetType = UNSET


class Flags(_Part, frozen=True, kw_only=True):
    """Switches; ``history`` is on by default."""

    history: bool | UnsetType = UNSET


class Endpoint(_Part, frozen=True, kw_only=True):
    """Where a provider of one's own is."""

    url: str | UnsetType = UNSET
    headers: dict[str, str] | UnsetType = UNSET


class ListenProvider(_Part, frozen=True, kw_only=True):
    """The recogniser; ``version`` v2 is Flux, and its fields are for v2 only."""

    type: Literal["deepgram"]
    version: Literal["v1", "v2"] | UnsetType = UNSET
    model: str | UnsetType = UNSET
    keyterms: tuple[str, ...] | UnsetType = UNSET
    language: str | UnsetType = UNSET
    smart_format: bool | UnsetType = UNSET
    language_hints: tuple[str, ...] | UnsetType = UNSET
    eot_threshold: float | UnsetType = UNSET
    eager_eot_threshold: float | UnsetType = UNSET
    eot_timeout_ms: int | UnsetType = UNSET


class Listen(_Part, frozen=True, kw_only=True):
    """How to listen."""

    provider: ListenProvider | UnsetType = UNSET


class ThinkProvider(_Part, frozen=True, kw_only=True):
    """The language model; ``credentials`` are for Bedrock."""

    type: Literal["open_ai", "anthropic", "google", "groq", "aws_bedrock", "deepgram"]
    model: str
    version: str | UnsetType = UNSET
    temperature: float | UnsetType = UNSET
    reasoning_mode: Literal["none", "minimal", "low", "medium", "high"] | UnsetType = (
        UNSET
    )
    credentials: dict[str, str] | UnsetType = UNSET
    voice_prompt_opt_out: bool | UnsetType = UNSET


class FunctionEndpoint(_Part, frozen=True, kw_only=True):
    """Where the service itself calls a function."""

    url: str | UnsetType = UNSET
    method: str | UnsetType = UNSET
    headers: dict[str, str] | UnsetType = UNSET


class Function(_Part, frozen=True, kw_only=True):
    """What the model may call; on the client's side unless it has an endpoint."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    parameters: dict[str, Any] | UnsetType = UNSET
    endpoint: FunctionEndpoint | UnsetType = UNSET
    defer_until_eot: bool | UnsetType = UNSET
    initial_agent_filler: bool | UnsetType = UNSET
    agent_filler_max_count: int | UnsetType = UNSET
    agent_filler_interval_ms: int | UnsetType = UNSET


class Think(_Part, frozen=True, kw_only=True):
    """How to think; ``context_length`` counts characters or is ``max``."""

    provider: ThinkProvider
    endpoint: Endpoint | UnsetType = UNSET
    functions: tuple[Function, ...] | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    context_length: Literal["max"] | float | UnsetType = UNSET


class ThinkLiveProvider(_Part, frozen=True, kw_only=True):
    """The model that keeps a conversation going while another one reasons."""

    type: Literal["deepgram"]
    version: Literal["v1"]
    agent_backchannel_sensitivity: float | UnsetType = UNSET
    presence_check_max_count: int | UnsetType = UNSET
    presence_check_interval_ms: int | UnsetType = UNSET
    frustration_max_count: int | UnsetType = UNSET
    restricted_terms: tuple[str, ...] | UnsetType = UNSET


class ThinkLive(_Part, frozen=True, kw_only=True):
    """On when it is given."""

    provider: ThinkLiveProvider


class Voice(_Part, frozen=True, kw_only=True):
    """A voice of Cartesia."""

    mode: str
    id: str


class SpeakProvider(_Part, frozen=True, kw_only=True):
    """The voice; which fields belong together is said by ``type``."""

    type: Literal["deepgram", "eleven_labs", "cartesia", "open_ai", "aws_polly"]
    version: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    model_id: str | UnsetType = UNSET
    voice: str | Voice | UnsetType = UNSET
    language: str | UnsetType = UNSET
    language_code: str | UnsetType = UNSET
    engine: str | UnsetType = UNSET
    speed: float | UnsetType = UNSET
    expressivity: int | UnsetType = UNSET
    volume: float | UnsetType = UNSET
    credentials: dict[str, str] | UnsetType = UNSET


class Speak(_Part, frozen=True, kw_only=True):
    """How to speak."""

    provider: SpeakProvider
    endpoint: Endpoint | UnsetType = UNSET


class Agent(_Part, frozen=True, kw_only=True):
    """The agent; an array for think or speak is an order of preference."""

    language: str | UnsetType = UNSET
    context: Context | UnsetType = UNSET
    listen: Listen | UnsetType = UNSET
    think: Think | tuple[Think, ...] | UnsetType = UNSET
    think_live: ThinkLive | UnsetType = UNSET
    speak: Speak | tuple[Speak, ...] | UnsetType = UNSET
    greeting: str | UnsetType = UNSET


class Settings(_Part, frozen=True, kw_only=True, tag_field="type", tag="Settings"):
    """The first message of a client; ``agent`` may be the id of a stored one."""

    tags: tuple[str, ...] | UnsetType = UNSET
    experimental: bool | UnsetType = UNSET
    flags: Flags | UnsetType = UNSET
    mip_opt_out: bool | UnsetType = UNSET
    audio: Audio
    agent: Agent | str
