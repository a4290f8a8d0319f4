"""Media streams in a document: connected, started, stopped."""

from __future__ import annotations

import pytest

from conformance.core._flow import Driven, response
from fakes.twilio.flow.flow_settings import FlowSettings
from fakes.twilio.flow.orders import (
    Answer,
    FetchDocument,
    Noted,
    OpenStream,
    Over,
    StartRecording,
    StopStream,
    StreamOrder,
    Voice,
)

OTHER = "https://agent.example/calls/other"
STREAM = '<Connect><Stream url="wss://agent.example/media"/></Connect>'


def test_a_connected_stream_blocks_until_the_agent_ends_it() -> None:
    """Then the action takes over; without one, the next verb; then the call ends."""
    driven = Driven(f"{STREAM}<Say>Goodbye.</Say>")
    assert driven.last(OpenStream).order == StreamOrder("wss://agent.example/media", {})
    driven.run(30)
    assert not driven.flow.is_over
    assert driven.said == ""
    driven.end_stream()
    driven.run()
    assert driven.said == "Goodbye."
    assert driven.over == Over("completed")

    acting = STREAM.replace("<Connect>", '<Connect action="other" method="GET">')
    driven = Driven(f"{acting}<Say>Never.</Say>", pages={OTHER: response("")})
    driven.end_stream()
    assert driven.last(FetchDocument) == (OTHER, "GET", ())
    assert driven.over == Over("completed")


def test_a_trailing_pause_keeps_a_dead_line_open() -> None:
    """The agent has hung up; the caller sits in silence."""
    driven = Driven(f'{STREAM}<Pause length="40"/>').run(10)
    driven.end_stream()
    at = driven.now
    driven.run(100)
    assert driven.ended_at - at == pytest.approx(40, abs=0.021)


def test_a_stream_that_broke_is_the_cause_when_nothing_follows() -> None:
    """With something after it, the call goes on."""
    driven = Driven(STREAM)
    driven.end_stream("31920", "answered with 404")
    assert driven.over == Over("completed", "answered with 404")
    driven = Driven(f"{STREAM}<Hangup/>")
    driven.end_stream("31920", "answered with 404")
    assert driven.over == Over("completed")


def test_a_media_socket_that_does_not_open_is_given_up() -> None:
    """15 seconds, then it counts as ended."""
    driven = Driven("<Pause/>")
    driven.flow.redirect(Voice(twiml=response(STREAM).decode()), 1.0)
    orders = driven.flow.take()
    assert isinstance(orders[-1], OpenStream)
    assert driven.flow.next_timer() == pytest.approx(16.0)
    driven.flow.on_timer(16.0)
    stop, noted, over = driven.flow.take()
    assert stop == StopStream(bidirectional=True)
    assert isinstance(noted, Noted)
    assert noted.code == "31901"
    assert isinstance(over, Over)


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ('url="wss://h/m" track="both_tracks"', "31941"),
        ('url="wss://h/m" track="outbound_track"', "31941"),
        ('url="https://h/m"', "31922"),
        ('url="ws://h.example/m"', "31922"),
        ('url=""', "31923"),
        ('url="wss://h:99999/m"', "31923"),
    ],
)
def test_a_stream_that_cannot_be_ends_the_verb(attributes: str, code: str) -> None:
    """An error, and the next verb; the call ends of it when there is none."""
    driven = Driven(f"<Connect><Stream {attributes}/></Connect>").run()
    assert driven.notes == [code]
    assert driven.all(OpenStream) == []
    assert driven.over.cause
    following = f"<Connect><Stream {attributes}/></Connect><Say>Goodbye.</Say>"
    assert Driven(following).run().said == "Goodbye."


def test_a_query_and_a_plain_scheme_are_findings_or_strictly_refused() -> None:
    """Twilio's documentation refuses both; a test on one machine needs the second."""
    local = '<Connect><Stream url="ws://127.0.0.1:1/m?a=1"/></Connect>'
    driven = Driven(local)
    assert driven.last(OpenStream).order.url == "ws://127.0.0.1:1/m"
    assert driven.notes == ["plain_ws", "31920"]
    assert {note.level for note in driven.all(Noted)} == {"warning"}
    strict = Driven(local, settings=FlowSettings(strict_scheme=True))
    assert strict.notes == ["31922"]
    strict = Driven(local, settings=FlowSettings(strict_query=True))
    assert strict.notes == ["plain_ws", "31920"]
    assert strict.all(OpenStream) == []


def test_parameters_and_callbacks_go_with_the_stream() -> None:
    """Long parameters are left out; a callback has to be absolute."""
    driven = Driven(
        '<Connect><Stream url="/media" name="main" statusCallbackMethod="GET"'
        ' statusCallback="https://agent.example/s"><Parameter name="a" value="1"/>'
        f'<Parameter name="b" value="{"x" * 500}"/></Stream></Connect>'
    )
    order = driven.last(OpenStream).order
    assert order.url == "wss://agent.example/media"
    assert order.parameters == {"a": "1"}
    assert order[2:6] == ("main", "inbound_track", "https://agent.example/s", "GET")
    assert driven.notes == ["12200"]
    relative = '<Connect><Stream url="/m" statusCallback="/s"/></Connect>'
    driven = Driven(relative)
    assert driven.notes == ["11100"]
    assert driven.last(OpenStream).order.status_callback == ""


def test_a_started_stream_does_not_hold_the_document_up() -> None:
    """Nothing after it ends the call; names are unique; stop goes by the name."""
    start = '<Start><Stream url="wss://h/m" name="tap" track="both_tracks"/></Start>'
    driven = Driven(start)
    assert driven.last(OpenStream).order.bidirectional is False
    assert driven.over == Over("completed")
    stop = '<Stop><Stream name="tap"/></Stop>'
    driven = Driven(start + start + stop + stop + start).run()
    kinds = [type(order) for order in driven.orders]
    assert kinds == [FetchDocument, Answer, OpenStream, StopStream, OpenStream, Over]
    assert driven.notes == ["stream_name", "12200"]


def test_a_call_has_four_unidirectional_tracks_at_most() -> None:
    """Both tracks count twice; those that were stopped count no more."""
    start = '<Start><Stream url="wss://h/m" name="{}" track="both_tracks"/></Start>'
    three = "".join(start.format(name) for name in "abc")
    driven = Driven(three)
    assert driven.notes == ["stream_tracks"]
    assert len(driven.all(OpenStream)) == 2
    stop = '<Stop><Stream name="a"/></Stop>'
    driven = Driven(start.format("a") + stop + start.format("b") + start.format("c"))
    assert driven.notes == []


def test_a_recording_may_be_started() -> None:
    """It runs beside the document."""
    callback = 'recordingStatusCallback="https://agent.example/r"'
    driven = Driven(f"<Start><Recording {callback}/></Start>")
    assert driven.last(StartRecording) == ("https://agent.example/r", "POST")
