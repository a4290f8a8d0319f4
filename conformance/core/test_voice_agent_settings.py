"""What the fake Voice Agent takes as Settings, and what it says of the rest."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.core._agent_talk import Talk, settings_of, weather
from fakes.deepgram.agent.complaints import field_of
from fakes.deepgram.agent.models import models_body
from fakes.deepgram.agent.settings import AgentSettings
from fakes.deepgram.outbox import Ended

UNKNOWN = (
    "Text message received from client did not match any of the formats we expect."
)
FLUX = {"type": "deepgram", "version": "v2", "model": "flux-general-en"}
OPEN_AI = {"type": "open_ai", "model": "gpt-4o-mini"}


def verdict(
    message: Any, *, ways: AgentSettings | None = None, **deepgram: Any
) -> tuple[str, str]:
    """Return code and description of the answer; ("", "") when it is taken."""
    talk = Talk(ways, **deepgram)
    talk.wait(0.1)
    talk.take()
    talk.send(message if isinstance(message, str | bytes) else json.dumps(message))
    talk.wait(0.1)
    first, *rest = talk.take()
    if first.kind == "SettingsApplied":
        return "", ""
    (end,) = rest
    assert isinstance(end.item, Ended)
    assert first.kind == "Error"
    return first.body["code"], first.body["description"]


def changed(path: str, value: object) -> dict[str, Any]:
    """Return Settings with one field set, or left out when the value is None."""
    message = copy.deepcopy(settings_of(functions=[weather()], listen={}, speak={}))
    message["agent"]["listen"]["provider"] = dict(FLUX)
    message["agent"]["speak"]["provider"] = {"type": "deepgram", "model": "aura-2"}
    *parents, last = path.split(".")
    place: Any = message
    for name in parents:
        place = place[int(name)] if name.isdecimal() else place.setdefault(name, {})
    if value is None:
        del place[last]
    else:
        place[last] = value
    return message


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("agent.tags", ["a"], "agent.tags"),
        ("nonsense", 1, "nonsense"),
        ("audio", None, "audio"),
        ("agent", None, "agent"),
        ("agent", 5, "agent"),
        ("audio.input.sample_rate", 8000.0, "audio.input.sample_rate"),
        ("audio.input.sample_rate", None, "audio.input.sample_rate"),
        ("audio.input.sample_rate", -1, "audio.input.sample_rate"),
        ("audio.input.encoding", "mp5", "audio.input.encoding"),
        ("audio.output.container", "zip", "audio.output.container"),
        (
            "agent.think.functions.0.client_side",
            True,
            "agent.think.functions.client_side",
        ),
        ("agent.think.functions.0.name", None, "agent.think.functions.name"),
        ("agent.think.provider.type", "openai", "agent.think.provider.type"),
        ("agent.think.provider.model", None, "agent.think.provider.model"),
        ("agent.think.provider.endpoint", {}, "agent.think.provider.endpoint"),
        ("agent.think.provider.temperature", "hot", "agent.think.provider.temperature"),
        ("agent.think.endpoint", {"headers": {}}, "agent.think.endpoint.url"),
        ("agent.listen.provider.language", "en", "agent.listen.provider.language"),
        ("agent.listen.provider.model", None, "agent.listen.provider.model"),
        (
            "agent.listen.provider.eot_timeout_ms",
            1.5,
            "agent.listen.provider.eot_timeout_ms",
        ),
        ("agent.speak.provider.voice", "Amy", "agent.speak.provider.voice"),
        ("agent.speak.provider.model", None, "agent.speak.provider.model"),
        ("agent.context.messages", [{"type": "History"}], "agent.context.messages"),
        ("flags.history", "yes", "flags.history"),
    ],
)  # fmt: skip
def test_a_field_that_does_not_fit_is_named(
    path: str, value: object, field: str
) -> None:
    """Unknown, missing, of a wrong type, a float for an integer: all are fatal."""
    code, description = verdict(changed(path, value))

    assert code == "UNPARSABLE_CLIENT_MESSAGE"
    assert description == (
        f"Error parsing client message. Check the {field} field against the API spec."
    )


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("tags", ["a", "b"]),
        ("mip_opt_out", True),
        ("experimental", False),
        ("audio", {}),
        ("audio.output.sample_rate", 16000),
        ("audio.output", {"encoding": "linear16", "sample_rate": 24000}),
        ("audio.output", {"encoding": "alaw", "container": "wav"}),
        ("audio.input", {"encoding": "opus", "sample_rate": 48000}),
        ("agent", {}),
        ("agent.think", [{"provider": OPEN_AI}, {"provider": OPEN_AI}]),
        ("agent.think.context_length", "max"),
        ("agent.think.context_length", 15000),
        ("agent.think.endpoint", {"url": "https://h/x", "headers": {"a": "b"}}),
        ("agent.listen.provider", {"type": "deepgram", "model": "nova-3"}),
        ("agent.listen.provider.eot_threshold", 0.8),
        ("agent.speak", [{"provider": {"type": "deepgram", "model": "aura-2-a-en"}}]),
        (
            "agent.speak.provider",
            {
                "type": "cartesia",
                "model_id": "sonic-2",
                "voice": {"mode": "id", "id": "x"},
            },
        ),
        (
            "agent.context.messages",
            [
                {"type": "History", "role": "user", "content": "Hi."},
                {
                    "type": "History",
                    "function_calls": [
                        {"id": "1", "name": "f", "client_side": True}
                        | {"arguments": "{}", "response": "1"}
                    ],
                },
            ],
        ),
    ],
)  # fmt: skip
def test_settings_as_documented_are_taken(path: str, value: object) -> None:
    """Everything that the documentation shows."""
    assert verdict(changed(path, value)) == ("", "")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("agent.listen.provider.eot_threshold", 0.2, "eot_threshold must be from"),
        ("agent.listen.provider.eager_eot_threshold", 0.8, "less than or equal"),
        ("agent.listen.provider.model", "nova-3", "nova-3"),
        ("agent.speak.provider.model", "sonia", "sonia"),
        ("agent.think.endpoint", {"url": "no"}, "Failed to resolve endpoint: no"),
        ("audio.output.encoding", "mp3", "mp3"),
        ("audio.output.sample_rate", 44100, "sample_rate"),
        ("agent.think.functions.0.initial_agent_filler", True, "think_live"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_invalid(
    path: str, value: object, words: str
) -> None:
    """INVALID_SETTINGS, with what is wrong."""
    code, description = verdict(changed(path, value))

    assert code == "INVALID_SETTINGS"
    assert words in description


@pytest.mark.parametrize(
    ("agent", "code"),
    [
        ("stored", "INVALID_AGENT_ID"),
        ("52cc0efe-fa77-4aa7-b79c-0dda09de2f14", "AGENT_ID_NOT_SUPPORTED"),
    ],
)
def test_stored_configurations_are_not_here(agent: str, code: str) -> None:
    """An id that is none, and one that could be."""
    assert verdict(settings_of() | {"agent": agent})[0] == code


@pytest.mark.parametrize(
    "message", ["", "junk", "[1]", "{}", '{"type":"Hello"}', "{" * 9]
)
def test_what_is_no_message_is_unparsable(message: str) -> None:
    """Not JSON, no object, no type, no known type."""
    assert verdict(message) == ("UNPARSABLE_CLIENT_MESSAGE", UNKNOWN)


@pytest.mark.parametrize("message", [{"type": "KeepAlive"}, b"\xff" * 160, b""])
def test_settings_come_first(message: dict[str, str] | bytes) -> None:
    """Whatever else comes before them is fatal."""
    assert verdict(message)[0] == "NON_SETTINGS_MESSAGE_BEFORE_SETTINGS"


def test_only_listed_models_can_be_asked_for() -> None:
    """By a setting; a model at an endpoint of one's own is not looked up."""
    strict = AgentSettings(think_models="listed")
    unknown = {"type": "open_ai", "model": "gpt-99"}
    own = {"provider": unknown, "endpoint": {"url": "https://h/v1"}}

    assert verdict(changed("agent.think.provider", unknown)) == ("", "")
    code, _ = verdict(changed("agent.think.provider", unknown), ways=strict)
    assert code == "INVALID_SETTINGS"
    assert verdict(changed("agent.think", own), ways=strict) == ("", "")
    assert "gpt-4o-mini" in [x["id"] for x in json.loads(models_body())["models"]]


@given(st.text(max_size=300))
def test_any_problem_gives_some_field_or_none(problem: str) -> None:
    """Naming the field of a validation error never fails."""
    assert isinstance(field_of(problem), str)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from(["type", "agent", "audio", "think", "provider", "listen"]),
            inner, max_size=4,
        ),
        max_leaves=12,
    )
)  # fmt: skip
def test_any_settings_are_taken_or_refused(content: object) -> None:
    """Whatever is in them: SettingsApplied, or one Error and the close frame."""
    talk = Talk()
    message = {"type": "Settings", "audio": {}, "agent": content}
    talk.wait(0.1)
    talk.take()
    talk.send(json.dumps(message))
    talk.wait(0.1)

    assert talk.kinds() in (["SettingsApplied"], ["Error", "end"])
