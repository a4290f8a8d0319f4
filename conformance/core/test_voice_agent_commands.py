"""What a client may tell the fake Voice Agent: injections, updates, forced ends."""

from __future__ import annotations

import pytest

from conformance.core._agent_talk import Talk, settings_of, words_of
from fakes.deepgram.agent.settings import AgentSettings

ASKED = "What are your opening hours?"
FIRST, SECOND = (
    "We are open from nine to five on weekdays.",
    "On Saturday we close at noon.",
)
ONE_SENTENCE = ["ConversationText", "History", "audio", "AgentAudioDone"]


def test_an_injected_statement_is_said_without_latency() -> None:
    """Text, History, audio, AgentAudioDone; no AgentStartedSpeaking."""
    talk = Talk(settings=settings_of())
    talk.take()
    talk.command("InjectAgentMessage", message="Are you still there?")
    talk.wait(3)
    sent = talk.sent

    assert words_of(sent) == "Are you still there?"
    assert talk.kinds() == ONE_SENTENCE


@pytest.mark.parametrize("behavior", ["default", None])
def test_an_injection_in_the_middle_of_a_turn_is_refused(behavior: str | None) -> None:
    """While the user speaks, while the agent thinks, and while it speaks."""
    more = {"behavior": behavior} if behavior else {}
    talk = Talk(settings=settings_of(), speech_pace=1.0)
    talk.say(ASKED, frames=20)
    talk.command("InjectAgentMessage", message="Hello?", **more)
    talk.hush(0.9)
    talk.command("InjectAgentMessage", message="Hello?", **more)
    talk.wait(1)
    talk.command("InjectAgentMessage", message="Hello?", **more)
    refused = [x for x in talk.bodies() if x["type"] == "InjectionRefused"]

    assert len(refused) == 3
    assert "user" in refused[0]["message"]
    assert "agent" in refused[2]["message"]


def test_a_refusal_can_be_a_warning() -> None:
    """As it was seen on the live service."""
    talk = Talk(AgentSettings(injection_answer="Warning"), settings=settings_of())
    talk.command("InjectUserMessage", content=ASKED)
    talk.command("InjectAgentMessage", message="Hello?")
    (warning,) = [x for x in talk.bodies() if x["type"] == "Warning"]

    assert warning["code"] == "INJECT_AGENT_MESSAGE_DURING_AGENT_SPEECH"


def test_a_queued_injection_follows_what_is_being_said() -> None:
    """Queue waits for its turn and interrupts nothing."""
    talk = Talk(settings=settings_of())
    talk.command("InjectUserMessage", content=ASKED)
    talk.wait(0.7)
    talk.command("InjectAgentMessage", message="And one more thing.", behavior="queue")
    talk.wait(8)

    assert words_of(talk.sent) == f"{FIRST} {SECOND} And one more thing."
    assert [x.kind for x in talk.sent].count("AgentAudioDone") == 2


def test_an_interrupting_injection_replaces_what_is_being_said() -> None:
    """Interrupt cuts the rest of the reply, and the message is said at once."""
    talk = Talk(settings=settings_of(), speech_pace=1.0)
    talk.command("InjectUserMessage", content=ASKED)
    talk.wait(1.0)
    talk.take()
    talk.command("InjectAgentMessage", message="Stop.", behavior="interrupt")
    talk.wait(8)
    kinds = talk.kinds()

    assert kinds == ["cut", "AgentAudioDone", *ONE_SENTENCE]


@pytest.mark.parametrize(
    ("kind", "fields", "answer", "after"),
    [
        ("UpdatePrompt", {"prompt": "Be kind."}, "PromptUpdated", 0.04),
        (
            "UpdateSpeak",
            {"speak": {"provider": {"type": "deepgram", "model": "aura-2-zeus-en"}}},
            "SpeakUpdated",
            0.04,
        ),
        (
            "UpdateThink",
            {"think": {"provider": {"type": "anthropic", "model": "claude"}}},
            "ThinkUpdated",
            0.04,
        ),
        (
            "UpdateListen",
            {
                "listen": {
                    "provider": {
                        "type": "deepgram",
                        "version": "v2",
                        "model": "flux-general-en",
                    }
                }
            },
            "ListenUpdated",
            0.3,
        ),
        (
            "UpdateThink_Live",
            {"think_live": {"provider": {"type": "deepgram", "version": "v1"}}},
            "ThinkLiveUpdated",
            0.04,
        ),
    ],
)
def test_updates_are_acknowledged(
    kind: str, fields: dict[str, object], answer: str, after: float
) -> None:
    """Each by a message of its own; a new recogniser takes longer."""
    talk = Talk(settings=settings_of())
    talk.take()
    begun = talk.now
    talk.command(kind, **fields)
    talk.wait(1)
    (ack,) = talk.take()

    assert ack.body == {"type": answer}
    assert ack.at - begun == pytest.approx(after)


def test_a_prompt_that_grows_too_long_is_not_taken() -> None:
    """PROMPT_TOO_LONG in the place of PromptUpdated."""
    talk = Talk(AgentSettings(prompt_limit=10), settings=settings_of())
    talk.take()
    talk.command("UpdatePrompt", prompt="Be kind.")
    talk.command("UpdatePrompt", prompt="Be quick.")
    talk.wait(1)

    assert [body.get("code") for body in talk.bodies()] == ["PROMPT_TOO_LONG", None]


def test_forcing_the_end_of_a_turn_needs_flux() -> None:
    """A v1 recogniser gives a warning; Flux ends the turn at once."""
    flux = {
        "provider": {"type": "deepgram", "version": "v2", "model": "flux-general-en"}
    }
    nova, other = Talk(settings=settings_of()), Talk(settings=settings_of(listen=flux))
    for talk in (nova, other):
        talk.say("Where is my parcel?")
        talk.take()
        talk.command("ForceEndTurn")
        talk.wait(0.2)

    assert nova.bodies()[0]["code"] == "FORCE_END_TURN_UNSUPPORTED"
    assert other.bodies()[0]["content"] == "Where is my parcel?"


def test_a_command_in_a_binary_frame_is_audio() -> None:
    """It has no effect, and is noted."""
    talk = Talk(settings=settings_of())
    talk.take()
    talk.send(b'{"type": "KeepAlive"}')
    talk.wait(1)

    assert talk.take() == []
    assert talk.notes == ["a command in a binary frame; it is taken for audio"]


def test_a_multilingual_recogniser_tells_the_languages() -> None:
    """Of the user's texts only, with the hints that were given."""
    provider = {
        "type": "deepgram",
        "version": "v2",
        "model": "flux-general-multi",
        "language_hints": ["en", "de"],
    }
    talk = Talk(settings=settings_of(listen={"provider": provider}))
    talk.command("InjectUserMessage", content=ASKED)
    talk.wait(2)
    texts = [x for x in talk.bodies() if x["type"] == "ConversationText"]

    assert texts[0]["languages_hinted"] == ["en", "de"]
    assert "languages" not in texts[1]
