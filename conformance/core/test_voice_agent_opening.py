"""The first messages of a conversation with the fake Voice Agent, and its audio."""

from __future__ import annotations

import pytest

from conformance.core._agent_talk import MULAW, Talk, settings_of, words_of
from fakes.deepgram.agent.settings import AgentSettings
from fakes.deepgram.outbox import AudioPiece
from fakes.speech import Speaker, speak
from voiceutils.mulaw import SILENCE_FRAME, to_linear16


def test_settings_come_once() -> None:
    """The second ones are fatal."""
    talk = Talk(settings=settings_of())
    talk.send(settings_of())
    *_, error, end = talk.take()

    assert error.body["code"] == "SETTINGS_ALREADY_APPLIED"
    assert end.kind == "end"


def test_settings_before_welcome_are_answered_after_it() -> None:
    """A client that does not wait gets Welcome first all the same."""
    talk = Talk()
    talk.send(settings_of())
    talk.wait(0.2)

    assert talk.kinds() == ["Welcome", "SettingsApplied"]


def test_what_comes_before_the_settings_are_applied_waits_for_it() -> None:
    """A client that waits for nothing is answered in the right order all the same."""
    talk = Talk()
    talk.send(settings_of())
    talk.command("InjectUserMessage", content="Hello.")
    talk.command("UpdatePrompt", prompt="Be kind.")
    talk.wait(3)

    assert talk.kinds()[:4] == [
        "Welcome",
        "SettingsApplied",
        "ConversationText",
        "History",
    ]


def test_nothing_follows_an_early_message_that_is_fatal() -> None:
    """What waited behind it is forgotten."""
    talk = Talk()
    talk.send(settings_of())
    talk.command("FunctionCallResponse", id="x", name="no_such", content="")
    talk.command("InjectUserMessage", content="Hello.")
    talk.wait(3)

    assert talk.kinds() == ["Welcome", "SettingsApplied", "Error", "end"]


@pytest.mark.parametrize("key", ["message", "content"])
def test_an_injected_message_has_the_key_of_its_guide(key: str) -> None:
    """Two guides, one setting; the other key does not fit."""
    other = {"message": "content", "content": "message"}[key]
    for used, kinds in ((key, ["ConversationText"]), (other, ["Error"])):
        talk = Talk(AgentSettings(injection_key=key), settings=settings_of())  # type: ignore[arg-type]
        talk.take()
        talk.command("InjectAgentMessage", **{used: "Hello."})
        talk.wait(2)
        assert talk.kinds()[:1] == kinds


def test_a_prompt_that_is_too_long_is_warned_of() -> None:
    """More than 25 000 characters: PROMPT_TOO_LONG, and the conversation goes on."""
    message = settings_of()
    message["agent"]["think"]["prompt"] = "x" * 25_001
    talk = Talk(settings=message)

    assert [body.get("code") for body in talk.bodies()[1:]] == [None, "PROMPT_TOO_LONG"]
    assert not talk.core.ended


@pytest.mark.parametrize(
    ("encoding", "rate"),
    [("linear16", 8000), ("linear16", 16000), ("linear16", 24000), ("mulaw", 8000)],
)
def test_audio_is_heard_and_said_in_the_forms_of_the_settings(
    encoding: str, rate: int
) -> None:
    """Words in, words out, at every rate that repeats samples."""
    form = {"encoding": encoding, "sample_rate": rate}
    message = settings_of() | {"audio": {"input": form, "output": form}}
    talk = Talk(settings=message)
    spoken = speak("Where is my parcel?", speaker=Speaker.CALLER, call=1)
    times = rate // 8000
    for frame in [*spoken.frames, *[SILENCE_FRAME] * 100]:
        samples = bytes(byte for byte in frame for _ in range(times))
        talk.send(to_linear16(samples) if encoding == "linear16" else samples)
        talk.wait(0.02)
    talk.wait(4)
    audio = b"".join(x.item.audio for x in talk.sent if isinstance(x.item, AudioPiece))
    said = [x.body["content"] for x in talk.sent if x.kind == "History"]
    width = 2 if encoding == "linear16" else 1

    assert said[0] == "Where is my parcel?"
    assert len(audio) % width == 0
    assert len(audio) > rate * width
    if form == MULAW:
        assert words_of(talk.sent) == " ".join(said[1:])


def test_audio_that_cannot_be_decoded_may_be_fatal() -> None:
    """By the setting for undecodable audio; else it is not heard."""
    opus = {"encoding": "opus", "sample_rate": 48000}
    message = settings_of() | {"audio": {"input": opus}}
    for undecodable, kinds in (("wait", []), ("close", ["Error", "end"])):
        talk = Talk(settings=message, undecodable=undecodable)
        talk.take()
        talk.send(b"OpusHead")
        assert talk.kinds() == kinds
