"""The voice webhook: what Twilio posts when a call comes in.

Field order, headers and the double encoding of ``CallToken`` are those of captured
requests; https://www.twilio.com/docs/voice/twiml#request-parameters documents the
fields. The order is Twilio's own, not the alphabet's, and geography that is not known
is an empty string rather than an absent field.
"""

from __future__ import annotations

import base64
import json
import uuid
from typing import NamedTuple
from urllib.parse import quote, urldefrag, urlencode

from fakes.twilio.signature import HEADER, sign

__all__ = ["CallLeg", "WebhookRequest", "voice_webhook"]

API_VERSION = "2010-04-01"


class CallLeg(NamedTuple):
    """Who calls whom; the numbers are from the range reserved for fiction."""

    call_sid: str
    account_sid: str
    from_number: str
    to_number: str = "+15005550006"

    @classmethod
    def of(cls, call: int, call_sid: str | None = None) -> CallLeg:
        """Return the leg of a numbered caller; the sid is random unless given."""
        return cls(
            call_sid=call_sid or f"CA{uuid.uuid4().hex}",
            account_sid=f"AC{'0123456789abcdef' * 2}",
            from_number=f"+1415555{call % 10_000:04d}",
        )


class WebhookRequest(NamedTuple):
    """One POST, ready to be sent as it is."""

    url: str
    headers: tuple[tuple[str, str], ...]
    form: tuple[tuple[str, str], ...]

    @property
    def body(self) -> bytes:
        """The form as it goes over the wire."""
        return urlencode(self.form).encode()


def voice_webhook(
    url: str, leg: CallLeg, *, auth_token: str, issued_at: int = 0
) -> WebhookRequest:
    """Return the request for an incoming call that is still ringing.

    Args:
        url: the number's Voice URL; a fragment is Twilio's own and stays behind.
        leg: the call.
        auth_token: signs the request; Twilio signs always.
        issued_at: seconds since the epoch, for the call token.
    """
    form = _inbound_form(leg, issued_at)
    headers = (
        ("User-Agent", "TwilioProxy/1.1"),
        ("Accept", "*/*"),
        ("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8"),
        (HEADER, sign(auth_token, url, form)),
        ("I-Twilio-Idempotency-Token", str(uuid.uuid4())),
        ("X-Home-Region", "us1"),
        ("Connection", "close"),
    )
    return WebhookRequest(urldefrag(url).url, headers, form)


def _inbound_form(leg: CallLeg, issued_at: int) -> tuple[tuple[str, str], ...]:
    return (
        ("Called", leg.to_number),
        ("ToState", ""),
        ("CallerCountry", "US"),
        ("Direction", "inbound"),
        ("CallerState", "CA"),
        ("ToZip", ""),
        ("CallSid", leg.call_sid),
        ("To", leg.to_number),
        ("CallerZip", "94105"),
        ("ToCountry", "US"),
        ("StirVerstat", "TN-Validation-Passed-A"),
        ("CallToken", _call_token(leg, issued_at)),
        ("CalledZip", ""),
        ("ApiVersion", API_VERSION),
        ("CalledCity", ""),
        ("CallStatus", "ringing"),
        ("From", leg.from_number),
        ("AccountSid", leg.account_sid),
        ("CalledCountry", "US"),
        ("CallerCity", "SAN FRANCISCO"),
        ("ToCity", ""),
        ("FromCountry", "US"),
        ("Caller", leg.from_number),
        ("FromCity", "SAN FRANCISCO"),
        ("CalledState", ""),
        ("FromZip", "94105"),
        ("FromState", "CA"),
    )


def _call_token(leg: CallLeg, issued_at: int) -> str:
    """Return percent-encoded JSON, which the form then encodes once more."""
    claims = {
        "callSid": leg.call_sid,
        "from": leg.from_number,
        "to": leg.to_number,
        "iat": str(issued_at),
    }
    token = ".".join(
        _base64url(part)
        for part in (b'{"typ":"JWT","alg":"ES256"}', _compact(claims), b"not-signed")
    )
    info = {"parentCallInfoToken": token, "identityHeaderTokens": []}
    return quote(_compact(info), safe="")


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
