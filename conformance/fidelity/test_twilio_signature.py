"""Twilio's own validator accepts what the fake signs."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from fakes.twilio.web.signature import HEADER, sign, signed_url
from fakes.twilio.web.webhook import CallLeg, plain_request, request_for, voice_webhook

pytestmark = pytest.mark.judged("Twilio: webhooks and signatures", by="twilio")

URLS = [
    "https://agent.example/voice",
    "https://agent.example:443/voice?x=1&y=%20",
    "https://agent.example:8443/voice",
    "http://127.0.0.1:8080/voice",
    "https://agent.example/voice#rc=2",
    "https://jane:secret@agent.example/voice",
    "https://jane:secret@agent.example:8443/voice",
]
TEXT = st.text(max_size=12)


@pytest.mark.parametrize("url", URLS)
def test_the_webhook_is_accepted_by_the_validator(url: str) -> None:
    """The form is validated as a server decodes it, in any order."""
    request = voice_webhook(url, CallLeg.of(4729), auth_token="secret")
    form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    signature = dict(request.headers)[HEADER]
    assert RequestValidator("secret").validate(request.url, form, signature)
    assert not RequestValidator("other").validate(request.url, form, signature)
    form["From"] = "+10000000000"
    assert not RequestValidator("secret").validate(request.url, form, signature)


@pytest.mark.parametrize(
    "url", ["wss://agent.example/media", "ws://127.0.0.1:8080/media"]
)
def test_the_upgrade_is_accepted_by_the_validator(url: str) -> None:
    """No parameters, and the URL as the TwiML has it."""
    assert RequestValidator("secret").validate(url, {}, sign("secret", url))


@given(token=TEXT, form=st.dictionaries(TEXT, TEXT, max_size=6))
def test_any_form_is_signed_as_the_validator_does(
    token: str, form: dict[str, str]
) -> None:
    """Case-sensitive order, decoded values, no separators."""
    url = "https://agent.example/voice"
    theirs = RequestValidator(token).compute_signature(url, form)
    assert sign(token, url, form.items()) == theirs


ADDRESSES = st.builds(
    "{}://{}{}/{}{}".format,
    st.sampled_from(["http", "https"]),
    st.sampled_from(["agent.example", "127.0.0.1", "jane:x@agent.example"]),
    st.sampled_from(["", ":443", ":80", ":8080"]),
    st.sampled_from(["", "voice", "a/b%20c"]),
    st.sampled_from(["", "?x=1&y=%2B", "?a", "#rc=2&rp=5xx"]),
)
FIELDS = st.dictionaries(st.text("abcXYZ", min_size=1, max_size=6), TEXT, max_size=4)


@given(url=ADDRESSES, fields=FIELDS, with_port=st.booleans())
def test_every_request_is_accepted_and_every_forgery_is_not(
    url: str, fields: dict[str, str], with_port: bool
) -> None:
    """Whatever the port, signed with it or without; a changed byte is told."""
    form = (*fields.items(),)
    request = plain_request(url, "POST", form, "secret", sign_with_port=with_port)
    signature = dict(request.headers)[HEADER]
    validator = RequestValidator("secret")
    seen = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    # The library loses the user of an address with credentials and a port, unless
    # the signature has that port, too.
    assert validator.validate(signed_url(url, with_port=with_port), seen, signature)
    assert validator.validate(request.url, seen, signature) or "jane" in url
    forged = seen | {"Digits1": "1"}
    assert not validator.validate(request.url, forged, signature)
    assert not validator.validate(f"{request.url}x", seen, signature)
    assert not RequestValidator("other").validate(request.url, seen, signature)


@given(url=ADDRESSES, fields=FIELDS)
def test_a_get_is_signed_over_its_whole_address(
    url: str, fields: dict[str, str]
) -> None:
    """No fields are appended: they stand in the query."""
    leg = CallLeg.of(7)
    request = request_for(leg, url, "GET", "in-progress", (*fields.items(),), "secret")
    signature = dict(request.headers)[HEADER]
    signed = signed_url(request.url)
    assert RequestValidator("secret").validate(signed, {}, signature)
    assert not RequestValidator("secret").validate(signed + "&z=1", {}, signature)


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        ("https://h/p", "https://h:443/p"),
        ("http://h/p", "http://h:80/p"),
        ("https://h:8443/p", "https://h:8443/p"),
        ("wss://h/p", "wss://h/p"),
    ],
)
def test_the_standard_port_is_signed_on_demand(url: str, signed: str) -> None:
    """The validator accepts both ways; a socket's it would take for port 80."""
    assert signed_url(url, with_port=True) == signed
    signature = sign("secret", url, with_port=True)
    assert RequestValidator("secret").validate(url, {}, signature)
    wrong = sign("secret", "wss://h:443/p")
    assert RequestValidator("secret").validate("wss://h/p", {}, wrong), (
        "a standard port is left out, so even a configured one does no harm"
    )
