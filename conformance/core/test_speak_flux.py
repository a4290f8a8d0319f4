"""Flux speech, WebSocket /v2/speak, in virtual time."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.core._opening import opening
from conformance.core.test_speak_stream import check_audio, command
from fakes.deepgram.outbox import (
    AudioPiece,
    Ended,
    Outgoing,
    Said,
    UtteranceBegun,
    UtteranceCut,
)
from fakes.deepgram.settings import DeepgramSettings
from fakes.deepgram.speak.flux import FluxSpeaking, open_speak_flux
from fakes.deepgram.speak.flux_turn import SpokenTurn
from fakes.deepgram.speak.form import SpeechForm
from fakes.deepgram.surface import HearsPings
from fakes.faults import EmptyAudio, Fault
from fakes.speech import Speaker, speak

TEXT = "Sure, I can help you cancel your subscription."
PHONE = (
    ("model", "flux-alexis-en"),
    ("encoding", "mulaw"),
    ("sample_rate", "8000"),
)
OPTIONS = DeepgramSettings()


def speaking(
    *more: tuple[str, str],
    options: DeepgramSettings = OPTIONS,
    fault: Fault | None = None,
) -> FluxSpeaking:
    """Return a session opened at 0.0, its Connected taken."""
    core = open_speak_flux(opening(options, pairs=[*more, *PHONE], fault=fault))
    assert isinstance(core, FluxSpeaking), core
    return core


def say(core: FluxSpeaking, text: str, now: float = 0.0) -> None:
    """Send a Speak."""
    core.receive(command("Speak", text=text), now)


def interrupt(core: FluxSpeaking, played_ms: int | None, now: float) -> None:
    """Send an Interrupt."""
    offset = {"type": "time_ms", "value": played_ms}
    fields: dict[str, Any] = {} if played_ms is None else {"playback_offset": offset}
    core.receive(json.dumps({"type": "Interrupt"} | fields), now)


def told(said: list[Outgoing]) -> list[dict[str, Any]]:
    """Return the text messages, decoded."""
    return [json.loads(item.text) for item in said if isinstance(item, Said)]


def kinds(said: list[Outgoing]) -> list[str]:
    """Return the types of the messages, with one ``audio`` for a run of pieces."""
    names: list[str] = []
    for item in said:
        if isinstance(item, AudioPiece):
            names += ["audio"] if names[-1:] != ["audio"] else []
        elif isinstance(item, Said):
            names.append(json.loads(item.text)["type"])
        elif isinstance(item, Ended):
            names.append(f"close {item.code}")
    return names


def test_the_documented_turn() -> None:
    """Tokens in, Flush, and the messages of the documented example in its order."""
    core = speaking()
    for token in ("Sure, ", "I can help you ", "cancel your subscription."):
        say(core, token)
    core.receive(command("Flush"), 0.1)
    core.on_timer(20.0)
    said = core.take()
    connected, started, flushed, metadata = told(said)

    assert kinds(said) == [
        "Connected", "SpeechStarted", "Flushed", "audio", "SpeechMetadata",
    ]  # fmt: skip
    assert list(connected) == [
        "type", "request_id", "model_name", "model_version", "model_uuids",
    ]  # fmt: skip
    assert re.fullmatch("dg_sp_[0-9a-f]{12}", started["speech_id"])
    assert flushed == {"type": "Flushed", "speech_id": started["speech_id"]}
    seconds = sum(len(i.audio) for i in said if isinstance(i, AudioPiece)) / 8000
    assert metadata == {
        "type": "SpeechMetadata",
        "speech_id": started["speech_id"],
        "audio_duration_ms": round(seconds * 1000),
        "input_character_count": len(TEXT),
        "billable_character_count": len(TEXT),
        "controls_applied": {
            "pronunciations_applied": 0,
            "breaks_applied": 0,
            "pronunciation_warnings": 0,
        },
    }


def test_flushed_may_come_after_the_audio() -> None:
    """By setting, as on /v1/speak."""
    core = speaking(options=DeepgramSettings(flux_flushed_early=False))
    say(core, TEXT)
    core.receive(command("Flush"), 0.0)
    core.on_timer(20.0)

    assert kinds(core.take())[1:] == [
        "SpeechStarted", "audio", "Flushed", "SpeechMetadata",
    ]  # fmt: skip


def test_audio_begins_before_flush() -> None:
    """Whole sentences sound as they come; the turn stays open until Flush."""
    core = speaking()
    say(core, "Hello there. How are")
    core.on_timer(9.0)
    before = core.take()
    say(core, " you?", 9.0)
    core.receive(command("Flush"), 9.0)
    core.on_timer(20.0)

    assert kinds(before) == ["Connected", "SpeechStarted", "audio"]
    assert kinds(core.take()) == ["Flushed", "audio", "SpeechMetadata"]


def test_later_turns_wait_for_the_active_one() -> None:
    """A Speak after Flush begins a pending turn; its events come after the first's."""
    core = speaking()
    for text in (TEXT, "Goodbye.", "See you."):
        say(core, text)
        core.receive(command("Flush"), 0.0)
    core.on_timer(0.05)
    assert kinds(core.take()) == ["Connected", "SpeechStarted"]
    now = 0.0
    while (due := core.next_timer()) is not None and due < 20.0:
        now = due
        core.on_timer(now)
    said = core.take()

    turn = ["Flushed", "audio", "SpeechMetadata"]
    assert kinds(said) == [*turn, "SpeechStarted", *turn, "SpeechStarted", *turn]
    ids = [m["speech_id"] for m in told(said) if m["type"] == "SpeechMetadata"]
    assert len(set(ids)) == 3


def test_flush_without_a_turn_is_warned_about() -> None:
    """NO_ACTIVE_SPEECH, and the session stays open; a second Flush likewise."""
    core = speaking()
    core.receive(command("Flush"), 0.0)
    say(core, TEXT)
    core.receive(command("Flush"), 0.0)
    core.receive(command("Flush"), 0.0)
    warnings = [m["code"] for m in told(core.take()) if m["type"] == "Warning"]

    assert warnings == ["NO_ACTIVE_SPEECH"] * 2


def test_text_without_a_word_makes_no_audio() -> None:
    """A Warning, and a SpeechMetadata of no duration."""
    core = speaking()
    say(core, " ... ")
    core.receive(command("Flush"), 0.0)
    core.on_timer(1.0)
    said = core.take()

    assert kinds(said)[1:] == ["SpeechStarted", "Warning", "Flushed", "SpeechMetadata"]
    assert told(said)[2]["code"] == "NO_SYNTHESIZABLE_TEXT"
    assert told(said)[-1]["audio_duration_ms"] == 0


def playing(now: float = 0.3) -> FluxSpeaking:
    """Return a session that has sent part of a turn."""
    core = speaking()
    say(core, TEXT)
    core.receive(command("Flush"), 0.0)
    core.on_timer(now)
    core.take()
    return core


def test_interrupt_tells_what_was_heard() -> None:
    """The text is split where the caller was; no SpeechMetadata follows."""
    core = playing()
    interrupt(core, 1200, 0.3)
    core.on_timer(9.0)
    said = core.take()
    (message,) = told(said)

    assert message["type"] == "SpeechInterrupted"
    assert message["audio_played_ms"] == 1200
    assert message["text_spoken"] + message["text_remaining"] == TEXT
    assert message["text_spoken"].startswith("Sure,")
    assert message["text_remaining"].startswith(" ")
    assert message["metadata"]["audio_duration_ms"] == 1200
    assert message["metadata"]["input_character_count"] == len(TEXT)
    assert any(isinstance(item, UtteranceCut) for item in said)


@given(played=st.floats(0, 6))
def test_split_is_where_the_last_word_heard_ends(played: float) -> None:
    """Exactly the words that were heard to their end, and the rest as it was sent."""
    text = "Sure,  a counterrevolutionary-minded caller.\nBye now."
    turn, speech = SpokenTurn("dg_sp_0"), speak(text, speaker=Speaker.AGENT, call=1)
    turn.add(text, text, 0)
    turn.spoken([(speech, speech.seconds)])
    spoken, remaining = turn.split(played)
    heard = "".join(word.text for word in speech.words if word.end <= played + 1e-6)

    assert spoken + remaining == text
    whole = "".join(spoken.split())
    assert heard.startswith(whole)
    # A long word travels in parts; it was heard when all of them were.
    following = (remaining.split() or [""])[0]
    assert not following or not heard.startswith(whole + following)


def test_interrupt_without_offset_splits_nothing() -> None:
    """``audio_played_ms`` is what the server had sent, and the next must exceed it."""
    core = playing()
    interrupt(core, None, 0.3)
    core.on_timer(1.0)
    (message,) = told(core.take())
    assert "text_spoken" not in message
    assert message["audio_played_ms"] == message["metadata"]["audio_duration_ms"] > 0
    say(core, TEXT, 1.0)
    core.receive(command("Flush"), 1.0)
    core.on_timer(1.3)
    interrupt(core, message["audio_played_ms"], 1.3)
    assert told(core.take())[-1]["code"] == "INVALID_INTERRUPT_OFFSET"
    interrupt(core, message["audio_played_ms"] + 10, 1.3)
    core.on_timer(2.0)
    assert told(core.take())[-1]["type"] == "SpeechInterrupted"


def test_interrupts_that_cannot_be_acted_on() -> None:
    """Before any audio, during another one, and with no active turn: warnings."""
    core = speaking()
    say(core, TEXT)
    interrupt(core, 10, 0.0)
    assert told(core.take())[-1]["code"] == "NO_AUDIO_GENERATED"
    core.receive(command("Flush"), 0.0)
    core.on_timer(0.3)
    interrupt(core, 10, 0.3)
    interrupt(core, 20, 0.3)
    assert told(core.take())[-1]["code"] == "INTERRUPT_IN_PROGRESS"
    core.on_timer(1.0)
    core.take()
    interrupt(core, 30, 1.0)
    core.receive(command("Flush"), 1.0)
    assert [m["code"] for m in told(core.take())] == ["NO_ACTIVE_SPEECH"] * 2


def test_pending_turn_becomes_active_after_an_interrupt() -> None:
    """Only the active turn is cancelled."""
    core = playing()
    say(core, "Goodbye.", 0.3)
    interrupt(core, 100, 0.3)
    core.on_timer(0.4)

    assert kinds(core.take())[-2:] == ["SpeechInterrupted", "SpeechStarted"]


def test_session_metadata_is_the_last_word() -> None:
    """Close drains what was flushed; an Interrupt takes back what nobody heard."""
    core = playing()
    interrupt(core, 500, 0.3)
    core.on_timer(1.0)
    say(core, "Goodbye.", 1.0)
    core.receive(command("Flush"), 1.0)
    core.receive(command("Close"), 1.0)
    core.on_timer(9.0)
    said = core.take()
    *_, metadata, session = told(said)

    assert kinds(said)[-3:] == ["SpeechMetadata", "SessionMetadata", "close 1000"]
    characters = len(TEXT) + len("Goodbye.")
    assert session == {
        "type": "SessionMetadata",
        "total_audio_duration_ms": 500 + metadata["audio_duration_ms"],
        "total_input_character_count": characters,
        "total_billable_character_count": characters,
    }


@pytest.mark.parametrize(
    ("speed", "code", "problem"),
    [
        (0.45, "SPEED_OUT_OF_RANGE", "'speed' must be between 0.5 and 1.5"),
        (1.55, "SPEED_OUT_OF_RANGE", "'speed' must be between 0.5 and 1.5"),
        (1.07, "SPEED_INCREMENT_INVALID", "'speed' must be provided in increments"),
    ],
)
def test_wrong_speeds_change_nothing(speed: float, code: str, problem: str) -> None:
    """ConfigureFailure names field and value; the session goes on as it was."""
    core = speaking(("speed", "1.1"))
    core.receive(json.dumps({"type": "Configure", "speed": speed}), 0.0)
    core.receive(json.dumps({"type": "Configure"}), 0.0)
    _, failure, success = told(core.take())

    assert failure.pop("description").startswith(problem)
    assert failure == {
        "type": "ConfigureFailure",
        "code": code,
        "field": "speed",
        "value": speed,
    }
    assert success == {"type": "ConfigureSuccess", "applied": {"speed": 1.1}}


def test_applied_names_only_what_was_set() -> None:
    """Nothing before the first Configure with a speed."""
    core = speaking()
    core.receive(command("Configure"), 0.0)
    core.receive(json.dumps({"type": "Configure", "speed": 1.15}), 0.0)

    assert [m["applied"] for m in told(core.take())[1:]] == [{}, {"speed": 1.15}]


def test_controls_and_markup_in_the_text() -> None:
    """A pronunciation is counted, tags are stripped and not billed."""
    core = speaking()
    raw = r'Take \{"word": "aspirin", "pronounce": "x"\} <s>now</s>.'
    say(core, raw)
    core.receive(command("Flush"), 0.0)
    core.on_timer(9.0)
    said = core.take()
    metadata = told(said)[-1]

    begun = [item for item in said if isinstance(item, UtteranceBegun)]
    assert [item.speech.text for item in begun] == ["Take aspirin now."]
    assert metadata["input_character_count"] == len(raw)
    assert metadata["billable_character_count"] == len("Take aspirin now.")
    assert metadata["controls_applied"]["pronunciations_applied"] == 1
    assert "INPUT_MARKUP_STRIPPED" in [m.get("code") for m in told(said)]


def test_pronunciation_of_a_waiting_turn_blocks_speed() -> None:
    """CONTROL_COMBINATION_INVALID until that turn is over."""
    core = playing()
    say(core, r'\{"word": "aspirin", "pronounce": "x"\}', 0.3)
    core.receive(json.dumps({"type": "Configure", "speed": 1.15}), 0.3)

    assert told(core.take())[-1]["code"] == "CONTROL_COMBINATION_INVALID"


@pytest.mark.parametrize(
    ("message", "error", "close"),
    [
        (b"audio", "MESSAGE-0000", 1003),
        ("junk", "MESSAGE-0000", 1003),
        ('{"type":"Speak"}', "MESSAGE-0000", 1003),
        ('{"type":"Interrupt","turn":1}', "MESSAGE-0000", 1003),
        ('{"type":"Clear"}', "DATA-0000", 1008),
        ('{"type":"KeepAlive"}', "DATA-0000", 1008),
        (command("Speak", text=r"a \{pause:500ms\} b"), "DATA-0002", 1008),
        (command("Speak", text=r"a \{oops\} b"), "DATA-0002", 1008),
        (command("Speak", text="x" * 70_000), "BIG-0000", 1009),
    ],
)
def test_errors_are_told_and_then_the_socket_closes(
    message: str | bytes, error: str, close: int
) -> None:
    """Each with its code, and the close code of its kind."""
    core = speaking()
    core.take()
    core.receive(message, 1.0)
    said = core.take()

    assert kinds(said) == ["Error", f"close {close}"]
    assert told(said)[0]["code"] == error


def test_idle_and_lifetime_limits() -> None:
    """Sixty seconds, reset by pings; an hour, whatever happens."""
    core = speaking()
    core.take()
    assert isinstance(core, HearsPings)
    assert core.next_timer() == 60.0
    core.pinged(40.0)
    core.on_timer(99.0)
    assert not core.ended
    core.on_timer(100.0)
    assert told(core.take())[0]["code"] == "NET-0004"

    old = speaking()
    for now in range(0, 3600, 50):
        old.pinged(float(now))
        old.on_timer(float(now))
    old.pinged(3599.0)
    old.on_timer(3600.0)
    assert told(old.take())[-1]["code"] == "NET-0003"


def test_empty_audio_fault() -> None:
    """A whole turn without a byte of audio."""
    core = speaking(fault=EmptyAudio())
    say(core, TEXT)
    core.receive(command("Flush"), 0.0)
    core.on_timer(9.0)

    assert kinds(core.take())[1:] == ["SpeechStarted", "Flushed", "SpeechMetadata"]


steps = st.one_of(
    st.sampled_from(
        [
            *(command("Speak", text=t) for t in (TEXT, "Hi. How are", " you?", "...")),
            command("Flush"),
            command("Flush"),
            command("Interrupt"),
            command("Configure"),
            json.dumps({"type": "Configure", "speed": 1.15}),
            command("Close"),
            "junk",
            "ping",
        ]
    ),
    st.integers(1, 4000),
    st.floats(0, 1.5),
)


@given(st.lists(steps, max_size=25), st.booleans())
@settings(max_examples=120)
def test_whatever_a_client_does(client: list[str | int | float], early: bool) -> None:
    """Turns never overlap, audio lies within its turn, every byte is sent or cut."""
    core = speaking(options=DeepgramSettings(flux_flushed_early=early))
    now, said = 0.0, list[Outgoing]()
    for step in client:
        if isinstance(step, float):
            now += step
        elif isinstance(step, int):
            interrupt(core, step, now)
        elif step == "ping":
            core.pinged(now)
        else:
            core.receive(step, now)
        core.on_timer(now)
        said += core.take()
        due = core.next_timer()
        assert (due is None) == core.ended
        assert due is None or due > now
    core.on_timer(now + 4000)
    said += core.take()

    assert core.ended
    assert isinstance(said[-1], Ended)
    assert sum(isinstance(item, Ended) for item in said) == 1
    check_audio(said, SpeechForm())
    check_turns(said)


def check_turns(said: list[Outgoing]) -> None:
    """Check that turns follow one another, each with its audio between its ends."""
    active, flushed = "", False
    for item in said:
        if isinstance(item, AudioPiece):
            assert active
        if not isinstance(item, Said):
            continue
        message = json.loads(item.text)
        kind = message["type"]
        if kind == "SpeechStarted":
            assert not active
            active, flushed = message["speech_id"], False
        elif kind == "Flushed":
            assert message["speech_id"] == active
            assert not flushed
            flushed = True
        elif kind == "SpeechMetadata":
            assert message["speech_id"] == active
            assert flushed
            active = ""
        elif kind == "SpeechInterrupted":
            assert message["metadata"]["speech_id"] == active
            active = ""
