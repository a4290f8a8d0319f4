"""Twilio's own validator accepts what the fake signs."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import (  # type: ignore[import-untyped]
    RequestValidator,
)

from fakes.twilio.signature import HEADER, sign
from fakes.twilio.webhook import CallLeg, voice_webhook

URLS = [
    "https://agent.example/voice",
    "https://agent.example:443/voice?x=1&y=%20",
    "https://agent.example:8443/voice",
    "http://127.0.0.1:8080/voice",
    "https://agent.example/voice#rc=2",
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
