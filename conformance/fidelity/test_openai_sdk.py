"""The unmodified openai SDK against the fake model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import openai
import pytest

from fakes.fault_rules import Rule
from fakes.faults import Refuse, Trickle
from fakes.world import ModelSettings, World

pytestmark = pytest.mark.judged("Model: chat completions", by="openai")

QUESTION = "Where is my parcel?"
ANSWER = "Your parcel left the depot today. It arrives tomorrow."


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A model that answers at once."""
    settings = ModelSettings(first_token_delay=0.02, token_delay=0.001)
    async with World(model=settings) as running:
        yield running


@pytest.fixture
async def client(world: World) -> AsyncIterator[openai.AsyncOpenAI]:
    """The async SDK."""
    url = world.addresses.model
    async with openai.AsyncOpenAI(api_key="k", base_url=url, max_retries=0) as running:
        yield running


async def test_streaming_completion(world: World, client: openai.AsyncOpenAI) -> None:
    """Tokens add up to the scripted answer; the last chunk says stop."""
    stream = await client.chat.completions.create(
        model="busyhour-script",
        messages=[{"role": "user", "content": QUESTION}],
        stream=True,
        user="CA1",
    )
    chunks = [chunk async for chunk in stream]

    said = [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert "".join(said) == ANSWER
    assert chunks[-1].choices[0].finish_reason == "stop"
    (attempt,) = world.ledger.group("CA1")
    assert (attempt.said, attempt.reply, attempt.aborted) == (QUESTION, ANSWER, False)
    assert attempt.first_answer_at is not None
    assert attempt.first_answer_at - attempt.at >= 0.02


async def test_whole_completion(client: openai.AsyncOpenAI) -> None:
    """Without stream the answer comes in one piece, with usage."""
    answer = await client.chat.completions.create(
        model="busyhour-script", messages=[{"role": "user", "content": QUESTION}]
    )

    assert answer.choices[0].message.content == ANSWER
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0


async def test_models_are_listed(client: openai.AsyncOpenAI) -> None:
    """The list names the scripted model."""
    listed = [model.id async for model in client.models.list()]

    assert "busyhour-script" in listed


async def test_refusal_is_the_sdks_own_error(
    world: World, client: openai.AsyncOpenAI
) -> None:
    """A 429 is a RateLimitError with code and Retry-After."""
    world.faults.add(Rule(surface="chat", faults=(Refuse(429, retry_after=1.5),)))
    with pytest.raises(openai.RateLimitError) as caught:
        await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": QUESTION}]
        )

    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.response.headers["retry-after"] == "1.5"


async def test_wrong_request_is_a_bad_request(client: openai.AsyncOpenAI) -> None:
    """No messages: 400 that names the parameter."""
    with pytest.raises(openai.BadRequestError) as caught:
        await client.chat.completions.create(model="m", messages=[])

    assert caught.value.param == "messages"


async def test_client_that_leaves_is_noticed(
    world: World, client: openai.AsyncOpenAI
) -> None:
    """A stream closed by the client is recorded as aborted, soon."""
    world.faults.add(Rule(surface="chat", faults=(Trickle(0.2),)))
    stream = await client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": QUESTION}], stream=True
    )
    async for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    await stream.close()
    (attempt,) = world.ledger.attempts
    limit = time.monotonic() + 2.0
    while attempt.closed is None:
        assert time.monotonic() < limit
        await asyncio.sleep(0.01)

    assert (attempt.aborted, attempt.closed_by) == (True, "client")
    assert attempt.messages < len(ANSWER.split())
