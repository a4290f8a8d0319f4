"""A request for a chat completion, as it comes: what the fake heeds of it."""

from __future__ import annotations

from typing import Any

import msgspec

from fakes.llm.request_checks import ToolName
from voiceutils.wire.chat import Message

__all__ = ["ChatRequest", "Line"]


class Function(msgspec.Struct, frozen=True):
    """A tool as it is described to the model."""

    name: ToolName
    description: str | None = None
    parameters: dict[str, Any] | None = None


class OfferedTool(msgspec.Struct, frozen=True):
    type: str
    function: Function | None = None


class CalledFunction(msgspec.Struct, frozen=True):
    name: str = ""
    arguments: str = ""


class CalledTool(msgspec.Struct, frozen=True):
    id: str
    function: CalledFunction = CalledFunction()


class Line(Message, frozen=True):
    """A line of the conversation, with what concerns tools."""

    tool_calls: tuple[CalledTool, ...] | None = None
    tool_call_id: str | None = None


class NamedSchema(msgspec.Struct, frozen=True):
    name: ToolName
    schema: dict[str, Any] | None = None


class WantedFormat(msgspec.Struct, frozen=True):
    type: str
    json_schema: NamedSchema | None = None


class StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool | None = None


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the fake heeds; null means the same as nothing."""

    model: str
    messages: tuple[Line, ...]
    user: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    stop: str | list[str] | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    tools: tuple[OfferedTool, ...] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: WantedFormat | None = None
    safety_identifier: str | None = None
