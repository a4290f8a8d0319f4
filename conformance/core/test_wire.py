"""Every message of every wire: there and back, exact on the wire, safe against junk."""

from __future__ import annotations

import json
import struct
import types
import typing
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conformance.core._wires import LOOSE, MESSAGES, WIRES
from voiceutils.errors import WireError
from voiceutils.wire import (
    chat,
    deepgram_listen,
    deepgram_speak,
    encode,
    twilio,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PLAIN = {
    str: TEXT,
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    bytes: st.binary(max_size=200),
    object: st.none() | st.booleans() | TEXT | st.lists(TEXT, max_size=2),
    Any: st.none() | st.booleans() | TEXT | st.lists(TEXT, max_size=2),
    type(None): st.none(),
    msgspec.UnsetType: st.just(msgspec.UNSET),
}


def anything_of(kind: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for a message field's type."""
    if kind in PLAIN:
        return PLAIN[kind]
    inner = typing.get_args(kind)
    match typing.get_origin(kind):
        case None:
            hints = typing.get_type_hints(kind)
            fields = {name: anything_of(hints[name]) for name in kind.__struct_fields__}
            return st.builds(kind, **fields)
        case typing.Union | types.UnionType:
            return st.one_of(*map(anything_of, inner))
        case typing.Literal:
            return st.sampled_from(inner)
        case origin if origin is dict:
            return st.dictionaries(*map(anything_of, inner), max_size=3)
        case origin if origin is typing.Literal:
            return st.sampled_from(inner)
        case origin if origin is list:
            return st.lists(anything_of(inner[0]), max_size=3)
    return st.lists(anything_of(inner[0]), max_size=3).map(tuple)


@pytest.mark.parametrize(("wire", "kind"), MESSAGES)
@given(data=st.data())
@settings(max_examples=40)
def test_message_comes_back_as_it_went(wire: str, kind: Any, data: Any) -> None:
    """decode(encode(message)) == message, from text and from bytes."""
    decode, _ = WIRES[wire]
    message = data.draw(anything_of(kind))
    text = encode(message)
    assert decode(text) == message
    assert decode(text.encode()) == message


@pytest.mark.parametrize(("wire", "kind"), LOOSE)
@given(data=st.data())
@settings(max_examples=20)
def test_services_may_add_fields(wire: str, kind: Any, data: Any) -> None:
    """Fields that this version does not know change nothing, where peers allow it."""
    decode, _ = WIRES[wire]
    message = data.draw(anything_of(kind))
    loose = {"new": [1], **json.loads(encode(message)), "newer": {"x": None}}
    if kind.__struct_config__.forbid_unknown_fields:
        with pytest.raises(WireError, match="unknown field `new"):
            decode(json.dumps(loose))
    else:
        assert decode(json.dumps(loose)) == message


@given(anything_of(chat.Request))
def test_chat_request_comes_back(request: chat.Request) -> None:
    """What the agent asks is what the model reads."""
    assert chat.decode_request(encode(request).encode()) == request


@given(anything_of(chat.Chunk))
def test_chat_chunk_comes_back_as_an_event(chunk: chat.Chunk) -> None:
    """One event is one data line and an empty line."""
    event = chat.encode_event(chunk)
    line, *rest = event.split("\n")
    assert rest == ["", ""]
    assert chat.decode_event(line) == chunk


@pytest.mark.parametrize(
    "line", ["", ": keep-alive", "data: [DONE]", "data:[DONE]", "event: x", "id: 4"]
)
def test_lines_without_a_chunk_are_none(line: str) -> None:
    """The end, comments and other fields of the event stream add nothing."""
    assert chat.decode_event(line) is None


def test_text_of_a_message_in_parts() -> None:
    """Other clients send a list of parts."""
    parts: list[dict[str, object]] = [
        {"type": "text", "text": "Hello"},
        {"type": "image_url"},
        {"type": "text", "text": ", you"},
    ]
    assert chat.Message("user", parts).text == "Hello, you"
    assert chat.Message("user").text == ""


# --- exactly as on the wire ----------------------------------------------------------

SID = "MZ0123456789abcdef0123456789abcdef"
EXACT = [
    (
        twilio.Connected(),
        '{"event":"connected","protocol":"Call","version":"1.0.0"}',
    ),
    (
        twilio.Start(
            "1",
            twilio.StartBody(
                "AC1", SID, "CA1", custom_parameters={"FirstName": "Jane"}
            ),
            SID,
        ),
        '{"event":"start","sequenceNumber":"1","start":{"accountSid":"AC1","streamSid":"'
        + SID
        + '","callSid":"CA1","tracks":["inbound"],"mediaFormat":{"encoding":'
        '"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":'
        '{"FirstName":"Jane"}},"streamSid":"' + SID + '"}',
    ),
    (
        twilio.Media(
            "2", twilio.MediaBody("inbound", "1", "155", b"\xff\x7f\xfe"), SID
        ),
        '{"event":"media","sequenceNumber":"2","media":{"track":"inbound","chunk":"1",'
        '"timestamp":"155","payload":"/3/+"},"streamSid":"' + SID + '"}',
    ),
    (
        twilio.Dtmf(SID, "5", twilio.DtmfBody("inbound_track", "1")),
        '{"event":"dtmf","streamSid":"' + SID + '","sequenceNumber":"5",'
        '"dtmf":{"track":"inbound_track","digit":"1"}}',
    ),
    (
        twilio.Mark("4", SID, twilio.MarkBody("my label")),
        '{"event":"mark","sequenceNumber":"4","streamSid":"' + SID + '",'
        '"mark":{"name":"my label"}}',
    ),
    (
        twilio.Stop("378", SID, twilio.StopBody("AC1", "CA1")),
        '{"event":"stop","sequenceNumber":"378","streamSid":"' + SID + '",'
        '"stop":{"accountSid":"AC1","callSid":"CA1"}}',
    ),
    (
        twilio.AgentMedia(SID, twilio.AgentPayload(b"\xff")),
        '{"event":"media","streamSid":"' + SID + '","media":{"payload":"/w=="}}',
    ),
    (
        twilio.AgentMark(SID, twilio.MarkBody("r1:7")),
        '{"event":"mark","streamSid":"' + SID + '","mark":{"name":"r1:7"}}',
    ),
    (twilio.Clear(SID), '{"event":"clear","streamSid":"' + SID + '"}'),
    (deepgram_listen.KeepAlive(), '{"type":"KeepAlive"}'),
    (deepgram_listen.Finalize(), '{"type":"Finalize"}'),
    (deepgram_listen.CloseStream(), '{"type":"CloseStream"}'),
    (deepgram_speak.Speak("Hi."), '{"type":"Speak","text":"Hi."}'),
    (deepgram_speak.Flush(), '{"type":"Flush"}'),
    (deepgram_speak.ClearAudio(), '{"type":"Clear"}'),
    (deepgram_speak.Close(), '{"type":"Close"}'),
]


@pytest.mark.parametrize(
    ("message", "text"), EXACT, ids=[type(m).__name__ for m, _ in EXACT]
)
def test_message_is_written_as_on_the_real_wire(message: Any, text: str) -> None:
    """Key order, compactness, string counters and numeric sample rate included."""
    assert encode(message) == text
    readers = [
        decode for decode, kinds in WIRES.values() if type(message) in get_args(kinds)
    ]
    assert [decode(text) for decode in readers] == [message] * len(readers)
    assert readers


def test_custom_parameters_are_there_even_when_empty() -> None:
    """Twilio sends the empty object, and agents read it unasked."""
    text = encode(twilio.Start("1", twilio.StartBody("AC1", SID, "CA1"), SID))
    assert '"customParameters":{}' in text


@pytest.mark.parametrize("counter", ["sequenceNumber", "chunk", "timestamp"])
def test_counter_as_a_number_is_refused(counter: str) -> None:
    """Twilio's counters are strings; a fake that sends numbers would be found out."""
    media = json.loads(EXACT[2][1])
    holder = media if counter in media else media["media"]
    holder[counter] = int(holder[counter])
    with pytest.raises(WireError):
        twilio.decode_from_twilio(json.dumps(media))


def test_media_message_is_as_long_as_the_real_one() -> None:
    """160 bytes of audio give a message of the size seen on the wire."""
    body = twilio.MediaBody("inbound", "1000", "20000", b"\xff" * 160)
    assert 370 <= len(encode(twilio.Media("1001", body, SID))) <= 395


# --- times as a service prints them that computes in 32 bits ------------------------


def shortest(value: float) -> float:
    """Return the decimal of the fewest digits that means the same 32-bit float."""
    packed = struct.pack("f", value)
    (rounded,) = struct.unpack("f", packed)
    for digits in range(1, 10):
        decimal = float(f"{rounded:.{digits}g}")
        if struct.pack("f", decimal) == packed:
            return decimal
    raise AssertionError("nine digits always suffice")


@given(st.just(0.0) | st.floats(1e-6, 1e5) | st.floats(2.0**-20, 1e5, width=32))
@example(6.35)
@example(6.3499994)
@example(0.1 + 0.2)
@settings(max_examples=500)
def test_times_print_as_the_shortest_decimal_of_a_32_bit_float(value: float) -> None:
    """As short as can be, the same 32-bit float, and stable."""
    printed = deepgram_listen.f32(value)
    assert struct.pack("f", printed) == struct.pack("f", value)
    assert printed == shortest(value)
    assert deepgram_listen.f32(printed) == printed


def test_sums_in_32_bits_show_their_error() -> None:
    """The times of the live service look like this."""
    assert deepgram_listen.f32(6.3499994) == 6.3499994
    assert deepgram_listen.f32(6.35) == 6.35
    assert repr(deepgram_listen.f32(1 / 3)) == "0.33333334"
