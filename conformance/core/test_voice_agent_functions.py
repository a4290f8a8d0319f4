"""Functions that the fake Voice Agent calls: when, with what, and how they end."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from conformance.core._agent_talk import Talk, settings_of, weather, words_of
from fakes.deepgram.agent.functions import (
    arguments_for,
    call_id,
    calls_for,
    words_of_answer,
)
from fakes.deepgram.agent.settings import AgentSettings
from voiceutils.wire.deepgram_agent_settings import Function

ASKED = "Get me the weather in Rome."


def asked(ways: AgentSettings | None = None, *more: dict[str, Any]) -> Talk:
    """Return a conversation in which the user asked for the weather just now."""
    talk = Talk(ways, settings=settings_of(functions=[weather(), *more]))
    talk.take()
    talk.command("InjectUserMessage", content=ASKED)
    talk.wait(1.0)
    return talk


def requested(talk: Talk) -> list[dict[str, Any]]:
    """Return the functions that were asked for up to here."""
    calls = [x.body for x in talk.sent if x.kind == "FunctionCallRequest"]
    return [function for call in calls for function in call["functions"]]


def test_a_function_is_called_and_its_answer_is_said() -> None:
    """Request, the client's response, History of the call 40 ms later, the words."""
    talk = asked()
    (call,) = requested(talk)
    assert call["name"] == "get_weather"
    assert call["client_side"] is True
    assert json.loads(call["arguments"]) == {"location": ASKED}
    before = talk.kinds()
    answered = talk.now
    content = '{"sky":"sunny","degrees":20}'
    talk.command(
        "FunctionCallResponse", id=call["id"], name=call["name"], content=content
    )
    talk.wait(5)
    history = next(x for x in talk.sent if x.kind == "History")

    assert before == [
        "ConversationText",
        "History",
        "EndOfThought",
        "FunctionCallRequest",
    ]
    assert history.at - answered == pytest.approx(0.04)
    assert history.body["function_calls"] == [call | {"response": content}]
    assert words_of(talk.sent) == "I found this: sunny, 20."
    assert talk.kinds() == [
        "History", "ConversationText", "History", "AgentStartedSpeaking", "audio",
        "AgentAudioDone",
    ]  # fmt: skip


def test_several_functions_are_asked_for_together() -> None:
    """One request; the answer waits for the last response."""
    time = {"name": "weatherRome"}
    talk = asked(None, time)
    first, second = requested(talk)
    talk.take()
    talk.command(
        "FunctionCallResponse", id=second["id"], name=second["name"], content="b"
    )
    talk.wait(2)
    assert talk.take() == []
    talk.command(
        "FunctionCallResponse", id=first["id"], name=first["name"], content="a"
    )
    talk.wait(3)
    history = next(x.body for x in talk.sent if x.kind == "History")

    assert [call["response"] for call in history["function_calls"]] == ["a", "b"]
    assert words_of(talk.sent) == "I found this: a. I found this: b."


def test_a_function_that_is_not_answered_fails() -> None:
    """After the deadline: a warning, and the agent says that it does not know."""
    talk = asked(AgentSettings(function_timeout=3.0))
    talk.take()
    talk.wait(6)
    bodies = talk.bodies()

    assert bodies[0]["code"] == "FUNCTION_CALL_FAILED"
    assert "get_weather" in bodies[0]["description"]
    assert bodies[1]["content"] == "I am sorry, I could not find that out."


def test_a_function_of_the_server_is_not_called() -> None:
    """One with an endpoint: asked for, and failed at once, since nothing is fetched."""
    far = weather(endpoint={"url": "https://h/weather", "method": "post"})
    talk = Talk(settings=settings_of(functions=[far]))
    talk.take()
    talk.command("InjectUserMessage", content=ASKED)
    talk.wait(1.0)
    kinds = talk.kinds()

    assert kinds[3:] == ["FunctionCallRequest", "Warning"]


def test_speaking_on_cancels_the_call() -> None:
    """FunctionCallCancelled with the same id; a late answer changes nothing."""
    talk = asked()
    (call,) = requested(talk)
    talk.take()
    talk.say("Where is my parcel?", frames=20)
    cancelled = next(x.body for x in talk.sent if x.kind == "FunctionCallCancelled")
    talk.command(
        "FunctionCallResponse", id=call["id"], name=call["name"], content="sun"
    )
    talk.hush(0.3)
    talk.wait(5)

    assert cancelled["functions"] == [{"id": call["id"], "name": "get_weather"}]
    assert "sun" not in words_of(talk.sent)
    assert talk.notes == ["a response to a call that is not open: get_weather"]
    assert not talk.core.ended


def test_a_response_of_an_unknown_function_is_fatal() -> None:
    """NON_EXISTENT_FUNCTION_CALLED, then the end."""
    talk = asked()
    talk.command("FunctionCallResponse", id="x", name="get_time", content="9")

    assert talk.take()[-2].body["code"] == "NON_EXISTENT_FUNCTION_CALLED"


def test_a_response_without_id_is_taken_by_its_name() -> None:
    """The id may be left out."""
    talk = asked()
    talk.command("FunctionCallResponse", name="get_weather", content="sunny")
    talk.wait(4)

    assert words_of(talk.sent) == "I found this: sunny."


def test_new_functions_come_with_an_update() -> None:
    """UpdateThink replaces the functions."""
    talk = Talk(settings=settings_of())
    think = {
        "provider": {"type": "open_ai", "model": "gpt-4o"},
        "functions": [weather()],
    }
    talk.command("UpdateThink", think=think)
    talk.command("InjectUserMessage", content=ASKED)
    talk.wait(2)

    assert [call["name"] for call in requested(talk)] == ["get_weather"]


@pytest.mark.parametrize(
    ("name", "said", "called"),
    [
        ("get_weather", "Get the weather.", True),
        ("getWeather", "What weather do I get?", True),
        ("get_weather", "The weather?", False),
        ("get_weather", "Get weathered.", False),
        ("_", "Anything.", False),
    ],
)
def test_a_function_is_called_when_every_word_of_its_name_was_said(
    name: str, said: str, called: bool
) -> None:
    """Whatever the order, case and punctuation; whole words only."""
    calls = calls_for([Function(name=name)], said, map(str, itertools.count()))

    assert bool(calls) is called


def test_required_parameters_are_filled() -> None:
    """Strings with what was said, numbers with numbers, enums with their value."""
    said = "Book a table for 2 at 7.5 on Friday, caller four seven two nine."
    parameters = {
        "properties": {
            "what": {"type": "string"},
            "seats": {"type": "integer"},
            "hour": {"type": "number"},
            "more": {"type": "number"},
            "day": {"type": "string", "enum": ["monday", "friday"]},
            "sure": {"type": "boolean"},
            "tags": {"type": "array"},
            "extra": {"type": "string"},
        },
        "required": ["what", "seats", "hour", "more", "day", "sure", "tags"],
    }

    assert arguments_for(parameters, said) == {
        "what": said, "seats": 2, "hour": 7.5, "more": 0, "day": "friday",
        "sure": True, "tags": [],
    }  # fmt: skip
    spoken = {"properties": {"n": {"type": "integer"}}, "required": ["n"]}
    assert arguments_for(spoken, "It is four seven two nine.") == {"n": 4729}
    assert arguments_for({"required": "n"}, said) == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("It is sunny.", "I found this: It is sunny."),
        ('{"a":{"b":[1,true,null]}}', "I found this: 1, true."),
        ('"plain"', "I found this: plain."),
        ("", ""),
        ("[" * 100_000, f"I found this: {'[' * 2000}."),
    ],
)
def test_the_values_of_an_answer_are_said(content: str, said: str) -> None:
    """Text as it is, JSON by its values; any other text is no mistake."""
    assert words_of_answer(content) == said


def test_ids_of_calls_differ() -> None:
    """Within a connection and between connections."""
    ids = {call_id(name, number) for name in "ab" for number in range(50)}

    assert len(ids) == 100
    assert all(one.startswith("call_") for one in ids)
