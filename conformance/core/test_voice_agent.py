"""The fake Voice Agent in virtual time: turns, their order and pace, barge-in."""

from __future__ import annotations

import pytest

from conformance.core._agent_talk import Talk, settings_of, words_of
from fakes.deepgram.agent.settings import AgentSettings
from fakes.deepgram.outbox import Said, UtteranceBegun
from fakes.delays import Uniform
from fakes.faults import LateFinal
from fakes.speech import REPLIES

ASKED = "What are your opening hours?"
FIRST, SECOND = (
    "We are open from nine to five on weekdays.",
    "On Saturday we close at noon.",
)
ONE_SENTENCE = ["ConversationText", "History", "audio", "AgentAudioDone"]


def test_welcome_comes_soon_after_the_opening() -> None:
    """The socket begins with Welcome, 30 to 45 ms after it was opened."""
    talk = Talk()
    talk.wait(0.1)
    (welcome,) = talk.take()

    assert 0.03 <= welcome.at <= 0.045
    assert welcome.body["type"] == "Welcome"
    assert len(welcome.body["request_id"]) == 36


def test_settings_are_applied_and_the_greeting_is_said() -> None:
    """SettingsApplied after about 40 ms, then text, History and audio of each sentence.

    Nobody asked for a greeting, so it has no latency and no AgentStartedSpeaking.
    """
    talk = Talk(settings=settings_of(greeting="Hello! How can I help?"))
    talk.wait(5)
    sent = talk.sent

    assert words_of(sent) == "Hello! How can I help?"
    assert talk.kinds() == [
        "Welcome", "SettingsApplied",
        "ConversationText", "History", "audio",
        "ConversationText", "History", "audio", "AgentAudioDone",
    ]  # fmt: skip
    applied = next(x for x in sent if x.kind == "SettingsApplied")
    assert applied.at == pytest.approx(0.14)


def test_a_spoken_turn_goes_as_recorded() -> None:
    """Every message of a turn in the order of the live service, twins together."""
    talk = Talk(settings=settings_of())
    talk.take()
    talk.say(ASKED)
    talk.hush(5)
    sent = talk.sent

    assert words_of(sent) == f"{FIRST} {SECOND}"
    said = [(x.body["role"], x.body["content"]) for x in sent if x.kind == "History"]
    assert said == [("user", ASKED), ("assistant", FIRST), ("assistant", SECOND)]
    assert talk.kinds() == [
        "UserStartedSpeaking",
        "ConversationText", "History", "EndOfThought",
        "ConversationText", "History", "AgentStartedSpeaking", "audio",
        "ConversationText", "History", "audio", "AgentAudioDone",
    ]  # fmt: skip


def test_the_words_of_the_user_reach_the_ledger_with_his_text() -> None:
    """ConversationText of the user holds the words as a final result does."""
    talk = Talk(settings=settings_of())
    talk.say(ASKED)
    talk.hush(1)
    (said,) = [x.item for x in talk.sent if isinstance(x.item, Said) and x.item.final]

    assert said.final is not None
    assert " ".join(word.text for word in said.final) == ASKED
    assert {word.call for word in said.final} == {4729}


def test_sentences_come_as_they_are_played_and_done_means_sent() -> None:
    """The second sentence waits for the first one; its audio is faster than real time.

    AgentAudioDone comes while the last sentence still sounds.
    """
    talk = Talk(settings=settings_of())
    talk.command("InjectUserMessage", content=ASKED)
    talk.wait(10)
    sent = talk.sent
    texts = [x.at for x in sent if x.kind == "ConversationText"][1:]
    begun = [x.item.speech.seconds for x in sent if isinstance(x.item, UtteranceBegun)]
    done = next(x.at for x in sent if x.kind == "AgentAudioDone")

    assert texts[1] - texts[0] == pytest.approx(begun[0] - 0.3)
    assert done - texts[1] < begun[1]
    last = [x.at for x in sent if x.kind == "audio"][-1]
    assert done - last >= 0.035
    assert done - texts[1] <= 0.8


def test_latencies_add_up() -> None:
    """Total is the sum of its parts, and the time from the text to the first byte."""
    talk = Talk(
        AgentSettings(latency_report=True, think_delay=Uniform(0.3, 0.9)),
        settings=settings_of(),
    )
    talk.command("InjectUserMessage", content=ASKED)
    talk.wait(10)
    started = next(x.body for x in talk.sent if x.kind == "AgentStartedSpeaking")
    report = next(x.body for x in talk.sent if x.kind == "LatencyReport")
    asked = next(x.at for x in talk.sent if x.kind == "ConversationText")
    audio = next(x.at for x in talk.sent if x.kind == "audio")

    parts = started["tts_latency"] + started["ttt_latency"]
    assert started["total_latency"] == pytest.approx(parts, abs=1e-7)
    assert started["total_latency"] == pytest.approx(audio - asked)
    assert report["total_latency"] == started["total_latency"]


def test_barge_in_cuts_the_rest_of_the_reply() -> None:
    """UserStartedSpeaking, no more audio; AgentAudioDone after the user's next text."""
    talk = Talk(settings=settings_of(), speech_pace=1.0)
    talk.command("InjectUserMessage", content=ASKED)
    talk.wait(1.0)
    talk.take()
    talk.say("Where is my parcel?", turn=2)
    talk.hush(0.8)
    kinds = talk.kinds()

    assert kinds == [
        "UserStartedSpeaking", "cut",
        "ConversationText", "History", "EndOfThought", "AgentAudioDone",
    ]  # fmt: skip
    talk.wait(8)
    assert words_of(talk.sent) == REPLIES["Where is my parcel?"]


def test_speaking_on_cancels_a_thought() -> None:
    """Nothing is said about words after which the user went on."""
    talk = Talk(AgentSettings(think_delay=1.0), settings=settings_of())
    talk.say(ASKED)
    talk.hush(0.8)  # the thought would be ready while the user speaks again
    talk.say("Where is my parcel?", turn=2)
    talk.hush(9)

    assert words_of(talk.sent) == REPLIES["Where is my parcel?"]
    started = [x for x in talk.sent if x.kind == "AgentStartedSpeaking"]
    assert len(started) == 1


def test_what_waits_to_be_said_is_forgotten_when_the_user_speaks() -> None:
    """Nothing queued is said after a barge-in."""
    talk = Talk(settings=settings_of(), speech_pace=1.0)
    talk.command("InjectAgentMessage", message=FIRST)
    talk.command("InjectAgentMessage", message=SECOND, behavior="queue")
    talk.wait(0.5)
    talk.say("Where is my parcel?")
    talk.hush(6)

    said = [x.body["content"] for x in talk.sent if x.kind == "History"]
    assert SECOND not in said


def test_words_that_come_late_come_before_what_was_said_after_them() -> None:
    """A slow recogniser keeps the order: a turn ends before the next one begins."""
    talk = Talk(fault=LateFinal(1.0), settings=settings_of())
    talk.take()
    talk.say("Where is my parcel?")
    talk.hush(0.6)
    talk.say(ASKED, turn=2)
    talk.hush(0.2)

    assert talk.kinds()[:3] == ["UserStartedSpeaking", "ConversationText", "History"]
    times = [x.at for x in talk.sent]
    assert times == sorted(times)


def test_a_noise_interrupts_but_is_no_turn() -> None:
    """A voice without words gives UserStartedSpeaking and no text."""
    talk = Talk(settings=settings_of())
    talk.take()
    noise = bytes([0x10, 0x90]) * 80
    for _ in range(4):
        talk.send(noise)
        talk.wait(0.02)
    talk.hush(2)

    assert talk.kinds() == ["UserStartedSpeaking"]


def test_history_can_be_switched_off() -> None:
    """flags.history false: texts without twins."""
    settings = settings_of(greeting="Hello!") | {"flags": {"history": False}}
    talk = Talk(settings=settings)
    talk.command("InjectUserMessage", content=ASKED)
    talk.wait(5)

    assert "History" not in talk.kinds()
