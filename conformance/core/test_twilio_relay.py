"""ConversationRelay: the agent reads what the caller says and writes what he hears."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.core._flow import PAGE, Driven, response
from conformance.core._relay import ACTION, ASKED, LONG, Relayed
from fakes.speech import Speaker, speak
from fakes.twilio.flow.flow_settings import FlowSettings
from fakes.twilio.flow.orders import (
    CloseRelay,
    Noted,
    OpenRelay,
    Over,
    Send,
    Voice,
)
from fakes.twilio.flow.relay_messages import RelayMessages
from voiceutils.mulaw import is_voiced
from voiceutils.wire import Unknown, encode
from voiceutils.wire import twilio_relay as wire

# --- setup ------------------------------------------------------------------------


def test_the_setup_says_who_calls() -> None:
    """First of all, with the keys in their order and the parameters."""
    relayed = Relayed(inside='<Parameter name="reference" value="bar"/>')
    assert relayed.last(OpenRelay) == OpenRelay("wss://agent.example/relay")
    (setup,) = relayed.got("setup")
    assert " ".join(setup) == (
        "type sessionId accountSid parentCallSid callSid from to forwardedFrom callType"
        " callerName direction callStatus customParameters"
    )
    assert setup["callStatus"] == "RINGING"
    assert setup["callType"] == "PSTN"
    assert setup["customParameters"] == {"reference": "bar"}
    assert setup["sessionId"].startswith("VX")
    assert len(setup["sessionId"]) == 34
    (other,) = Relayed(answered=True).got("setup")
    assert other["callStatus"] == "IN-PROGRESS"


def test_every_attribute_of_the_documentation_is_known() -> None:
    """One that is not, or has a value that cannot be, is a warning."""
    good = (
        'language="sv-SE" ttsProvider="ElevenLabs" voice="x" speechModel="nova-3"'
        ' transcriptionProvider="Deepgram" profanityFilter="true" hints="a,b"'
        ' intelligenceService="GA" elevenlabsTextNormalization="on" debug="speaker"'
        ' interruptSensitivity="low" ignoreBackchannel="true" preemptible="true"'
        ' applicationReconnect="false" eagerEotThreshold="0.5"'
    )
    assert Relayed(good).notes == []
    for bad, code in (
        ('colour="red"', "12200"),
        ('interruptible="sometimes"', "64101"),
        ('interruptSensitivity="huge"', "64101"),
        ('speechTimeout="soon"', "64101"),
        ('partialPrompts="yes"', "64101"),
    ):
        relayed = Relayed(bad)
        assert relayed.notes == [code]
        assert relayed.got("setup")


@pytest.mark.parametrize(
    ("attributes", "codes"),
    [
        ('ttsProvider="Parrot"', ["64101", "64102"]),
        ('transcriptionProvider="Parrot"', ["64101", "64102"]),
    ],
)
def test_a_session_that_cannot_be_fails(attributes: str, codes: list[str]) -> None:
    """The action hears of it."""
    relayed = Relayed(attributes)
    assert relayed.notes == codes
    assert relayed.all(OpenRelay) == []
    assert relayed.posted["SessionStatus"] == "failed"
    assert relayed.posted["ErrorCode"] == "64102"


@pytest.mark.parametrize("url", ["https://h/r", "", "ws://h.example/r"])
def test_the_socket_has_to_be_a_secure_one(url: str) -> None:
    """Without an action the call ends of it."""
    connect = f'<Connect><ConversationRelay url="{url}"/></Connect><Say>Never.</Say>'
    driven = Driven(connect)
    assert driven.notes[0] in ("31922", "31923")
    assert driven.over.cause


def test_a_socket_that_does_not_open_fails_the_session() -> None:
    """Refused, or too slow."""
    relayed = Relayed(opened=False)
    relayed.close(1006)
    assert relayed.notes == ["64102"]
    assert relayed.posted["SessionStatus"] == "failed"
    slow = Relayed(opened=False, action="").run(30)
    assert slow.ended_at == pytest.approx(15, abs=0.05)
    assert slow.notes == ["64102"]
    assert "did not open" in slow.over.cause


# --- the caller -------------------------------------------------------------------


def test_what_the_caller_says_is_a_prompt() -> None:
    """One when he is silent; with partial prompts, one a word before it."""
    relayed = Relayed('transcriptionLanguage="en-GB"')
    relayed.says(ASKED)
    relayed.run(6)
    expected = {"type": "prompt", "voicePrompt": ASKED, "lang": "en-GB", "last": True}
    assert relayed.got("prompt") == [expected]
    assert list(relayed.got("prompt")[0]) == list(expected)

    relayed = Relayed('partialPrompts="true"')
    relayed.says(ASKED)
    relayed.run(6)
    *partial, final = relayed.got("prompt")
    assert len(partial) >= 3
    assert {message["last"] for message in partial} == {False}
    assert all(ASKED.startswith(message["voicePrompt"]) for message in partial)
    assert (final["voicePrompt"], final["last"]) == (ASKED, True)


def test_the_silence_that_ends_a_prompt_can_be_chosen() -> None:
    """In milliseconds; 0.7 s unless a setting says otherwise."""
    for attributes, settings, silence in (
        ("", FlowSettings(), 0.7),
        ("", FlowSettings(relay_silence=0.3), 0.3),
        ('speechTimeout="1500"', FlowSettings(), 1.5),
    ):
        relayed = Relayed(attributes, settings=settings)
        relayed.says("Yes, please.")
        relayed.run_until(lambda relayed=relayed: relayed.got("prompt"))  # type: ignore[misc]
        quiet = relayed.now - 0.02 * _last_voiced("Yes, please.")
        assert quiet == pytest.approx(silence, abs=0.03)


def _last_voiced(text: str) -> int:
    frames = speak(text, speaker=Speaker.CALLER, call=7).frames
    return max(number for number, frame in enumerate(frames, 1) if is_voiced(frame))


def test_keys_are_told_when_asked_for() -> None:
    """One message a key."""
    relayed = Relayed('dtmfDetection="true"')
    relayed.presses("1#")
    relayed.run(1)
    assert relayed.got("dtmf") == [
        {"type": "dtmf", "digit": "1"},
        {"type": "dtmf", "digit": "#"},
    ]
    relayed = Relayed()
    relayed.presses("1#")
    relayed.run(1)
    assert relayed.got("dtmf") == []


# --- the end ----------------------------------------------------------------------


def test_the_agent_ends_the_session_with_data_for_the_action() -> None:
    """What was not said yet is not said; the socket is closed with 1000."""
    relayed = Relayed()
    relayed.write(LONG)
    relayed.run(2)
    relayed.send(type="end", handoffData='{"reason":"transfer"}')
    assert relayed.last(CloseRelay) == CloseRelay(1000)
    session = relayed.got("setup")[0]["sessionId"]
    assert relayed.posted == {
        "SessionId": session,
        "SessionStatus": "ended",
        "SessionDuration": "2",
        "HandoffData": '{"reason":"transfer"}',
    }
    relayed.run()
    assert relayed.over == Over("completed")
    bare = Relayed()
    bare.send(type="end")
    assert "HandoffData" not in bare.posted


def test_without_an_action_the_next_verb_comes() -> None:
    """After a polite end."""
    for end in ("end", "close"):
        relayed = Relayed(action="", after="<Say>Goodbye.</Say>")
        if end == "end":
            relayed.send(type="end")
        else:
            relayed.close(1000)
        relayed.run()
        assert relayed.said == "Goodbye."
        assert relayed.notes == []


def test_a_dropped_socket_fails_the_call_unless_the_action_goes_on() -> None:
    """A new session in the action's document is how an agent reconnects."""
    relayed = Relayed(action="", after="<Say>Never.</Say>")
    relayed.close(1006)
    assert relayed.notes == ["64105"]
    assert relayed.over == Over("completed", "the relay socket was closed with 1006")

    relayed = Relayed()
    again = '<Connect><ConversationRelay url="wss://agent.example/again"/></Connect>'
    relayed.pages[ACTION] = response(again)
    relayed.run(3)
    relayed.close(1011)
    assert relayed.posted["SessionStatus"] == "failed"
    assert relayed.posted["ErrorCode"] == "64105"
    assert relayed.posted["SessionDuration"] in ("2", "3")
    assert relayed.last(OpenRelay) == OpenRelay("wss://agent.example/again")
    relayed.open()
    first, second = relayed.got("setup")
    assert first["sessionId"] != second["sessionId"]
    assert second["callStatus"] == "IN-PROGRESS"


def test_a_hang_up_is_told_to_the_action_too() -> None:
    """By a request whose answer does not matter; a REST update tells nobody."""
    relayed = Relayed().run(2)
    relayed.flow.hang_up(relayed.now)
    relayed.carry_out()
    assert relayed.last(CloseRelay) == CloseRelay(1000)
    sent = relayed.last(Send)
    assert sent.url == ACTION
    assert dict(sent.fields)["SessionStatus"] == "completed"
    assert relayed.over == Over("completed")
    relayed = Relayed().run(2)
    relayed.flow.redirect(Voice(PAGE), relayed.now)
    relayed.carry_out()
    assert relayed.all(CloseRelay) == [CloseRelay(1000)]
    assert relayed.all(Send) == []


# --- bad messages -----------------------------------------------------------------

BAD = [
    "",
    "hello",
    "[]",
    '{"foo":"bar"}',
    '{"type":"talk"}',
    '{"type":"text"}',
    '{"type":"text","token":null}',
    '{"type":"text","token":1}',
    '{"type":"play","source":"nowhere"}',
    '{"type":"play","source":"https://h/x","loop":-1}',
    '{"type":"sendDigits","digits":"1-800"}',
    '{"type":"sendDigits","digits":""}',
    '{"type":"language"}',
    '{"type":"end","handoffData":{"a":1}}',
]


@pytest.mark.parametrize("text", BAD)
def test_a_bad_message_is_answered_and_the_session_goes_on(text: str) -> None:
    """With what was wrong, and a warning in the debugger."""
    relayed = Relayed()
    relayed.flow.relay_received(text, relayed.now)
    relayed.carry_out()
    expected = {"type": "error", "description": f"Invalid message received: {text}"}
    assert relayed.got("error") == [expected]
    (noted,) = relayed.all(Noted)
    assert (noted.code, noted.level) == ("64107", "warning")
    assert noted.evidence == expected["description"]
    relayed.write("Goodbye.")
    relayed.run(3)
    assert relayed.said == "Goodbye."


def test_ten_bad_messages_in_a_row_end_the_session() -> None:
    """1007 with the reason; a good one in between starts the count anew."""
    relayed = Relayed()
    for _ in range(9):
        relayed.send(foo="bar")
    relayed.write("Goodbye.")
    for _ in range(9):
        relayed.send(foo="bar")
    assert relayed.all(CloseRelay) == []
    relayed.send(foo="bar")
    reason = "Too many consecutive malformed messages."
    assert relayed.last(CloseRelay) == CloseRelay(1007, reason)
    assert relayed.notes == ["64107", "64105"]
    assert relayed.posted["SessionStatus"] == "failed"
    assert relayed.posted["ErrorMessage"] == reason


@given(text=st.text(max_size=60) | st.sampled_from(BAD) | st.from_regex(r'\{"type":.*'))
def test_no_message_whatever_is_a_crash(text: str) -> None:
    """It is understood, or answered with an error."""
    message = RelayMessages().read(text)
    if isinstance(message, wire.RelayError):
        assert message.description.startswith("Invalid message received: ")


TEXT = st.text(max_size=20)
FLAG = st.none() | st.booleans()
MESSAGES = st.one_of(
    st.builds(wire.AgentText, TEXT, st.booleans(), st.none() | TEXT, FLAG, FLAG),
    st.builds(wire.PlayMedia, TEXT, st.integers(), FLAG, FLAG),
    st.builds(wire.SendDigits, TEXT),
    st.builds(wire.Language, st.none() | TEXT, st.none() | TEXT),
    st.builds(wire.End, st.none() | TEXT),
)
ANSWERS = st.one_of(
    st.builds(wire.Setup, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT),
    st.builds(wire.Prompt, TEXT, TEXT, st.booleans()),
    st.builds(wire.Interrupt, TEXT, st.integers(0, 10**6) | TEXT),
    st.builds(wire.Digit, TEXT),
    st.builds(wire.RelayError, TEXT),
)


@given(message=MESSAGES, answer=ANSWERS)
def test_messages_come_back_as_they_went(
    message: wire.FromAgent, answer: wire.FromRelay
) -> None:
    """Both ways; an unknown kind is told apart."""
    assert wire.decode_from_agent(encode(message)) == message
    assert wire.decode_from_relay(encode(answer)) == answer
    assert isinstance(wire.decode_from_agent('{"type":"sing"}'), Unknown)
