"""ConversationRelay speaks what the agent writes, and stops when it should."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.core._relay import ASKED, GREETING, LONG, Relayed
from fakes.twilio.flow.orders import FetchSound


def test_tokens_are_joined_as_they_are() -> None:
    """Spoken sentence by sentence, the rest when the cycle ends."""
    relayed = Relayed()
    relayed.send(type="text", token="Thank you for cal")
    relayed.send(type="text", token="ling. Good")
    relayed.run(5)
    assert relayed.said == "Thank you for calling."
    relayed.send(type="text", token="bye.", last=True)
    relayed.run(5)
    assert relayed.said == "Thank you for calling. Goodbye."


def test_what_has_no_end_is_spoken_all_the_same() -> None:
    """After a few hundred characters; and nothing is lost or doubled."""
    relayed = Relayed()
    words = [f"word{number}" for number in range(120)]
    for word in words:
        relayed.send(type="text", token=f"{word} ")
    relayed.run(60)
    assert relayed.said
    relayed.send(type="text", token="", last=True)
    relayed.run(120)
    assert relayed.said == " ".join(words)


def test_the_greeting_is_spoken_first() -> None:
    """As soon as the socket is up."""
    relayed = Relayed(f'welcomeGreeting="{GREETING}"')
    relayed.write("Goodbye.")
    relayed.run(10)
    assert relayed.said == f"{GREETING} Goodbye."


def test_speech_cuts_the_agent_short() -> None:
    """What was heard until then is told to the word, and the rest is never said."""
    relayed = Relayed()
    relayed.write(LONG)
    relayed.run(1.5)
    relayed.says(ASKED)
    relayed.run(8)
    (interrupt,) = relayed.got("interrupt")
    assert interrupt["utteranceUntilInterrupt"] == relayed.said
    assert LONG.startswith(relayed.said)
    assert relayed.said
    assert interrupt["durationUntilInterruptMs"] == pytest.approx(1500, abs=150)
    assert list(interrupt) == [
        "type",
        "utteranceUntilInterrupt",
        "durationUntilInterruptMs",
    ]
    assert [message["voicePrompt"] for message in relayed.got("prompt")] == [ASKED]


def test_an_interruption_tells_all_sentences_of_the_cycle() -> None:
    """Also those before the one that was cut."""
    relayed = Relayed()
    relayed.write("Thank you for calling. ", LONG)
    relayed.run(3.5)
    relayed.says(ASKED)
    relayed.run(8)
    (interrupt,) = relayed.got("interrupt")
    assert interrupt["utteranceUntilInterrupt"] == relayed.said
    assert relayed.said.startswith("Thank you for calling. Yes")


@pytest.mark.parametrize(
    ("attributes", "more", "by_speech", "by_key"),
    [
        ("", {}, True, True),
        ('interruptible="none"', {}, False, False),
        ('interruptible="false"', {}, False, False),
        ('interruptible="speech"', {}, True, False),
        ('interruptible="dtmf"', {}, False, True),
        ("", {"interruptible": False}, False, False),
        ('interruptible="none"', {"interruptible": True}, True, True),
    ],
)
def test_who_may_interrupt_is_said_by_attribute_and_message(
    attributes: str, more: dict[str, Any], by_speech: bool, by_key: bool
) -> None:
    """The message counts more."""
    for interrupts, by in ((by_speech, "speech"), (by_key, "key")):
        relayed = Relayed(f'dtmfDetection="true" {attributes}')
        relayed.write(LONG, **more)
        relayed.run(1)
        if by == "speech":
            relayed.says("Yes, please.")
        else:
            relayed.presses("5")
        relayed.run(12)
        assert bool(relayed.got("interrupt")) == interrupts
        assert (relayed.said == LONG) == (not interrupts)
        heard = relayed.got("prompt") + relayed.got("dtmf")
        assert bool(heard) == interrupts


def test_input_during_speech_is_reported_when_asked_for() -> None:
    """Although it interrupts nothing."""
    reporting = 'interruptible="none" reportInputDuringAgentSpeech="any"'
    relayed = Relayed(f'dtmfDetection="true" {reporting}')
    relayed.write(LONG)
    relayed.run(1)
    relayed.says("Yes, please.")
    relayed.presses("5")
    relayed.run(12)
    assert relayed.said == LONG
    assert relayed.got("interrupt") == []
    assert len(relayed.got("prompt")) == len(relayed.got("dtmf")) == 1


def test_a_greeting_may_be_uninterruptible() -> None:
    """Whatever the rest is."""
    greeting = f'welcomeGreeting="{GREETING}" welcomeGreetingInterruptible="none"'
    relayed = Relayed(greeting)
    relayed.run(0.3)
    relayed.says("Yes, please.")
    relayed.run(6)
    assert relayed.said == GREETING
    assert relayed.got("interrupt") == []


def test_what_is_preemptible_gives_way_to_the_next_cycle() -> None:
    """What is not plays to its end first."""
    for preemptible in (True, False):
        relayed = Relayed()
        relayed.write(LONG, preemptible=preemptible)
        relayed.run(1)
        relayed.write("Goodbye.")
        relayed.run(12)
        assert relayed.said.endswith("Goodbye.")
        assert relayed.said.startswith("Yes,")
        assert (LONG in relayed.said) == (not preemptible)
        assert ("entrance" in relayed.said) == (not preemptible)
        assert relayed.got("interrupt") == []


def test_a_sound_plays_in_its_turn() -> None:
    """What follows waits until it has come, or cannot be had."""
    source = "https://agent.example/ding.ulaw"
    relayed = Relayed()
    relayed.sounds[source] = (b"\x11" * 160, "audio/basic")
    relayed.write("Yes, please.")
    relayed.send(type="play", source=source, loop=3)
    relayed.write("Goodbye.")
    relayed.run(10)
    assert relayed.all(FetchSound) == [FetchSound(source)]
    dings = [at for at, frame in relayed.heard if frame == b"\x11" * 160]
    assert len(dings) == 3
    assert relayed.said == "Yes, please. Goodbye."
    relayed = Relayed()
    relayed.send(type="play", source=source)
    relayed.write("Goodbye.")
    relayed.run(5)
    assert relayed.notes == ["11200"]
    assert relayed.said == "Goodbye."


def test_a_sound_that_never_comes_is_given_up() -> None:
    """And what waited for it is said."""
    relayed = Relayed()
    flow = relayed.flow
    flow.relay_received('{"type":"play","source":"https://h/x"}', relayed.now)
    flow.relay_received('{"type":"text","token":"Goodbye.","last":true}', relayed.now)
    flow.take()
    relayed.run(25)
    assert relayed.notes == ["11205"]
    assert relayed.said == "Goodbye."


def test_keys_are_sent_as_tones() -> None:
    """9 w 4: two tones and half a second."""
    relayed = Relayed()
    relayed.send(type="sendDigits", digits="9w4")
    relayed.run(5)
    assert len(relayed.heard) == 45


def test_the_language_changes_from_now_on() -> None:
    """Prompts say what they were understood as."""
    relayed = Relayed()
    relayed.send(type="language", ttsLanguage="sv-SE", transcriptionLanguage="sv-SE")
    relayed.says(ASKED)
    relayed.run(5)
    assert relayed.got("prompt")[0]["lang"] == "sv-SE"


def test_what_is_queued_is_bounded() -> None:
    """A model that runs wild does not fill the memory; a note says so once."""
    relayed = Relayed()
    for _ in range(40):
        relayed.send(type="text", token="word. " * 1000)
    assert relayed.notes == ["relay_backlog"]
