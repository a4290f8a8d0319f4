"""The responses interface without a socket."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.response_item_list import ResponseItemList

from conformance.core.test_llm_chat import answers
from conformance.fidelity._sdk_types import problems
from fakes.llm.answer import Answer
from fakes.llm.asked import Asked, ToolResult
from fakes.llm.errors import ModelError
from fakes.llm.responses_reply import ResponseReply
from fakes.llm.responses_request import Item, ResponseAsked, read_response
from fakes.llm.responses_shelf import ResponsesShelf, Stored
from fakes.llm.steps import due_times

CALL = {"type": "function_call", "call_id": "c1", "name": "find", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "here"}


# The walk over a union tries each of its 60 members: choose by the kind, as the SDK.
_KINDS = {
    get_args(member.model_fields["type"].annotation)[0]: member
    for member in get_args(get_args(ResponseStreamEvent)[0])
}


def _nothing(_: str) -> tuple[Item, ...] | None:
    return None


def _reply(answer: Answer, **fields: Any) -> ResponseReply:
    request = ResponseAsked(Asked("m", told=("two words",)), (), (), {})
    return ResponseReply(request._replace(**fields), answer, "a" * 32, 1)


def _read(shelf: ResponsesShelf | None = None, **fields: Any) -> Any:
    body = json.dumps({"model": "m", **fields}).encode()
    return read_response(body, shelf.earlier if shelf else _nothing)


@settings(max_examples=25)  # each event has the whole response, which is walked
@given(answers, st.booleans(), st.sampled_from(["stop", "length"]))
def test_events_are_numbered_typed_and_add_up(
    answer: Answer, background: bool, finish: Any
) -> None:
    """Every event is what the SDK knows; deltas add up to what is done."""
    reply = _reply(answer._replace(finish=finish), background=background)
    told = []
    for step in reply.steps():
        head, _, data = step.data.decode().rstrip("\n").partition("\ndata: ")
        content = json.loads(data)
        assert head == f"event: {content['type']}"
        assert problems(content, _KINDS[content["type"]]) == []
        told.append(content)

    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    kinds = [event["type"] for event in told]
    assert kinds[0] == "response.created"
    assert kinds[-1] == (
        "response.incomplete" if finish == "length" else "response.completed"
    )
    done = [e["item"] for e in told if e["type"] == "response.output_item.done"]
    assert done == told[-1]["response"]["output"] == json.loads(reply.body())["output"]
    for index, item in enumerate(done):
        own = [event for event in told if event.get("output_index") == index]
        deltas = "".join(event.get("delta", "") for event in own)
        whole = item.get("arguments") or "".join(
            part["text"] for part in item.get("content", ())
        )
        assert deltas == whole


@given(answers, st.lists(st.text(max_size=20), max_size=5))
def test_usage_adds_up(answer: Answer, told: list[str]) -> None:
    """Whole and at the end of the stream alike."""
    reply = _reply(answer, asked=Asked("m", told=tuple(told)))
    whole = json.loads(reply.body())

    assert problems(whole, Response) == []
    usage = whole["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    *_, last = reply.steps()
    assert json.loads(last.data.partition(b"data: ")[2])["response"]["usage"] == usage


def test_a_response_says_what_its_request_said() -> None:
    """Tools, choice, instructions and limits come back; what was not said, defaults."""
    tool = {"type": "function", "name": "find", "parameters": {}, "strict": True}
    request = _read(
        input="hello",
        instructions="be kind",
        tools=[tool],
        tool_choice={"type": "function", "name": "find"},
        metadata={"a": "b"},
        temperature=None,
    )
    whole = json.loads(_reply(Answer("x"), **request._asdict()).body())

    assert problems(whole, Response) == []
    assert whole["tools"] == [tool]
    assert whole["tool_choice"] == {"type": "function", "name": "find"}
    assert (whole["instructions"], whole["temperature"]) == ("be kind", 1.0)
    assert request.asked.choice == "find"
    assert request.asked.told == ("be kind", "hello")


def test_a_conversation_goes_on_from_a_stored_response() -> None:
    """Its input and output come before the new input; a call awaits its result."""
    shelf = ResponsesShelf()
    first = _read(input="Where is my parcel?", store=True)
    answer = Answer("", (), "stop")
    reply = _reply(answer._replace(text="Let me see."), **first._asdict())
    shelf.put(reply, 0.0, list(due_times(reply.steps(), lambda: 1.0, lambda: 0.1)))
    again = _read(shelf, input="And now?", previous_response_id=reply.id)

    assert again.asked.told == ("", "Where is my parcel?", "Let me see.", "And now?")
    assert again.asked.said == "And now?"
    assert again.asked.remembered == "Let me see."
    listed = shelf.input_items(reply.id)
    assert problems(listed, ResponseItemList) == []


def test_results_of_tools_are_those_since_the_model_spoke() -> None:
    """With the name of the call that they answer."""
    asked = _read(input=[{"role": "user", "content": "x"}, CALL, RESULT])

    assert asked.asked.results == (ToolResult("find", "here"),)


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({}, None, "missing_required_parameter"),
        ({"input": 5}, "input", "invalid_type"),
        ({"input": [{"content": "x"}]}, "input[0].type", "missing_required_parameter"),
        (
            {"input": [{"role": "me", "content": "x"}]},
            "input[0].role",
            "invalid_value",
        ),
        ({"input": [CALL]}, "input", None),
        ({"input": [RESULT]}, "input", None),
        (
            {"input": [{"type": "function_call", "call_id": "c"}]},
            "input[0].name",
            "missing_required_parameter",
        ),
        (
            {"input": "x", "previous_response_id": "resp_0"},
            "previous_response_id",
            "previous_response_not_found",
        ),
        (
            {"input": "x", "max_output_tokens": 3},
            "max_output_tokens",
            "integer_below_min_value",
        ),
        ({"input": "x", "background": True, "store": False}, "store", None),
        (
            {"input": "x", "text": {"format": {"type": "json_schema", "name": "a"}}},
            "text.format.schema",
            "missing_required_parameter",
        ),
        ({"input": "x", "text": {"format": {"type": "json_object"}}}, "input", None),
        ({"input": "x", "tool_choice": "required"}, "tool_choice", None),
    ],
)
def test_a_wrong_request_is_refused_with_its_parameter(
    fields: dict[str, Any], param: str | None, code: str | None
) -> None:
    """In the service's shape."""
    error = _read(**fields)

    assert isinstance(error, ModelError)
    assert (error.status, error.param, error.code) == (400, param, code)


@given(st.floats(0, 20), st.none() | st.floats(0, 20))
def test_what_runs_in_the_background_is_what_its_time_says(
    at: float, cancelled: float | None
) -> None:
    """Running, over, or cancelled while it ran; never anything else."""
    shelf = ResponsesShelf()
    reply = _reply(Answer("one two three"), background=True)
    schedule = list(due_times(reply.steps(), lambda: 2.0, lambda: 1.0))
    shelf.put(reply, 0.0, schedule)
    over = schedule[-1][0]
    if cancelled is not None:
        shelf.cancel(reply.id, cancelled)
    stored = shelf.find(reply.id)

    assert isinstance(stored, Stored)
    if cancelled is not None and cancelled < over:
        expected = "cancelled"
    else:
        expected = "completed" if at >= over else "in_progress"
    content = stored.content(at)
    assert content["status"] == expected
    assert problems(content, Response) == []
    assert bool(content["output"]) == (expected == "completed")


def test_only_the_background_can_be_cancelled_and_only_the_stored_found() -> None:
    """The service's own refusals."""
    shelf = ResponsesShelf()
    front = _reply(Answer("x"))
    secret = _reply(Answer("x"), store=False)._replace(number="b" * 32)
    for reply in (front, secret):
        shelf.put(reply, 0.0, list(due_times(reply.steps(), lambda: 0.0, lambda: 0.0)))

    refused = shelf.cancel(front.id, 0.0)
    assert isinstance(refused, ModelError)
    assert refused.status == 400
    for nowhere in (shelf.find(secret.id), shelf.delete(secret.id)):
        assert isinstance(nowhere, ModelError)
        assert nowhere.status == 404
    assert shelf.delete(front.id) == {
        "id": front.id,
        "object": "response",
        "deleted": True,
    }
    assert isinstance(shelf.find(front.id), ModelError)
