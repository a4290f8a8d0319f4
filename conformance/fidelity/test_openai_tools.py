"""Tools, structured replies, limits and errors, by the unmodified openai SDK."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any, cast

import openai
import pydantic
import pytest
from openai.types.chat import (
    ChatCompletionMessageParam,
    ChatCompletionUserMessageParam,
)

from fakes.fault_rules import Rule
from fakes.faults import Close, Refuse, Trickle
from fakes.llm.rules_file import parse_replies
from fakes.world import ModelSettings, World

pytestmark = pytest.mark.judged("Model: chat completions", by="openai")

MODEL = "gpt-4o-mini"
RULES = """
[[rules]]
hears = "parcels"
call = [
  { tool = "FindParcel", arguments = { number = 12345 } },
  { tool = "FindParcel", arguments = { number = 54321 } },
]

[[rules]]
result_of = "FindParcel"
say = "They are here: {result}."
"""


class FindParcel(pydantic.BaseModel):
    """Finds a parcel."""

    number: int


class Booking(pydantic.BaseModel):
    """What a caller wants."""

    name: str
    people: int
    smoking: bool | None


TOOL = openai.pydantic_function_tool(FindParcel)


def said(text: str) -> ChatCompletionUserMessageParam:
    """What the user says."""
    return {"role": "user", "content": text}


QUESTION = said("Where are my parcels?")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A model with rules, of a known name and a small memory."""
    settings = ModelSettings(
        first_token_delay=0.01,
        token_delay=0.001,
        replies=parse_replies(RULES, "rules.toml"),
        models=(MODEL,),
        context_window=500,
        keys=frozenset({"k"}),
    )
    async with World(model=settings) as running:
        yield running


@pytest.fixture
async def client(world: World) -> AsyncIterator[openai.AsyncOpenAI]:
    """The async SDK."""
    url = world.addresses.model
    async with openai.AsyncOpenAI(api_key="k", base_url=url, max_retries=0) as running:
        yield running


async def test_a_whole_conversation_with_tools(client: openai.AsyncOpenAI) -> None:
    """Two calls at once, parsed by the SDK; their results come back and are told."""
    messages: list[ChatCompletionMessageParam] = [QUESTION]
    asked = await client.chat.completions.parse(
        model=MODEL, messages=messages, tools=[TOOL]
    )
    message = asked.choices[0].message

    assert asked.choices[0].finish_reason == "tool_calls"
    assert message.tool_calls is not None
    parsed = [call.function.parsed_arguments for call in message.tool_calls]
    assert parsed == [FindParcel(number=12345), FindParcel(number=54321)]
    messages.append(cast("Any", message.model_dump(exclude_none=True)))
    with pytest.raises(openai.BadRequestError, match="must be followed by tool"):
        await client.chat.completions.create(model=MODEL, messages=messages)
    for call, place in zip(message.tool_calls, ("Berlin", "Rome"), strict=True):
        content = json.dumps({"place": place})
        messages.append({"role": "tool", "tool_call_id": call.id, "content": content})
    told = await client.chat.completions.create(
        model=MODEL, messages=messages, tools=[TOOL]
    )
    assert told.choices[0].message.content == "They are here: Berlin, Rome."


async def test_calls_of_tools_come_in_pieces(
    world: World, client: openai.AsyncOpenAI
) -> None:
    """The SDK's own stream puts name and arguments together again."""
    async with client.chat.completions.stream(
        model=MODEL, messages=[QUESTION], tools=[TOOL], user="CA1"
    ) as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_completion()

    assert kinds.count("tool_calls.function.arguments.done") == 2
    assert kinds.count("tool_calls.function.arguments.delta") > 4
    calls = final.choices[0].message.tool_calls
    assert calls is not None
    assert [call.function.parsed_arguments for call in calls] == [
        FindParcel(number=12345),
        FindParcel(number=54321),
    ]
    (attempt,) = world.ledger.group("CA1")
    assert attempt.called == [
        'FindParcel({"number": 12345})',
        'FindParcel({"number": 54321})',
    ]


async def test_one_tool_at_a_time_and_a_tool_by_name(
    client: openai.AsyncOpenAI,
) -> None:
    """parallel_tool_calls and tool_choice are kept to."""
    one = await client.chat.completions.create(
        model=MODEL, messages=[QUESTION], tools=[TOOL], parallel_tool_calls=False
    )
    assert len(one.choices[0].message.tool_calls or ()) == 1
    named = await client.chat.completions.create(
        model=MODEL,
        messages=[said("It is 7777.")],
        tools=[TOOL],
        tool_choice={"type": "function", "function": {"name": "FindParcel"}},
    )
    calls = named.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].type == "function"
    assert json.loads(calls[0].function.arguments) == {"number": 7777}
    none = await client.chat.completions.create(
        model=MODEL, messages=[QUESTION], tools=[TOOL], tool_choice="none"
    )
    assert none.choices[0].finish_reason == "stop"


async def test_a_structured_reply_is_parsed(client: openai.AsyncOpenAI) -> None:
    """What comes fits the schema that pydantic made."""
    answer = await client.chat.completions.parse(
        model=MODEL,
        messages=[said("Four people, number 12345.")],
        response_format=Booking,
    )

    booking = answer.choices[0].message.parsed
    assert isinstance(booking, Booking)
    assert booking.people == 12345
    whole = await client.chat.completions.create(
        model=MODEL,
        messages=[said("Say it as json.")],
        response_format={"type": "json_object"},
    )
    assert json.loads(whole.choices[0].message.content or "") == {
        "reply": "You said: Say it as json."
    }


async def test_several_choices_stop_and_length(client: openai.AsyncOpenAI) -> None:
    """Some answers side by side; one that stops; one that is cut."""
    words = [said("red blue green black white")]
    several = await client.chat.completions.create(
        model=MODEL, messages=words, n=3, stream=True,
        stream_options={"include_usage": True},
    )  # fmt: skip
    heard = ["", "", ""]
    usage = None
    async for chunk in several:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            heard[choice.index] += choice.delta.content or ""
    assert heard == ["You said: red blue green black white."] * 3
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (5, 21)
    stopped = await client.chat.completions.create(
        model=MODEL, messages=words, stop=["black", " green"]
    )
    assert stopped.choices[0].message.content == "You said: red blue"
    cut = await client.chat.completions.create(
        model=MODEL, messages=words, max_completion_tokens=3
    )
    assert cut.choices[0].message.content == "You said: red"
    assert cut.choices[0].finish_reason == "length"
    with pytest.raises(openai.LengthFinishReasonError):
        await client.chat.completions.parse(
            model=MODEL, messages=words, max_tokens=2, response_format=Booking
        )


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (400, openai.BadRequestError, None),
        (401, openai.AuthenticationError, "invalid_api_key"),
        (403, openai.PermissionDeniedError, "unsupported_country_region_territory"),
        (404, openai.NotFoundError, None),
        (429, openai.RateLimitError, "rate_limit_exceeded"),
        (500, openai.InternalServerError, None),
        (503, openai.InternalServerError, None),
    ],
)
async def test_every_refusal_is_the_sdk_s_own_error(
    world: World,
    client: openai.AsyncOpenAI,
    status: int,
    error: type[openai.APIStatusError],
    code: str | None,
) -> None:
    """With message, code and the id of the request."""
    world.faults.add(Rule(surface="chat", faults=(Refuse(status, retry_after=0.5),)))
    with pytest.raises(error) as caught:
        await client.chat.completions.create(model=MODEL, messages=[QUESTION])

    assert caught.value.code == code
    assert caught.value.request_id is not None
    assert caught.value.response.headers["retry-after"] == "0.5"


async def test_the_sdk_waits_as_it_is_told_and_comes_again(world: World) -> None:
    """Its own retry heeds retry-after-ms of a 429."""
    world.faults.add(Rule(surface="chat", faults=(Refuse(429, retry_after=0.2),)))
    url = world.addresses.model
    async with openai.AsyncOpenAI(api_key="k", base_url=url) as client:
        await client.chat.completions.create(model=MODEL, messages=[QUESTION])

    first, second = world.ledger.attempts
    assert second.at - first.at >= 0.2


async def test_unknown_models_keys_and_long_talks_are_refused(
    world: World, client: openai.AsyncOpenAI
) -> None:
    """404 model_not_found, 401, and 400 context_length_exceeded."""
    with pytest.raises(openai.NotFoundError) as unknown:
        await client.chat.completions.create(model="gpt-9", messages=[QUESTION])
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("gpt-9")
    assert (await client.models.retrieve(MODEL)).id == MODEL
    content = "word " * 501
    with pytest.raises(openai.BadRequestError) as long:
        await client.chat.completions.create(model=MODEL, messages=[said(content)])
    assert (long.value.code, long.value.param) == (
        "context_length_exceeded",
        "messages",
    )
    stranger = client.with_options(api_key="other")
    with pytest.raises(openai.AuthenticationError):
        await stranger.chat.completions.create(model=MODEL, messages=[QUESTION])
    with pytest.raises(openai.AuthenticationError):
        await stranger.models.list()


async def test_a_whole_answer_that_nobody_waits_for_is_noticed(
    world: World, client: openai.AsyncOpenAI
) -> None:
    """A client that gives up before a body comes is recorded as gone, soon."""
    world.faults.add(Rule(surface="chat", faults=(Trickle(2.0),)))
    with pytest.raises(openai.APITimeoutError):
        await client.chat.completions.create(
            model=MODEL, messages=[QUESTION], timeout=0.3
        )
    (attempt,) = world.ledger.attempts
    limit = time.monotonic() + 2.0
    while attempt.closed is None:
        assert time.monotonic() < limit
        await asyncio.sleep(0.01)

    assert (attempt.aborted, attempt.closed_by, attempt.messages) == (True, "client", 0)


async def test_a_stream_that_breaks_off_is_the_sdk_s_connection_error(
    world: World, client: openai.AsyncOpenAI
) -> None:
    """Faults strike at their moments: here after the third event."""
    world.faults.add(Rule(surface="chat", faults=(Close(after_sent=3),)))
    stream = await client.chat.completions.create(
        model=MODEL, messages=[QUESTION], stream=True
    )
    with pytest.raises(openai.APIConnectionError):
        async for _ in stream:
            pass

    assert world.ledger.attempts[0].messages == 3


async def test_azure_s_client_finds_the_model_in_the_path(world: World) -> None:
    """Deployments, api-key and api-version, by the SDK's own Azure client."""
    endpoint = world.addresses.model.removesuffix("/v1")
    async with openai.AsyncAzureOpenAI(
        api_key="k", api_version="2024-10-21", azure_endpoint=endpoint, max_retries=0
    ) as azure:
        answer = await azure.chat.completions.create(
            model=MODEL, messages=[said("Is it raining?")]
        )
        with pytest.raises(openai.NotFoundError):
            await azure.chat.completions.create(model="other", messages=[QUESTION])
        response = await azure.responses.create(model=MODEL, input="Is it raining?")

    assert answer.choices[0].message.content == "You said: Is it raining."
    assert response.output_text == "You said: Is it raining."


async def test_the_sync_client_streams_too(world: World) -> None:
    """From a thread of its own, as agents that are not async do it."""

    def talk() -> str:
        with openai.OpenAI(api_key="k", base_url=world.addresses.model) as client:
            stream = client.chat.completions.create(
                model=MODEL,
                messages=[said("Is it raining?")],
                stream=True,
            )
            return "".join(chunk.choices[0].delta.content or "" for chunk in stream)

    assert await asyncio.to_thread(talk) == "You said: Is it raining."
