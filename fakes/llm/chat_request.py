"""Reads a request for a chat completion; a wrong one is refused as the service does."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import msgspec

from fakes.llm.asked import MEMORY, Asked, Format, Tool, ToolResult
from fakes.llm.chat_shapes import ChatRequest, Line
from fakes.llm.errors import ModelError, misfit
from fakes.llm.pieces import words_of
from fakes.llm.request_checks import (
    Wrong,
    missing,
    stated_choice,
    unknown_value,
    within,
)

__all__ = ["ChatAsked", "read_chat"]

_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_MOST_CHOICES = 128
_MOST_STOPS = 4
MOST_TOOLS = 128
FORMATS = ("json_object", "json_schema", "text")


class ChatAsked(NamedTuple):
    """A request that can be answered.

    Attributes:
        user: whose call it is, as far as the client says.
        choices: how many answers are wanted.
        usage: whether a stream ends with what it cost.
    """

    asked: Asked
    user: str = ""
    stream: bool = False
    choices: int = 1
    usage: bool = False


_decoder = msgspec.json.Decoder(ChatRequest)


def read_chat(body: bytes, model: str = "") -> ChatAsked | ModelError:
    """Return what is asked, or the error that answers a wrong request.

    Args:
        body: of the request.
        model: what the path names in place of the body, as Azure has it.
    """
    try:
        request = _decoder.decode(_with_model(body, model) if model else body)
        return _checked(request)
    except Wrong as wrong:
        return wrong.error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return misfit(str(error))


def _with_model(body: bytes, model: str) -> bytes:
    content = msgspec.json.decode(body)
    return msgspec.json.encode({**content, "model": model}) if content else body


def _checked(request: ChatRequest) -> ChatAsked:
    lines = request.messages
    if not lines:
        text = (
            "Invalid 'messages': empty array. Expected an array with minimum length "
            "1, but got an empty array instead."
        )
        raise Wrong(text, "messages", "empty_array")
    _check_roles(lines)
    _check_tool_lines(lines)
    choices = within("n", request.n, 1, _MOST_CHOICES)
    said = [line.text for line in lines if line.role == "user"]
    told = " ".join(line.text for line in lines if line.role == "assistant")
    tools = _tools(request)
    options = request.stream_options
    if options is not None and not request.stream:
        text = (
            "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        )
        raise Wrong(text, "stream_options")
    asked = Asked(
        model=request.model,
        said=" ".join(said[-1].split()) if said else "",
        told=tuple(line.text for line in lines),
        remembered=" ".join(told.split())[-MEMORY:],
        results=_results(lines),
        tools=tools,
        choice=_choice(request.tool_choice, tools),
        parallel=request.parallel_tool_calls is not False,
        format=_format(request, lines),
        most_tokens=_most_tokens(request),
        stops=_stops(request.stop),
        prompt_extra=_extra(request, lines),
    )
    return ChatAsked(
        asked,
        request.user or request.safety_identifier or "",
        bool(request.stream),
        choices or 1,
        bool(options and options.include_usage),
    )


def _check_roles(lines: tuple[Line, ...]) -> None:
    for index, line in enumerate(lines):
        if line.role not in _ROLES:
            raise unknown_value(f"messages[{index}].role", line.role, _ROLES)
        if line.role != "assistant" and line.content is None:
            raise missing(f"messages[{index}].content")


def _check_tool_lines(lines: tuple[Line, ...]) -> None:
    """Refuse results of no call, and calls without results, which the service does.

    Agents that cut a turn short, or trim a long conversation, run into it.
    """
    awaited: dict[str, None] = {}
    for index, line in enumerate(lines):
        if line.role == "tool":
            if line.tool_call_id not in awaited:
                text = (
                    "Invalid parameter: messages with role 'tool' must be a response "
                    "to a preceeding message with 'tool_calls'."
                )
                raise Wrong(text, f"messages.[{index}].role")
            del awaited[line.tool_call_id]
        elif awaited:
            break
        awaited |= {call.id: None for call in line.tool_calls or ()}
    if awaited:
        text = (
            "An assistant message with 'tool_calls' must be followed by tool messages "
            "responding to each 'tool_call_id'. The following tool_call_ids did not "
            f"have response messages: {', '.join(awaited)}"
        )
        raise Wrong(text, "messages")


def _results(lines: tuple[Line, ...]) -> tuple[ToolResult, ...]:
    names = {
        call.id: call.function.name for line in lines for call in line.tool_calls or ()
    }
    found: list[ToolResult] = []
    for line in reversed(lines):
        if line.role == "tool":
            found.append(ToolResult(names.get(line.tool_call_id or "", ""), line.text))
        elif line.role in ("assistant", "user"):
            break
    return tuple(reversed(found))


def _tools(request: ChatRequest) -> tuple[Tool, ...]:
    offered = request.tools or ()
    if request.tools is not None and not 1 <= len(offered) <= MOST_TOOLS:
        text = f"Invalid 'tools': expected 1 to {MOST_TOOLS}, but got {len(offered)}."
        raise Wrong(text, "tools", "invalid_array_length")
    if request.parallel_tool_calls is not None and not offered:
        text = "'parallel_tool_calls' is only allowed when 'tools' are specified."
        raise Wrong(text, "parallel_tool_calls")
    tools = []
    for index, tool in enumerate(offered):
        if tool.type == "function" and tool.function is None:
            raise missing(f"tools[{index}].function")
        if tool.function is not None:
            function = tool.function
            tools.append(Tool(function.name, function.parameters or {}))
    return tuple(tools)


def _choice(choice: Any, tools: tuple[Tool, ...]) -> str:
    if not isinstance(choice, dict):
        return stated_choice(choice, tools, by_name=False)
    if choice.get("type") == "allowed_tools":
        allowed = choice.get("allowed_tools")
        mode = allowed.get("mode") if isinstance(allowed, dict) else None
        return stated_choice(mode, tools, by_name=False)
    function = choice.get("function")
    name = function.get("name") if isinstance(function, dict) else None
    return stated_choice(name, tools, by_name=True)


def _format(request: ChatRequest, lines: tuple[Line, ...]) -> Format | None:
    wanted = request.response_format
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        if not any("json" in line.text.lower() for line in lines):
            text = (
                "'messages' must contain the word 'json' in some form, to use "
                "'response_format' of type 'json_object'."
            )
            raise Wrong(text, "messages")
        return Format()
    place = "response_format"
    if wanted.type != "json_schema":
        raise unknown_value(f"{place}.type", wanted.type, FORMATS)
    if wanted.json_schema is None:
        raise missing(f"{place}.json_schema")
    return Format(wanted.json_schema.schema or {"type": "object"})


def _most_tokens(request: ChatRequest) -> int | None:
    old = within("max_tokens", request.max_tokens, 1, 1 << 31)
    new = within("max_completion_tokens", request.max_completion_tokens, 1, 1 << 31)
    if old is not None and new is not None:
        text = (
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not"
        )
        raise Wrong(f"{text} supported.", "max_tokens", "invalid_parameter_combination")
    return old if new is None else new


def _stops(stop: str | list[str] | None) -> tuple[str, ...]:
    stops = (stop,) if isinstance(stop, str) else tuple(stop or ())
    if len(stops) > _MOST_STOPS:
        text = f"Invalid 'stop': array too long. Expected at most {_MOST_STOPS} items."
        raise Wrong(text, "stop", "array_above_max_length")
    return stops


def _extra(request: ChatRequest, lines: tuple[Line, ...]) -> int:
    """Count what is no text of the conversation: descriptions and calls of tools."""
    called = (call.function for line in lines for call in line.tool_calls or ())
    words = sum(words_of(f"{call.name} {call.arguments}") for call in called)
    for tool in request.tools or ():
        if (function := tool.function) is not None:
            schema = json.dumps(function.parameters or {})
            words += words_of(f"{function.name} {function.description or ''} {schema}")
    return words
