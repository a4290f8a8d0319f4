"""What Twilio posts, byte for byte, and how it is signed."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, unquote

import pytest

from fakes.twilio.web.signature import sign, signed_url
from fakes.twilio.web.webhook import CallLeg, voice_webhook

URL = "https://agent.example/voice?line=2"
ORDER = """
Called ToState CallerCountry Direction CallerState ToZip CallSid To CallerZip ToCountry
StirVerstat CallToken CalledZip ApiVersion CalledCity CallStatus From AccountSid
CalledCountry CallerCity ToCity FromCountry Caller FromCity CalledState FromZip
FromState
"""


def test_the_published_signature_vectors_hold() -> None:
    """Computed with Twilio's own helper library."""
    form = [
        ("To", "+18005551212"),
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+12349013030"),
        ("Digits", "1234"),
        ("From", "+12349013030"),
    ]
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert sign("12345", url, form) == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="
    upgrade = sign("12345", "wss://h.example/media-stream")
    assert upgrade == "HOADvfWDwyUZjkszEi8cNQPqUDg="


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        ("https://h:443/p?q=1", "https://h/p?q=1"),
        ("wss://h:443/p", "wss://h/p"),
        ("http://h:8080/p", "http://h:8080/p"),
        ("https://h/p#rc=2&rp=5xx", "https://h/p"),
        ("https://user:pw@h:443/p", "https://user:pw@h/p"),
    ],
)
def test_the_signed_url_has_no_standard_port_and_no_fragment(
    url: str, signed: str
) -> None:
    """Everything else is signed as configured."""
    assert signed_url(url) == signed


def test_the_form_has_twilios_order_and_its_empty_fields() -> None:
    """A parser that sorts, or drops empty values, is told by this form."""
    leg = CallLeg.of(4729)
    request = voice_webhook(URL, leg, auth_token="t")
    names = [part.partition("=")[0] for part in request.body.decode().split("&")]
    assert names == ORDER.split()
    form = parse_qs(request.body.decode(), keep_blank_values=True)
    assert form["CallStatus"] == ["ringing"]
    assert form["Direction"] == ["inbound"]
    assert form["From"] == form["Caller"] == ["+14155554729"]
    assert form["To"] == form["Called"]
    assert form["ToCity"] == [""]
    assert len(form["CallSid"][0]) == len(form["AccountSid"][0]) == 34


def test_the_call_token_is_encoded_twice() -> None:
    """Percent-encoded JSON inside the percent-encoded form."""
    request = voice_webhook(URL, CallLeg.of(1), auth_token="t", issued_at=99)
    once = parse_qs(request.body.decode())["CallToken"][0]
    assert once.startswith("%7B%22parentCallInfoToken%22%3A%22")
    assert json.loads(unquote(once))["identityHeaderTokens"] == []


def test_headers_are_twilios_and_each_delivery_has_its_own_token() -> None:
    """The idempotency token identifies a delivery, not a call."""
    leg = CallLeg.of(1)
    one = dict(voice_webhook(URL + "#rc=2", leg, auth_token="t").headers)
    two = dict(voice_webhook(URL, leg, auth_token="t").headers)
    assert one["User-Agent"] == "TwilioProxy/1.1"
    assert one["X-Twilio-Signature"] == two["X-Twilio-Signature"]
    key = "I-Twilio-Idempotency-Token"
    assert one[key] != two[key]
    assert voice_webhook(URL + "#rc=2", leg, auth_token="t").url == URL
