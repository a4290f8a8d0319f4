"""TwiML is read as Twilio reads it, and never trusted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.twilio.twiml import TwimlError, media_address, read_twiml

PAGE = "https://agent.example/calls/voice"
LOCAL = "http://127.0.0.1:8080/voice"


def _read(body: str | bytes, kind: str = "text/xml", page: str = PAGE) -> object:
    data = body.encode() if isinstance(body, str) else body
    return read_twiml(data, content_type=kind, document_url=page)


def _connect(attributes: str, inside: str = "") -> str:
    stream = f"<Stream {attributes}>{inside}</Stream>"
    return f"<Response><Connect>{stream}</Connect></Response>"


def test_a_stream_and_its_parameters_are_read() -> None:
    """Names and values are text; the last of a repeated name counts."""
    parameters = '<Parameter name="a" value="1"/><Parameter name="b" value=""/>'
    order = read_twiml(
        _connect('url="wss://h/media" track="inbound_track"', parameters).encode(),
        content_type="application/xml; charset=utf-8",
        document_url=PAGE,
    )
    assert order == ("wss://h/media", {"a": "1", "b": ""}, ())


@pytest.mark.parametrize(
    ("url", "page", "address"),
    [
        ("wss://h.example:8443/m", PAGE, "wss://h.example:8443/m"),
        ("/media", PAGE, "wss://agent.example/media"),
        ("media", PAGE, "wss://agent.example/calls/media"),
        ("/media", LOCAL, "ws://127.0.0.1:8080/media"),
        ("ws://localhost:1/m", PAGE, "ws://localhost:1/m"),
        ("ws://[::1]:1/m", PAGE, "ws://[::1]:1/m"),
    ],
)
def test_the_media_address_is_absolute(url: str, page: str, address: str) -> None:
    """A relative one belongs to the document; ws is for this machine."""
    assert media_address(url, page, []) == address


def test_a_query_string_is_dropped_with_a_warning() -> None:
    """Twilio was seen to drop it; the agent never gets it."""
    body = _connect('url="wss://h/m?caller=7&amp;x=1"')
    order = read_twiml(body.encode(), content_type="text/xml", document_url=PAGE)
    assert order.url == "wss://h/m"
    ((code, text),) = order.warnings
    assert code == "31920"
    assert "caller=7&x=1" in text


@pytest.mark.parametrize(
    ("body", "kind", "code", "cause"),
    [
        ("", "text/xml", "11770", "empty body"),
        ("<Response/>" + " " * 70_000, "text/xml", "11750", "more than 64 kB"),
        ("hello", "text/plain", "12300", "text/plain is played"),
        ("{}", "application/json", "12300", "application/json, not text/xml"),
        ("<Response/>", "", "12300", "missing"),
        ("<Response>", "text/xml", "12100", "not XML"),
        ("x<?xml version='1.0'?><Response/>", "text/xml", "12100", "not XML"),
        ("<?xml version='1.0' encoding='nope'?><R/>", "text/xml", "12100", "not XML"),
        ("<Answer/>", "text/xml", "12102", "root is <Answer>"),
        ("<response/>", "text/xml", "12102", "root is <response>"),
        ("<Response/>", "text/xml", "0", "no <Connect><Stream>"),
        ("<Response><Say>hi</Say></Response>", "text/xml", "0", "no <Connect>"),
        ("<Response><Reject/></Response>", "text/xml", "0", "answered with <Reject>"),
        ("<Response><Connect/></Response>", "text/xml", "12200", "holds nothing"),
        (_connect('url="https://h/m"'), "text/xml", "31922", "wrong scheme"),
        (_connect('url="ws://h.example/m"'), "text/xml", "31922", "wrong scheme"),
        (_connect('url=""'), "text/xml", "31923", "malformed"),
        (_connect(""), "text/xml", "31923", "malformed"),
        (_connect('url="wss://h:99999/m"'), "text/xml", "31923", "malformed"),
        (_connect('url="wss://[::1/m"'), "text/xml", "31923", "malformed"),
        (_connect('url="wss:///m"'), "text/xml", "31923", "malformed"),
        (_connect('url="wss://h/m" track="both_tracks"'), "text/xml", "31941", "track"),
    ],
)
def test_each_fault_has_its_number_and_one_clear_cause(
    body: str, kind: str, code: str, cause: str
) -> None:
    """One line that a person can act on."""
    with pytest.raises(TwimlError) as caught:
        _read(body, kind)
    assert caught.value.code == code
    assert cause in str(caught.value)
    assert "\n" not in str(caught.value)


def test_entities_are_refused_before_they_can_expand() -> None:
    """A billion laughs cost nothing; a file is not read."""
    laughs = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(12))
    bomb = f'<!DOCTYPE Response [<!ENTITY l0 "ha">{laughs}]>'
    files = '<!DOCTYPE Response [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    for declared, entity in ((bomb, "&l12;"), (files, "&f;")):
        with pytest.raises(TwimlError, match="document type not allowed"):
            _read(f"{declared}<Response>{entity}</Response>")


def test_unknown_verbs_and_long_parameters_are_warnings() -> None:
    """The call goes on, as with Twilio."""
    long = f'<Parameter name="n" value="{"x" * 500}"/>'
    body = _connect('url="wss://h/m"', long).replace("<Response>", "<Response><say/>")
    order = read_twiml(body.encode(), content_type="text/xml", document_url=PAGE)
    assert [warned.code for warned in order.warnings] == ["12200", "12200"]
    assert order.parameters == {}


MARKUP = st.text(
    alphabet=st.sampled_from("<>/=\"'&;!? ResponConectStrmul:w.[]-\x00\xe9"),
    max_size=80,
)


@given(
    body=st.binary(max_size=200) | MARKUP.map(lambda text: text.encode()),
    kind=st.sampled_from(["text/xml", "", "text/html"]) | st.text(max_size=20),
)
def test_no_document_whatever_raises_anything_else(body: bytes, kind: str) -> None:
    """Malformed input is a cause, never a crash."""
    with pytest.raises(TwimlError):
        _read(body, kind)


@given(url=st.text(max_size=60) | MARKUP, page=st.sampled_from([PAGE, LOCAL]))
def test_no_address_whatever_raises_anything_else(url: str, page: str) -> None:
    """And what is accepted is a socket address on a named host."""
    try:
        address = media_address(url, page, [])
    except TwimlError:
        return
    assert address.startswith(("wss://", "ws://127.0.0.1"))
