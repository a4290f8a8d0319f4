"""Documents written by Twilio's own helper library do what they say."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from twilio.twiml import voice_response as sdk
from twilio.twiml.voice_response import VoiceResponse

from conformance.core._flow import Driven
from fakes.twilio.flow.orders import (
    Answer,
    DialOut,
    FetchDocument,
    Over,
    Send,
    SendRelay,
    StartRecording,
    StopRecording,
    StopStream,
    StreamOrder,
)
from fakes.twilio.flow.orders import OpenRelay as Relay
from fakes.twilio.flow.orders import OpenStream as Stream
from fakes.twilio.twiml.vocabulary import RESPONSE, WORDS

pytestmark = pytest.mark.judged("Twilio: TwiML", by="twilio")

NEXT = "https://agent.example/calls/next"


def run(
    response: VoiceResponse, *, pages: dict[str, VoiceResponse] | None = None
) -> Driven:
    """Begin a call that is answered with this document."""
    others = {url: str(page).encode() for url, page in (pages or {}).items()}
    return Driven(str(response).encode(), pages=others)


def goodbye() -> VoiceResponse:
    """A document that says so."""
    response = VoiceResponse()
    response.say("Goodbye.")
    return response


def test_say_play_pause_and_hangup() -> None:
    """Heard in order; what follows a hang-up is not."""
    response = VoiceResponse()
    say = response.say("Hello.", voice="Polly.Joanna", language="en-US", loop=2)
    say.break_(time="100ms")
    response.pause(length=2)
    response.play(digits="1w2")
    response.play("https://agent.example/ding.ulaw", loop=1)
    response.hangup()
    response.say("Never.")
    driven = run(response)
    driven.sounds["https://agent.example/ding.ulaw"] = (b"\x11" * 160, "audio/basic")
    driven.run()
    assert driven.said == "Hello."
    assert b"\x11" * 160 in [frame for _, frame in driven.heard]
    assert driven.notes == []
    assert driven.over == Over("completed")


@pytest.mark.parametrize(
    ("reason", "status"), [("busy", "busy"), ("rejected", "no-answer")]
)
def test_reject(reason: str, status: str) -> None:
    """The call is not answered."""
    response = VoiceResponse()
    response.reject(reason=reason)
    driven = run(response)
    assert driven.over.status == status
    assert driven.over.reject == reason
    assert driven.all(Answer) == []


def test_redirect() -> None:
    """To a relative address, by GET."""
    response = VoiceResponse()
    response.redirect("next", method="GET")
    driven = run(response, pages={NEXT: goodbye()}).run()
    assert driven.last(FetchDocument)[:2] == (NEXT, "GET")
    assert driven.said == "Goodbye."


def test_a_connected_stream() -> None:
    """With name, parameters, callback and action."""
    response = VoiceResponse()
    connect = response.connect(action="next", method="GET")
    stream = connect.stream(
        url="wss://agent.example/media",
        name="line one",
        track="inbound_track",
        status_callback="https://agent.example/stream",
        status_callback_method="GET",
    )
    stream.parameter(name="first name", value='J "&" <\u00e9>')
    driven = run(response, pages={NEXT: goodbye()})
    assert driven.last(Stream).order == StreamOrder(
        "wss://agent.example/media",
        {"first name": 'J "&" <\u00e9>'},
        "line one",
        "inbound_track",
        "https://agent.example/stream",
        "GET",
    )
    driven.end_stream()
    driven.run()
    assert driven.said == "Goodbye."
    assert driven.notes == []


def test_both_tracks_are_refused_on_connect() -> None:
    """31941, although the helper library writes it without complaint."""
    response = VoiceResponse()
    response.connect().stream(url="wss://agent.example/media", track="both_tracks")
    assert run(response).notes == ["31941"]


def test_started_and_stopped_streams_and_recordings() -> None:
    """They run beside the document."""
    response = VoiceResponse()
    start = response.start()
    start.stream(url="wss://agent.example/tap", name="tap", track="both_tracks")
    callback = "https://agent.example/recorded"
    response.start().recording(recording_status_callback=callback)
    response.say("Goodbye.")
    response.stop().stream(name="tap")
    driven = run(response).run()
    order = driven.last(Stream).order
    assert (order.name, order.track, order.bidirectional) == (
        "tap",
        "both_tracks",
        False,
    )
    assert driven.last(StartRecording).status_callback == callback
    assert driven.last(StopStream) == StopStream("tap")
    assert driven.said == "Goodbye."


def test_gather_keys() -> None:
    """Nested prompts play; the keys are posted."""
    response = VoiceResponse()
    gather = response.gather(
        num_digits=2, action="next", method="POST", timeout=4, finish_on_key="*"
    )
    gather.say("Hello.")
    gather.pause(length=1)
    driven = run(response, pages={NEXT: goodbye()})
    driven.presses("12", after=1.0)
    driven.run()
    assert driven.said == "Hello. Goodbye."
    assert driven.last(FetchDocument) == (
        NEXT,
        "POST",
        (("Digits", "12"), ("FinishedOnKey", "")),
    )


def test_gather_speech() -> None:
    """The words are posted; partial ones before."""
    response = VoiceResponse()
    response.gather(
        input="speech",
        action="next",
        speech_timeout="auto",
        barge_in=True,
        partial_result_callback="https://agent.example/partial",
        hints="parking, hotel",
        language="en-GB",
        action_on_empty_result=False,
    )
    driven = run(response, pages={NEXT: goodbye()})
    driven.says("Is there parking at the hotel?")
    driven.run()
    fields = dict(driven.last(FetchDocument).fields)
    assert fields["SpeechResult"] == "Is there parking at the hotel?"
    assert driven.all(Send)
    assert driven.notes == []


def test_dial() -> None:
    """Number, client and SIP address, with all that goes along."""
    response = VoiceResponse()
    dial = response.dial(
        action="next", timeout=12, caller_id="+14155550100", time_limit=90
    )
    dial.number(
        "+14155550123",
        url="whisper",
        status_callback="https://agent.example/dialled",
        status_callback_event="initiated answered",
        send_digits="ww1",
    )
    driven = run(response, pages={NEXT: goodbye()})
    assert driven.last(DialOut) == DialOut(
        "+14155550123",
        "+14155550100",
        12,
        90,
        "https://agent.example/dialled",
        "POST",
        ("initiated", "answered"),
        "https://agent.example/calls/whisper",
        "POST",
        "ww1",
    )
    for noun, name, number in (
        ("client", "alice", "client:alice"),
        ("sip", "sip:bob@example.com", "sip:bob@example.com"),
    ):
        response = VoiceResponse()
        getattr(response.dial(), noun)(name)
        assert run(response).last(DialOut).number == number
    plain = VoiceResponse()
    plain.dial("+14155550123", hangup_on_star=True)
    assert run(plain).last(DialOut).number == "+14155550123"


def test_record() -> None:
    """The address of the recording is posted."""
    response = VoiceResponse()
    response.record(action="next", timeout=1, max_length=30, play_beep=False)
    driven = run(response, pages={NEXT: goodbye()})
    driven.says("Yes, please.")
    driven.run_until(lambda: driven.all(StopRecording))
    driven.flow.recorded("RE1", "https://fake/RE1", 1.0, driven.now)
    driven.run()
    fields = dict(driven.last(FetchDocument).fields)
    assert fields["RecordingUrl"] == "https://fake/RE1"


@pytest.mark.judged("Twilio: ConversationRelay", by="twilio")
def test_conversation_relay() -> None:
    """Greeting, parameters and languages arrive."""
    response = VoiceResponse()
    connect = response.connect(action="next")
    relay = connect.conversation_relay(
        url="wss://agent.example/relay",
        welcome_greeting="Hello.",
        language="en-US",
        dtmf_detection=True,
        partial_prompts=True,
        interruptible="speech",
    )
    relay.parameter(name="reference", value="bar")
    relay.language(code="sv-SE", tts_provider="amazon", voice="Elin-Neural")
    driven = run(response, pages={NEXT: goodbye()})
    assert driven.last(Relay).url == "wss://agent.example/relay"
    driven.flow.relay_opened(driven.now)
    driven.run(2)
    assert '"customParameters":{"reference":"bar"}' in driven.last(SendRelay).text
    assert driven.said == "Hello."
    assert driven.notes == []
    driven.flow.relay_received('{"type":"end"}', driven.now)
    driven.run()
    assert driven.said == "Hello. Goodbye."


# --- every word that the library can write ----------------------------------------


def written(element: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every element that the library nests in one, with all its attributes."""
    for name, method in inspect.getmembers(type(element), inspect.isfunction):
        owner = getattr(sdk, type(element).__name__)
        if name not in vars(owner) or name.startswith("_"):
            continue
        names = list(inspect.signature(method).parameters)[1:]
        arguments = {key: "1" for key in names if key != "kwargs"}
        yield element, getattr(element, name)(**arguments)


def test_every_word_of_the_library_is_known() -> None:
    """Each verb and noun with each attribute, wherever it may stand."""
    seen: set[tuple[str, str]] = set()
    pending: list[Any] = [VoiceResponse()]
    unknown: list[str] = []
    while pending:
        for parent, child in written(pending.pop()):
            if (parent.name, child.name) in seen:
                continue
            seen.add((parent.name, child.name))
            pending.append(child)
            allowed = RESPONSE if parent.name == "Response" else _children(parent.name)
            if child.name not in allowed:
                unknown.append(f"<{child.name}> in <{parent.name}>")
            elif child.name in WORDS:
                attributes = {key.replace("from_", "from") for key in child.attrs}
                more = attributes - WORDS[child.name].attributes
                unknown += [f"{attribute} of <{child.name}>" for attribute in more]
    assert len(seen) > 60
    assert unknown == []


def _children(name: str) -> frozenset[str]:
    if name in WORDS["Say"].children:
        return WORDS["Say"].children
    return WORDS[name].children


def test_every_verb_of_the_library_is_run_to_an_end() -> None:
    """Whatever it is; what is not performed says so."""
    for _, verb in written(VoiceResponse()):
        driven = Driven(f"<Response>{verb}<Hangup/></Response>".encode())
        driven.run(40)
        if driven.streaming:
            driven.end_stream()
        driven.flow.dial_ended("busy", "CA1", 0, driven.now)
        driven.run(40)
        assert driven.over, verb.name
