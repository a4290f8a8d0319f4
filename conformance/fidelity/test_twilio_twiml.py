"""Documents written by Twilio's own helper library are understood."""

from __future__ import annotations

import pytest
from twilio.twiml.voice_response import (  # type: ignore[import-untyped]
    Connect,
    Parameter,
    Stream,
    VoiceResponse,
)

from fakes.twilio.twiml import StreamOrder, TwimlError, read_twiml

PAGE = "https://agent.example/voice"


def _read(response: VoiceResponse) -> StreamOrder:
    body = str(response).encode()
    return read_twiml(body, content_type="text/xml", document_url=PAGE)


def test_a_connected_stream_is_understood() -> None:
    """Name and callbacks are legal; only the address and parameters matter here."""
    response = VoiceResponse()
    response.say("One moment.")
    connect = Connect(action="/done")
    stream = Stream(
        url="wss://agent.example/media",
        name="line one",
        track="inbound_track",
        status_callback="https://agent.example/stream",
    )
    stream.append(Parameter(name="first name", value='J "&" <é>'))
    connect.append(stream)
    response.append(connect)
    order = _read(response)
    assert order.url == "wss://agent.example/media"
    assert order.parameters == {"first name": 'J "&" <é>'}
    assert [warned.code for warned in order.warnings] == ["passed_over"]


def test_verbs_without_a_stream_end_the_call() -> None:
    """With the reason."""
    rejected = VoiceResponse()
    rejected.reject(reason="busy")
    with pytest.raises(TwimlError, match="answered with <Reject>"):
        _read(rejected)
    with pytest.raises(TwimlError, match="no <Connect><Stream>"):
        _read(VoiceResponse())


def test_both_tracks_are_refused_on_connect() -> None:
    """31941, although the helper library writes it without complaint."""
    response = VoiceResponse()
    connect = response.connect()
    connect.stream(url="wss://agent.example/media", track="both_tracks")
    with pytest.raises(TwimlError) as caught:
        _read(response)
    assert caught.value.code == "31941"
