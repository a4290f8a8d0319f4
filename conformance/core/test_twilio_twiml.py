"""TwiML is read as Twilio reads it, and never trusted."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.twilio.twiml import (
    Document,
    Element,
    TwimlError,
    media_address,
    page_address,
    read_document,
)
from fakes.twilio.twiml.vocabulary import RESPONSE, WORDS

PAGE = "https://agent.example/calls/voice"
LOCAL = "http://127.0.0.1:8080/voice"


def _read(body: str | bytes, kind: str = "text/xml") -> Document:
    data = body.encode() if isinstance(body, str) else body
    return read_document(data, content_type=kind, url=PAGE)


def test_a_document_is_its_verbs_in_order() -> None:
    """With attributes, text and what is nested."""
    document = _read(
        "<?xml version='1.0' encoding='UTF-8'?><Response><!-- a -->"
        "<Say language='en'>Hi <emphasis>there</emphasis>.</Say>"
        "<Connect><Stream url='/m'><Parameter name='a' value='1'/></Stream></Connect>"
        "</Response>",
        "application/xml; charset=utf-8",
    )
    say, connect = document.verbs
    emphasis = Element("emphasis", {}, ("there",))
    assert say == Element("Say", {"language": "en"}, ("Hi ", emphasis, "."))
    assert say.text == "Hi ."
    stream = connect.child("Stream")
    assert stream is not None
    assert stream.attributes == {"url": "/m"}
    assert stream.children == (Element("Parameter", {"name": "a", "value": "1"}),)
    assert connect.child("Room") is None
    assert document.url == PAGE
    assert document.notes == ()


@pytest.mark.parametrize("kind", ["text/xml", "application/xml", "TEXT/HTML ; q=1"])
def test_what_counts_as_a_document(kind: str) -> None:
    """XML under its usual names, and what careless servers call it."""
    assert _read("<Response/>", kind).verbs == ()


def test_plain_text_is_said_and_a_sound_is_played() -> None:
    """As Twilio does, instead of refusing them."""
    assert _read("Hi <there>", "text/plain").verbs == (
        Element("Say", {}, ("Hi <there>",)),
    )
    assert _read(b"\xff\xfe", "text/plain").verbs[0].text
    sound = _read(b"\x00" * 100_000, "audio/wav")
    assert sound.sound == (b"\x00" * 100_000, "audio/wav")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<say>Hi.</say>", "<say> in <Response>"),
        ("<Say colour='red'>Hi.</Say>", "'colour' of <Say>"),
        ("<Gather><Dial>1</Dial></Gather>", "<Dial> in <Gather>"),
        ("<Connect><stream url='wss://h'/></Connect>", "<stream> in <Connect>"),
        ("<Stream url='wss://h'/>", "<Stream> in <Response>"),
        ("<x:Say xmlns:x='urn:x'>Hi.</x:Say>", "<{urn:x}Say> in <Response>"),
        ("<Say><Play>x</Play></Say>", "<Play> in <Say>"),
    ],
)
def test_what_twiml_does_not_know_is_a_warning_and_ignored(
    body: str, text: str
) -> None:
    """12200; case matters."""
    document = _read(f"<Response>{body}</Response>")
    (noted,) = document.notes
    assert (noted.code, noted.level) == ("12200", "warning")
    assert text in noted.text


def test_warnings_are_bounded_and_never_twice() -> None:
    """However many elements are wrong."""
    wrong = "".join(f"<a{number % 500}/>" for number in range(4000))
    assert len(_read(f"<Response>{wrong}</Response>").notes) == 100
    assert len(_read(f"<Response>{'<a/>' * 4000}</Response>").notes) == 1


def test_namespaces_of_schemas_are_no_attributes() -> None:
    """Some tools write where the schema is."""
    xsi = "http://www.w3.org/2001/XMLSchema-instance"
    where = f'xmlns:xsi="{xsi}" xsi:noNamespaceSchemaLocation="x"'
    document = _read(f"<Response {where}><Say {where}>Hi.</Say></Response>")
    assert document.notes == ()
    assert document.verbs[0].attributes == {}


@pytest.mark.parametrize(
    ("body", "kind", "code", "cause"),
    [
        ("", "text/xml", "11770", "empty body"),
        (" \n", "text/xml", "11770", "empty body"),
        ("<Response/>" + " " * 70_000, "text/xml", "11750", "more than 64 kB"),
        ("{}", "application/json", "12300", "application/json, not text/xml"),
        ("<Response/>", "", "12300", "missing"),
        ("<Response>", "text/xml", "12100", "not XML"),
        ("x<?xml version='1.0'?><Response/>", "text/xml", "12100", "not XML"),
        (" <?xml version='1.0'?><Response/>", "text/xml", "12100", "not XML"),
        ("<?xml version='1.0' encoding='nope'?><R/>", "text/xml", "12100", "not XML"),
        ("<?xml version='1.1'?><Response/>", "text/xml", "12101", "version '1.1'"),
        ("<Response>&nbsp;</Response>", "text/xml", "12100", "not XML"),
        ("<Response>a & b</Response>", "text/xml", "12100", "not XML"),
        ("<a>" * 5000 + "</a>" * 5000, "text/xml", "12100", "nested more than 32"),
        ("<Answer/>", "text/xml", "12102", "root is <Answer>"),
        ("<response/>", "text/xml", "12102", "root is <response>"),
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


def test_a_huge_document_is_refused_without_being_read() -> None:
    """10 MB take no longer than their length takes to know."""
    body = b"<Response>" + b"<Say>Hi.</Say>" * 700_000
    begun = time.perf_counter()
    with pytest.raises(TwimlError, match="more than 64 kB"):
        _read(body)
    assert time.perf_counter() - begun < 0.1


def test_the_vocabulary_is_closed() -> None:
    """Whatever may stand in an element is described, or is speech markup."""
    known = WORDS.keys() | WORDS["Say"].children
    for word in WORDS.values():
        assert word.children <= known
    assert known >= RESPONSE


# --- addresses --------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("next", "https://agent.example/calls/next"),
        ("/next?a=1#f", "https://agent.example/next?a=1#f"),
        ("", PAGE),
        ("//other.example/x", "https://other.example/x"),
        (" http://127.0.0.1:8/x ", "http://127.0.0.1:8/x"),
    ],
)
def test_the_address_of_a_page_is_absolute(url: str, address: str) -> None:
    """It belongs to the document; its fragment is Twilio's own."""
    assert page_address(url, PAGE) == address


@pytest.mark.parametrize(
    "url", ["ftp://h/x", "file:///etc/passwd", "http://", "http://h:x/", "http://[/"]
)
def test_what_is_no_address_of_a_page(url: str) -> None:
    """11100."""
    with pytest.raises(TwimlError) as caught:
        page_address(url, PAGE)
    assert caught.value.code == "11100"


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
    try:
        _read(body, kind)
    except TwimlError as error:
        assert error.code.isdecimal()  # noqa: PT017


@given(
    url=st.text(max_size=60) | MARKUP,
    page=st.sampled_from([PAGE, LOCAL, ""]),
)
def test_no_address_whatever_raises_anything_else(url: str, page: str) -> None:
    """And what is accepted is an absolute address on a named host."""
    with suppress(TwimlError):
        assert media_address(url, page, []).startswith(("wss://", "ws://127.0.0.1"))
    with suppress(TwimlError):
        assert page_address(url, page).startswith(("https://", "http://"))
