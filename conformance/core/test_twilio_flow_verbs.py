"""Play, Dial and Record in a document."""

from __future__ import annotations

import pytest

from conformance.core._flow import Driven, response
from fakes.twilio.flow.orders import (
    Answer,
    DialOut,
    FetchDocument,
    FetchSound,
    HangUpDial,
    Over,
    StartRecording,
    StopRecording,
)

OTHER = "https://agent.example/calls/other"


def test_a_played_sound_is_fetched_and_heard() -> None:
    """As often as it says; then the next verb."""
    url = "https://agent.example/calls/hold.ulaw"
    driven = Driven('<Pause/><Play loop="2">hold.ulaw</Play><Say>Goodbye.</Say>')
    driven.sounds[url] = (bytes(range(160)) + b"\x10" * 80, "audio/basic")
    driven.run()
    assert driven.all(FetchSound) == [FetchSound(url)]
    first, second = driven.heard[0][1], driven.heard[1][1]
    assert first == bytes(range(160))
    assert second == b"\x10" * 80 + b"\xff" * 80
    assert [frame for _, frame in driven.heard[2:4]] == [first, second]
    assert driven.said == "Goodbye."


@pytest.mark.parametrize(
    ("play", "sound", "code"),
    [
        ("<Play>x.wav</Play>", None, "11200"),
        ("<Play/>", None, "11100"),
        ("<Play>ftp://h/x.wav</Play>", None, "11100"),
        ("<Play>x.wav</Play>", (b"<html>", "text/html"), "13420"),
        ("<Play>x.wav</Play>", (b"RIFF", "audio/wav"), "13420"),
    ],
)
def test_a_sound_that_cannot_be_played_is_passed_over(
    play: str, sound: tuple[bytes, str] | None, code: str
) -> None:
    """An error in the debugger, silence on the line."""
    driven = Driven(f"<Pause/>{play}<Say>Goodbye.</Say>")
    if sound is not None:
        driven.sounds["https://agent.example/calls/x.wav"] = sound
    driven.run()
    assert driven.notes == [code]
    assert driven.said == "Goodbye."


def test_keys_are_played_as_tones() -> None:
    """A w is half a second."""
    driven = Driven('<Play digits="1w2"/>').run()
    assert driven.ended_at == pytest.approx(0.9, abs=0.05)


# --- dial -------------------------------------------------------------------------

NUMBER = (
    '<Number url="whisper" statusCallback="events" sendDigits="12w#"'
    ' statusCallbackEvent="ringing answered bogus">+14155550123</Number>'
)


def test_a_dial_is_ordered_and_its_end_posted() -> None:
    """With status, sid and duration; the other leg's own document goes along."""
    driven = Driven(
        '<Dial action="other" timeout="20" callerId="+14155550100" timeLimit="60">'
        f"{NUMBER}</Dial><Say>Never.</Say>",
        pages={OTHER: response("")},
    )
    assert driven.last(DialOut) == DialOut(
        "+14155550123",
        "+14155550100",
        20,
        60,
        "https://agent.example/calls/events",
        "POST",
        ("ringing", "answered"),
        "https://agent.example/calls/whisper",
        "POST",
        "12w#",
    )
    driven.run(10)
    driven.flow.dial_ended("completed", "CA1", 9.7, driven.now)
    driven.carry_out()
    assert driven.last(FetchDocument).fields == (
        ("DialCallStatus", "completed"),
        ("DialCallSid", "CA1"),
        ("DialCallDuration", "9"),
    )
    assert driven.over == Over("completed")


@pytest.mark.parametrize(
    ("inside", "number"),
    [
        ("+1 (415) 555-0123", "+14155550123"),
        ("<Number>415 555 0123</Number>", "4155550123"),
        ("<Client>alice</Client>", "client:alice"),
        ("<Client><Identity>alice</Identity></Client>", "client:alice"),
        ("<Sip>sip:bob@example.com</Sip>", "sip:bob@example.com"),
    ],
)
def test_whom_a_dial_calls(inside: str, number: str) -> None:
    """A number, a client or a SIP address."""
    driven = Driven(f"<Dial>{inside}</Dial><Say>Goodbye.</Say>")
    assert driven.last(DialOut)[:4] == (number, "", 30, None)
    driven.flow.dial_ended("busy", "CA1", 0, driven.now)
    driven.run()
    assert driven.said == "Goodbye."
    assert driven.notes == []


@pytest.mark.parametrize(
    ("inside", "codes"),
    [
        ("nobody", ["13223"]),
        ("", ["13223"]),
        ("<Sip>bob</Sip>", ["13243"]),
        ("<Conference>room</Conference>", ["not_performed", "13223"]),
    ],
)
def test_who_cannot_be_called_was_not_reached(inside: str, codes: list[str]) -> None:
    """The action learns of it."""
    driven = Driven(f'<Dial action="other">{inside}</Dial>').run()
    assert driven.notes[: len(codes)] == codes
    asked = driven.all(FetchDocument)[1]
    assert asked.fields == (("DialCallStatus", "failed"),)


def test_a_star_hangs_the_other_leg_up() -> None:
    """With hangupOnStar alone."""
    for star, hung_up in (("true", 1), ("false", 0)):
        driven = Driven(f'<Dial hangupOnStar="{star}">+14155550123</Dial>')
        driven.presses("1*", 1.0)
        driven.run(5)
        assert len(driven.all(HangUpDial)) == hung_up
        assert not driven.flow.is_over


def test_a_call_may_be_answered_by_the_bridge() -> None:
    """answerOnBridge: it rings until the other leg is answered."""
    driven = Driven('<Dial answerOnBridge="true">+14155550123</Dial><Reject/>')
    assert driven.all(Answer) == []
    driven.flow.dial_answered(driven.now)
    driven.carry_out()
    assert len(driven.all(Answer)) == 1
    driven = Driven('<Dial answerOnBridge="true">+14155550123</Dial><Reject/>')
    driven.flow.dial_ended("no-answer", "CA1", 0, driven.now)
    driven.carry_out()
    assert driven.over.status == "no-answer"


def test_a_dial_that_never_ends_is_given_up() -> None:
    """When the driver is silent; an order tells it so."""
    driven = Driven('<Dial timeout="5" timeLimit="10">+14155550123</Dial>').run(100)
    assert driven.ended_at == pytest.approx(30, abs=0.1)
    assert driven.notes == ["dial"]
    assert driven.all(HangUpDial)


# --- record -----------------------------------------------------------------------


def test_what_is_said_is_recorded_and_posted() -> None:
    """Silence ends it."""
    record = '<Record action="other" timeout="2" playBeep="false"/>'
    driven = Driven(record, pages={OTHER: response("")})
    driven.says("Is there parking at the hotel?")
    driven.run_until(lambda: driven.all(StopRecording))
    assert driven.last(StartRecording) == StartRecording()
    driven.flow.recorded("RE1", "https://fake/RE1", 3.4, driven.now)
    driven.carry_out()
    assert driven.last(FetchDocument).fields == (
        ("RecordingUrl", "https://fake/RE1"),
        ("RecordingSid", "RE1"),
        ("RecordingDuration", "3"),
        ("Digits", ""),
    )


def test_a_key_ends_a_recording_and_silence_is_none() -> None:
    """Nothing said: the next verb. A recording that is not ready: posted without."""
    driven = Driven('<Record timeout="1"/><Say>Goodbye.</Say>').run()
    assert driven.said == "Goodbye."
    driven = Driven('<Record action="other"/>', pages={OTHER: response("")})
    driven.presses("5", 2.0)
    driven.run()
    assert driven.notes == ["recording"]
    assert dict(driven.last(FetchDocument).fields)["Digits"] == "5"
