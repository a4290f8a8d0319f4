"""Chat completions without a socket: requests that are read, answers in events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from conformance.fidelity._sdk_types import problems
from fakes.llm.answer import Answer, ToolCall
from fakes.llm.asked import Asked, ToolResult
from fakes.llm.chat_reply import ChatReply
from fakes.llm.chat_request import ChatAsked, read_chat
from fakes.llm.errors import ModelError
from fakes.llm.routes import Route, route_of
from voiceutils.wire.chat import decode_event

USER = {"role": "user", "content": "json?"}
CALLED = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "a", "arguments": "{}"}},
        {"id": "c2", "type": "function", "function": {"name": "b", "arguments": "{}"}},
    ],
}
TOOL = {"type": "function", "function": {"name": "a", "parameters": {}}}


def _result(call: str) -> dict[str, str]:
    return {"role": "tool", "tool_call_id": call, "content": f"of {call}"}


def _body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [USER], **fields}).encode()


_WORDS = st.text(max_size=8)
answers = st.builds(
    Answer,
    st.text(max_size=60),
    st.lists(
        st.builds(
            ToolCall,
            st.just("look_up"),
            st.dictionaries(_WORDS, _WORDS | st.integers(), max_size=3).map(json.dumps),
        ),
        max_size=3,
    ).map(tuple),
)


@settings(max_examples=40)  # every event is walked by the SDK's types
@given(answers, st.integers(1, 3), st.booleans())
def test_every_chunking_of_tokens_adds_up_to_the_same_answer(
    answer: Answer, choices: int, usage: bool
) -> None:
    """Text, tools and arguments of each choice; every event is what the SDK knows."""
    reply = ChatReply(
        ChatAsked(Asked("m"), "", True, choices, usage), answer, "a" * 32, 1
    )
    events = [step.data.decode() for step in reply.steps()]
    chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-1]]

    assert events[-1] == "data: [DONE]\n\n"
    odd = [line for chunk in chunks for line in problems(chunk, ChatCompletionChunk)]
    # Only the first piece of a call has its kind.
    assert [line for line in odd if "tool_calls[0].type: missing" not in line] == []
    for index in range(choices):
        own = [c["choices"][0] for c in chunks if c["choices"]]
        own = [choice for choice in own if choice["index"] == index]
        deltas = [choice["delta"] for choice in own]
        assert "".join(delta.get("content") or "" for delta in deltas) == answer.text
        assert _called(deltas) == [(call.name, call.arguments) for call in answer.calls]
        assert deltas[0]["role"] == "assistant"
        ends = [choice["finish_reason"] for choice in own if choice["finish_reason"]]
        assert ends == [answer.finish]
    assert "".join(c.text for e in events if (c := decode_event(e.strip()))) == "".join(
        chunk["choices"][0]["delta"].get("content") or ""
        for chunk in chunks
        if chunk["choices"]
    )


def _called(deltas: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Put calls together as clients do: by index, name first, arguments added."""
    calls: dict[int, list[str]] = {}
    for part in (part for delta in deltas for part in delta.get("tool_calls", ())):
        function = part["function"]
        found = calls.setdefault(part["index"], [function.get("name", ""), ""])
        found[1] += function["arguments"]
    return [(name, arguments) for name, arguments in calls.values()]


@given(answers, st.lists(st.text(max_size=20), max_size=5), st.integers(1, 4))
def test_usage_adds_up_streamed_and_whole(
    answer: Answer, told: list[str], choices: int
) -> None:
    """Both say the same, and the total is the sum."""
    asked = Asked("m", told=tuple(told))
    reply = ChatReply(ChatAsked(asked, "", True, choices, True), answer, "a" * 32, 1)
    *_, last, _ = reply.steps()
    streamed = json.loads(last.data.decode().removeprefix("data: "))
    whole = json.loads(reply.body())

    assert streamed["choices"] == []
    assert streamed["usage"] == whole["usage"]
    usage = whole["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["prompt_tokens"] == sum(len(text.split()) for text in told)
    assert problems(whole, ChatCompletion) == []
    assert len(whole["choices"]) == choices


def test_last_user_message_counts() -> None:
    """The newest thing the user said is answered; content may be parts."""
    messages = [
        {"role": "user", "content": "old"},
        {"role": "assistant", "content": "One."},
        {"role": "user", "content": [{"type": "text", "text": "new\n one"}]},
        {"role": "assistant", "content": "Two."},
        {"role": "system", "content": "be kind"},
    ]
    request = read_chat(_body(messages=messages))

    assert isinstance(request, ChatAsked)
    assert request.asked.said == "new one"
    assert request.asked.remembered == "One. Two."
    assert request.asked.prompt_tokens == 7


def test_results_of_tools_are_those_since_the_model_spoke() -> None:
    """By name, in order; when the user speaks on, they are past."""
    messages = [USER, CALLED, _result("c1"), _result("c2")]
    request = read_chat(_body(messages=messages))
    later = read_chat(_body(messages=[*messages, USER]))

    assert isinstance(request, ChatAsked)
    assert request.asked.results == (ToolResult("a", "of c1"), ToolResult("b", "of c2"))
    assert isinstance(later, ChatAsked)
    assert later.asked.results == ()


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"messages": []}, "messages", "empty_array"),
        ({"messages": "hello"}, "messages", "invalid_type"),
        ({"messages": [{"content": "x"}]}, "messages", "missing_required_parameter"),
        (
            {"messages": [{"role": "me", "content": "x"}]},
            "messages[0].role",
            "invalid_value",
        ),
        (
            {"messages": [{"role": "user"}]},
            "messages[0].content",
            "missing_required_parameter",
        ),
        ({"messages": [USER, _result("c1")]}, "messages.[1].role", None),
        ({"messages": [USER, CALLED, _result("c1")]}, "messages", None),
        ({"messages": [USER, CALLED, _result("c1"), USER]}, "messages", None),
        ({"n": 0}, "n", "integer_below_min_value"),
        ({"n": 129}, "n", "integer_above_max_value"),
        ({"max_tokens": 0}, "max_tokens", "integer_below_min_value"),
        (
            {"max_tokens": 5, "max_completion_tokens": 5},
            "max_tokens",
            "invalid_parameter_combination",
        ),
        ({"stop": ["a"] * 5}, "stop", "array_above_max_length"),
        ({"tools": []}, "tools", "invalid_array_length"),
        (
            {"tools": [{"type": "function"}]},
            "tools[0].function",
            "missing_required_parameter",
        ),
        ({"tools": [TOOL], "tool_choice": "maybe"}, "tool_choice", "invalid_value"),
        (
            {"tools": [TOOL], "tool_choice": {"function": {"name": "b"}}},
            "tool_choice",
            None,
        ),
        ({"tool_choice": "required"}, "tool_choice", None),
        ({"parallel_tool_calls": True}, "parallel_tool_calls", None),
        ({"stream_options": {"include_usage": True}}, "stream_options", None),
        (
            {"response_format": {"type": "xml"}},
            "response_format.type",
            "invalid_value",
        ),
        (
            {"response_format": {"type": "json_schema"}},
            "response_format.json_schema",
            "missing_required_parameter",
        ),
        (
            {
                "messages": [{"role": "user", "content": "hi"}],
                "response_format": {"type": "json_object"},
            },
            "messages",
            None,
        ),
    ],
)
def test_a_wrong_request_is_refused_with_its_parameter(
    fields: dict[str, Any], param: str, code: str | None
) -> None:
    """In the service's shape: message, type, param, code."""
    error = read_chat(_body(**fields))

    assert isinstance(error, ModelError)
    assert (error.status, error.kind) == (400, "invalid_request_error")
    assert (error.param, error.code) == (param, code)


@pytest.mark.parametrize("body", [b"", b"junk", b"[]", b"{}", b"\xff", b"[" * 9000])
def test_what_is_no_request_is_a_bad_request(body: bytes) -> None:
    """400 with message, type, param and code, whatever comes; at Azure's path, too."""
    for error in (read_chat(body), read_chat(body, "deployed")):
        assert isinstance(error, ModelError)
        assert error.status == 400
        assert set(json.loads(error.body())["error"]) == {
            "message", "type", "param", "code",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("POST", "/v1/chat/completions", Route("chat")),
        ("POST", "/half-open/v1/chat/completions/", Route("chat", "half-open")),
        (
            "POST",
            "/x/openai/deployments/gpt/chat/completions",
            Route("chat", "x", "", "gpt"),
        ),
        ("POST", "/openai/responses", Route("respond")),
        ("POST", "/openai/v1/responses", Route("respond")),
        ("GET", "/v1/responses/resp_1", Route("fetch", "", "resp_1")),
        ("POST", "/v1/responses/resp_1/cancel", Route("cancel", "", "resp_1")),
        ("GET", "/v1/models/gpt-4o", Route("model", "", "gpt-4o")),
        ("GET", "/v1/chat/completions", Route()),
        ("POST", "/chat/completions", Route()),
        ("POST", "/v1/embeddings", Route()),
    ],
)
def test_addresses_of_both_houses_are_known(
    method: str, path: str, route: Route
) -> None:
    """OpenAI's and Azure's; a prefix may name a script; anything else is nothing."""
    found = route_of(method, path)

    assert found.does == route.does
    if route.does:
        assert found == route
