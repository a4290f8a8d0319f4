"""The scripted model, without a socket."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from fakes.llm.chat import (
    ChatError,
    Reply,
    read_request,
    remembered_in,
    reply_for,
    said_in,
)
from fakes.speech import CALLER_UTTERANCES, REPLIES, number_words
from voiceutils.wire.chat import decode_event


@given(st.integers(0, 999_999), st.booleans())
def test_number_of_the_caller_is_said_back(number: int, spelt: bool) -> None:
    """A caller's number comes back in words, given in words or in digits."""
    digits = number_words(number)
    said = f"Hello, this is caller {digits if spelt else f'{number:04d}'}."

    assert reply_for(said) == f"Thank you, caller {digits}. How can I help?"


@pytest.mark.parametrize("said", CALLER_UTTERANCES)
def test_scripted_question_has_its_answer(said: str) -> None:
    """Case and punctuation do not matter."""
    assert reply_for(said) == REPLIES[said]
    assert reply_for(said.lower().strip(".?")) == REPLIES[said]


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("Is it raining?", "You said: Is it raining."),
        ("", "I did not hear anything. Could you say that again?"),
        ("...", "I did not hear anything. Could you say that again?"),
    ],
)
def test_anything_else_is_repeated(said: str, reply: str) -> None:
    """What has no script is repeated; nothing is asked about."""
    assert reply_for(said) == reply


@given(st.text(max_size=200))
def test_tokens_and_events_add_up_to_the_reply(text: str) -> None:
    """No word is lost between reply, tokens and events."""
    reply = Reply("chatcmpl-1", 1, "m", " ".join(text.split()))
    events = list(reply.events())
    chunks = [decode_event(event.strip()) for event in events]

    assert "".join(reply.tokens) == reply.text
    assert "".join(chunk.text for chunk in chunks if chunk) == reply.text
    assert chunks[-1] is None
    last = chunks[-2]
    assert last is not None
    assert last.choices[0].finish_reason == "stop"
    first = chunks[0]
    assert first is not None
    assert first.choices[0].delta.role == "assistant"


def test_usage_comes_when_asked_for() -> None:
    """With include_usage the event before the end counts tokens."""
    reply = Reply("chatcmpl-1", 1, "m", "two words", 5)
    usage = json.loads(list(reply.events(usage=True))[-2][len("data: ") :])

    assert usage["choices"] == []
    assert usage["usage"] == json.loads(reply.body())["usage"]
    assert usage["usage"]["total_tokens"] == 7


def test_last_user_message_counts() -> None:
    """The newest thing the user said is answered; content may be parts."""
    body = {
        "model": "m",
        "messages": [
            {"role": "user", "content": "old"},
            {"role": "assistant", "content": "hm"},
            {"role": "user", "content": [{"type": "text", "text": "new\n one"}]},
            {"role": "system", "content": "be kind"},
        ],
    }
    request = read_request(json.dumps(body).encode())

    assert not isinstance(request, ChatError)
    assert said_in(request) == "new one"


@pytest.mark.parametrize(
    "body", [b"", b"junk", b"[]", b"{}", b'{"model":"m","messages":[]}']
)
def test_wrong_request_is_an_error_of_the_service_s_shape(body: bytes) -> None:
    """Errors are 400 with message, type, param and code."""
    error = read_request(body)

    assert isinstance(error, ChatError)
    assert error.status == 400
    assert set(json.loads(error.body())["error"]) == {
        "message", "type", "param", "code",
    }  # fmt: skip


def test_call_of_a_tool_is_what_the_sdk_knows() -> None:
    """A tool that is called in place of text, streamed and whole, by OpenAI's types."""
    reply = Reply("chatcmpl-1", 1, "gpt-4o-mini", "", tool="look_up")
    *events, done = reply.events()
    chunks = [
        ChatCompletionChunk.model_validate_json(event.removeprefix("data: "))
        for event in events
    ]
    calls = chunks[0].choices[0].delta.tool_calls
    whole = ChatCompletion.model_validate_json(reply.body()).choices[0]

    assert done == "data: [DONE]\n\n"
    assert calls is not None
    assert calls[0].function is not None
    assert calls[0].function.name == "look_up"
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    assert whole.finish_reason == "tool_calls"
    assert whole.message.tool_calls is not None
    assert whole.message.content is None


def test_white_space_is_a_token() -> None:
    """A model may answer with nothing but a space; it is sent as it is."""
    assert Reply("chatcmpl-1", 1, "gpt-4o-mini", "  ").tokens == ["  "]
    assert Reply("chatcmpl-1", 1, "gpt-4o-mini", "").tokens == []


def test_earlier_replies_are_kept_for_the_ledger() -> None:
    """What a request tells of the assistant's own words, in order."""
    asked = read_request(
        json.dumps(
            {
                "model": "gpt-4o-mini",
                "messages": [
                    {"role": "assistant", "content": "One."},
                    {"role": "user", "content": "And?"},
                    {"role": "assistant", "content": "Two."},
                ],
            }
        ).encode()
    )
    assert not isinstance(asked, ChatError)
    assert remembered_in(asked) == "One. Two."
