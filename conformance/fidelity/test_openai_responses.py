"""The responses interface, by the unmodified openai SDK."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import openai
import pydantic
import pytest

from fakes.fault_rules import Rule
from fakes.faults import Refuse, Trickle
from fakes.llm.rules_file import parse_replies
from fakes.world import ModelSettings, World

pytestmark = pytest.mark.judged("Model: responses", by="openai")

MODEL = "gpt-4o-mini"
RULES = """
[[rules]]
hears = "parcel"
say = "One moment."
call = { tool = "FindParcel", arguments = { number = 12345 } }

[[rules]]
result_of = "FindParcel"
say = "It is {result}."
"""


class FindParcel(pydantic.BaseModel):
    """Finds a parcel."""

    number: int


class Booking(pydantic.BaseModel):
    """What a caller wants."""

    name: str
    people: int


TOOL: openai.types.responses.FunctionToolParam = {
    "type": "function",
    "name": "FindParcel",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"number": {"type": "integer"}},
        "required": ["number"],
        "additionalProperties": False,
    },
}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A model with rules that answers at once."""
    settings = ModelSettings(
        first_token_delay=0.01,
        token_delay=0.001,
        replies=parse_replies(RULES, "rules.toml"),
        context_window=500,
    )
    async with World(model=settings) as running:
        yield running


@pytest.fixture
async def client(world: World) -> AsyncIterator[openai.AsyncOpenAI]:
    """The async SDK."""
    url = world.addresses.model
    async with openai.AsyncOpenAI(api_key="k", base_url=url, max_retries=0) as running:
        yield running


async def test_a_whole_response(world: World, client: openai.AsyncOpenAI) -> None:
    """Text, status and usage; the ledger knows whose it was."""
    response = await client.responses.create(
        model=MODEL, input="Is it raining?", instructions="be kind", user="CA1"
    )

    assert response.output_text == "You said: Is it raining."
    assert (response.status, response.instructions) == ("completed", "be kind")
    usage = response.usage
    assert usage is not None
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens == 10
    (attempt,) = world.ledger.group("CA1")
    assert (attempt.said, attempt.reply) == (
        "Is it raining?",
        "You said: Is it raining.",
    )


async def test_the_stream_has_the_service_s_sequence(
    client: openai.AsyncOpenAI,
) -> None:
    """Created, in progress, item, part, deltas, done, completed; numbered."""
    stream = await client.responses.create(
        model=MODEL, input="Is it raining?", stream=True
    )
    events = [event async for event in stream]
    kinds = [event.type for event in events]

    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[4:9] == ["response.output_text.delta"] * 5
    assert kinds[9:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))


async def test_tools_by_the_sdk_s_stream_and_their_results(
    client: openai.AsyncOpenAI,
) -> None:
    """A text and a call; the result continues the stored response."""
    async with client.responses.stream(
        model=MODEL, input="Where is my parcel?", tools=[TOOL]
    ) as stream:
        async for _ in stream:
            pass
        asked = await stream.get_final_response()
    text, call = asked.output

    assert asked.output_text == "One moment."
    assert text.type == "message"
    assert call.type == "function_call"
    assert json.loads(call.arguments) == {"number": 12345}
    with pytest.raises(openai.BadRequestError, match="No tool output found"):
        await client.responses.create(
            model=MODEL, input="Hello?", previous_response_id=asked.id
        )
    told = await client.responses.create(
        model=MODEL,
        previous_response_id=asked.id,
        input=[
            {
                "type": "function_call_output",
                "call_id": call.call_id,
                "output": '{"place": "in Rome"}',
            }
        ],
    )
    assert told.output_text == "It is in Rome."
    assert told.previous_response_id == asked.id
    items = [item async for item in client.responses.input_items.list(told.id)]
    assert [item.type for item in items] == [
        "function_call_output",
        "function_call",
        "message",
        "message",
    ]


async def test_structured_replies_and_tools_are_parsed(
    client: openai.AsyncOpenAI,
) -> None:
    """Through pydantic, by the SDK's parse."""
    booked = await client.responses.parse(
        model=MODEL, input="For 12345 people.", text_format=Booking
    )
    assert isinstance(booked.output_parsed, Booking)
    assert booked.output_parsed.people == 12345
    called = await client.responses.parse(
        model=MODEL,
        input="It is 7777.",
        tools=[openai.pydantic_function_tool(FindParcel)],
        tool_choice="required",
    )
    (call,) = called.output
    assert call.type == "function_call"
    assert json.loads(call.arguments) == {"number": 7777}


async def test_a_response_that_is_cut_is_incomplete(client: openai.AsyncOpenAI) -> None:
    """max_output_tokens: status, reason, and an event of its own."""
    words = "red " * 30
    stream = await client.responses.create(
        model=MODEL, input=words, max_output_tokens=16, stream=True
    )
    last = [event async for event in stream][-1]

    assert last.type == "response.incomplete"
    details = last.response.incomplete_details
    assert details is not None
    assert details.reason == "max_output_tokens"
    assert last.response.output_text == "You said:" + " red" * 14


async def test_what_runs_in_the_background_is_fetched_streamed_and_cancelled(
    world: World, client: openai.AsyncOpenAI
) -> None:
    """Queued, in progress, cancelled; another one is streamed again from the middle."""
    slow = Rule(surface="chat", faults=(Trickle(5.0),))
    world.faults.add(slow)
    begun = await client.responses.create(
        model=MODEL, input="Is it raining?", background=True
    )
    assert begun.status == "queued"
    assert (await client.responses.retrieve(begun.id)).status == "in_progress"
    assert (await client.responses.cancel(begun.id)).status == "cancelled"
    assert (await client.responses.retrieve(begun.id)).status == "cancelled"

    quick = await client.responses.create(
        model=MODEL, input="Is it raining?", background=True
    )
    stream = await client.responses.retrieve(quick.id, stream=True, starting_after=6)
    events = [event async for event in stream]
    assert events[0].sequence_number == 7
    assert events[-1].type == "response.completed"
    done = await client.responses.retrieve(quick.id)
    assert done.output_text == "You said: Is it raining."
    await client.responses.delete(quick.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(quick.id)


async def test_a_cancelled_stream_ends(
    world: World, client: openai.AsyncOpenAI
) -> None:
    """Cancelled by another request, the stream says no more."""
    world.faults.add(Rule(surface="chat", faults=(Trickle(0.15),)))
    stream = await client.responses.create(
        model=MODEL, input="red blue green black white", background=True, stream=True
    )
    kinds = []
    async for event in stream:
        kinds.append(event.type)
        if event.type == "response.created":
            await client.responses.cancel(event.response.id)

    assert "response.completed" not in kinds


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_stops_the_generation(
    world: World, client: openai.AsyncOpenAI, stream: bool
) -> None:
    """The ledger says so, and nothing of it can be continued."""
    world.faults.add(Rule(surface="chat", faults=(Trickle(0.4),)))
    if stream:
        events = await client.responses.create(
            model=MODEL, input="one two three", stream=True
        )
        async for _ in events:
            break
        await events.close()
    else:
        with pytest.raises(openai.APITimeoutError):
            await client.responses.create(model=MODEL, input="one two", timeout=0.2)
    (attempt,) = world.ledger.attempts
    limit = time.monotonic() + 2.0
    while attempt.closed is None:
        assert time.monotonic() < limit
        await asyncio.sleep(0.01)

    assert (attempt.aborted, attempt.closed_by) == (True, "client")


async def test_errors_are_the_sdk_s_own(
    world: World, client: openai.AsyncOpenAI
) -> None:
    """Refusals, unknown responses, a full context, a cancel of what is not behind."""
    with pytest.raises(openai.BadRequestError) as previous:
        await client.responses.create(
            model=MODEL, input="x", previous_response_id="resp_0"
        )
    assert previous.value.code == "previous_response_not_found"
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve("resp_0")
    with pytest.raises(openai.BadRequestError) as full:
        await client.responses.create(model=MODEL, input="word " * 501)
    assert (full.value.code, full.value.param) == ("context_length_exceeded", "input")
    front = await client.responses.create(model=MODEL, input="Is it raining?")
    with pytest.raises(openai.BadRequestError, match="synchronous"):
        await client.responses.cancel(front.id)
    world.faults.add(Rule(surface="chat", faults=(Refuse(429, retry_after=2.0),)))
    with pytest.raises(openai.RateLimitError) as limited:
        await client.responses.create(model=MODEL, input="x")
    assert limited.value.response.headers["retry-after"] == "2"
