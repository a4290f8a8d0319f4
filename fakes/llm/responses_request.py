"""Reads a request to the responses interface, and refuses a wrong one as it would."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import msgspec

from fakes.llm.asked import MEMORY, Asked, Format, Tool, ToolResult
from fakes.llm.errors import ModelError, misfit
from fakes.llm.pieces import words_of
from fakes.llm.request_checks import (
    ToolName,
    Wrong,
    missing,
    stated_choice,
    unknown_value,
    within,
)

__all__ = ["Earlier", "Item", "ResponseAsked", "read_response"]

Item: TypeAlias = dict[str, Any]
Earlier: TypeAlias = Callable[[str], tuple[Item, ...] | None]

# The service refuses less: https://platform.openai.com/docs/api-reference/responses
LEAST_TOKENS = 16
FORMATS = ("json_object", "json_schema", "text")
_ROLES = ("assistant", "system", "developer", "user")
_RESULT = "function_call_output"
_CALL = "function_call"


class _Offered(msgspec.Struct, frozen=True):
    """A tool; those that are not functions run at the provider and are never called."""

    type: str
    name: ToolName | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class _Format(msgspec.Struct, frozen=True):
    type: str
    schema: dict[str, Any] | None = None


class _Text(msgspec.Struct, frozen=True):
    format: _Format | None = None


class _Request(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the fake heeds; null means the same as nothing."""

    model: str
    input: str | list[Item] | None = None
    instructions: str | None = None
    previous_response_id: str | None = None
    stream: bool | None = None
    store: bool | None = None
    background: bool | None = None
    tools: tuple[_Offered, ...] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | None = None
    text: _Text | None = None
    user: str | None = None
    safety_identifier: str | None = None


class ResponseAsked(NamedTuple):
    """A request that can be answered.

    Attributes:
        asked: the question, with all that came before it.
        items: of the input alone, as they are stored.
        context: of all responses before it, and their input.
        stated: the fields that the response repeats, as they came.
        user: whose call it is, as far as the client says.
        store: whether the response can be fetched and continued later.
        background: whether it goes on when the client has left.
    """

    asked: Asked
    items: tuple[Item, ...]
    context: tuple[Item, ...]
    stated: dict[str, Any]
    user: str = ""
    stream: bool = False
    store: bool = True
    background: bool = False


_decoder = msgspec.json.Decoder(_Request)


def read_response(body: bytes, earlier: Earlier) -> ResponseAsked | ModelError:
    """Return what is asked, or the error that answers a wrong request.

    Args:
        body: of the request.
        earlier: finds input and output up to a stored response, None if there is none.
    """
    try:
        request = _decoder.decode(body)
        return _checked(request, json.loads(body), earlier)
    except Wrong as wrong:
        return wrong.error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return misfit(str(error))


def _checked(request: _Request, told: Item, earlier: Earlier) -> ResponseAsked:
    if request.input is None and request.previous_response_id is None:
        text = (
            'One of "input" or "previous_response_id" or "prompt" or '
            '"conversation_id" must be provided.'
        )
        raise Wrong(text, None, "missing_required_parameter")
    context = _context(request.previous_response_id, earlier)
    items = _items(request.input)
    whole = (*context, *items)
    _check_calls(whole)
    most = within("max_output_tokens", request.max_output_tokens, LEAST_TOKENS, 1 << 31)
    background = bool(request.background)
    if background and request.store is False:
        raise Wrong("Background mode requires 'store' to be true.", "store")
    tools = _tools(request)
    choice = request.tool_choice
    by_name = isinstance(choice, dict) and choice.get("type") == "function"
    if isinstance(choice, dict):
        choice = choice.get("name") if by_name else choice.get("mode", "auto")
    remembered = " ".join(_texts(whole, "assistant"))
    said = _texts(whole, "user")
    asked = Asked(
        model=request.model,
        said=" ".join(said[-1].split()) if said else "",
        told=(request.instructions or "", *map(text_of, whole)),
        remembered=" ".join(remembered.split())[-MEMORY:],
        results=_results(whole),
        tools=tools,
        choice=stated_choice(choice, tools, by_name=by_name),
        parallel=request.parallel_tool_calls is not False,
        format=_format(request, whole),
        most_tokens=most,
        prompt_extra=_extra(request),
    )
    return ResponseAsked(
        asked,
        items,
        context,
        {key: value for key, value in told.items() if key not in ("input", "stream")},
        request.user or request.safety_identifier or "",
        bool(request.stream),
        request.store is not False,
        background,
    )


def _context(previous: str | None, earlier: Earlier) -> tuple[Item, ...]:
    if previous is None:
        return ()
    found = earlier(previous)
    if found is None:
        text = f"Previous response with id '{previous}' not found."
        raise Wrong(text, "previous_response_id", "previous_response_not_found")
    return found


def _items(told: str | list[Item] | None) -> tuple[Item, ...]:
    if isinstance(told, str):
        told = [{"role": "user", "content": told}]
    return tuple(_item(index, item) for index, item in enumerate(told or ()))


def _item(index: int, item: Item) -> Item:
    """Return an item as it is stored: messages say that they are, texts are parts."""
    place = f"input[{index}]"
    kind = item.get("type", "message" if "role" in item else None)
    if kind is None:
        raise missing(f"{place}.type")
    if kind == "message":
        role = item.get("role")
        if role not in _ROLES:
            raise unknown_value(f"{place}.role", role, _ROLES)
        content = item.get("content")
        if content is None:
            raise missing(f"{place}.content")
        if isinstance(content, str):
            part = "output_text" if role == "assistant" else "input_text"
            extra: Item = {"annotations": []} if role == "assistant" else {}
            content = [{"type": part, "text": content, **extra}]
        return {**item, "type": kind, "content": content, "status": "completed"}
    for name in ("call_id", "output") if kind == _RESULT else ():
        if item.get(name) is None:
            raise missing(f"{place}.{name}")
    for name in ("call_id", "name", "arguments") if kind == _CALL else ():
        if not isinstance(item.get(name), str):
            raise missing(f"{place}.{name}")
    return item


def text_of(item: Item) -> str:
    """Return all text of an item, whether said, called or answered by a tool."""
    if item.get("type") == _CALL:
        return f"{item.get('name')} {item.get('arguments')}"
    told = item.get("output" if item.get("type") == _RESULT else "content")
    if isinstance(told, str):
        return told
    parts = told if isinstance(told, list) else []
    return "".join(
        str(part.get("text", "")) for part in parts if isinstance(part, dict)
    )


def _texts(items: tuple[Item, ...], role: str) -> list[str]:
    return [text_of(item) for item in items if item.get("role") == role]


def _check_calls(items: tuple[Item, ...]) -> None:
    """Refuse results of no call, and calls without results, as the service does."""
    called = [str(item["call_id"]) for item in items if item.get("type") == _CALL]
    told = [str(item["call_id"]) for item in items if item.get("type") == _RESULT]
    for call in told:
        if call not in called:
            text = "No tool call found for function call output with call_id"
            raise Wrong(f"{text} {call}.", "input")
    for call in called:
        if call not in told:
            raise Wrong(f"No tool output found for function call {call}.", "input")


def _results(items: tuple[Item, ...]) -> tuple[ToolResult, ...]:
    names = {
        item["call_id"]: item["name"] for item in items if item.get("type") == _CALL
    }
    found: list[ToolResult] = []
    for item in reversed(items):
        if item.get("type") == _RESULT:
            found.append(ToolResult(names.get(item["call_id"], ""), text_of(item)))
        elif item.get("role") in ("assistant", "user"):
            break
    return tuple(reversed(found))


def _tools(request: _Request) -> tuple[Tool, ...]:
    tools = []
    for index, tool in enumerate(request.tools or ()):
        if tool.type == "function":
            if tool.name is None:
                raise missing(f"tools[{index}].name")
            tools.append(Tool(tool.name, tool.parameters or {}))
    return tuple(tools)


def _format(request: _Request, items: tuple[Item, ...]) -> Format | None:
    wanted = request.text.format if request.text else None
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type not in FORMATS:
        raise unknown_value("text.format.type", wanted.type, FORMATS)
    if wanted.type == "json_schema":
        if wanted.schema is None:
            raise missing("text.format.schema")
        return Format(wanted.schema)
    told = f"{request.instructions or ''} {' '.join(map(text_of, items))}"
    if "json" not in told.lower():
        text = (
            "Response input messages must contain the word 'json' in some form to use "
            "'text.format' of type 'json_object'."
        )
        raise Wrong(text, "input")
    return Format()


def _extra(request: _Request) -> int:
    told = (
        f"{tool.name} {tool.description or ''} {json.dumps(tool.parameters or {})}"
        for tool in request.tools or ()
    )
    return sum(map(words_of, told))
