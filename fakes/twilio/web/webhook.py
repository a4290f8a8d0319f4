"""What Twilio asks of an application: the voice webhook, and every request after it.

Field order, headers and the double encoding of ``CallToken`` are those of captured
requests; https://www.twilio.com/docs/voice/twiml#request-parameters documents the
fields. The order is Twilio's own, not the alphabet's, and geography that is not known
is an empty string rather than an absent field.
"""

from __future__ import annotations

import uuid
from typing import NamedTuple
from urllib.parse import quote, quote_plus, urldefrag, urlencode, urlsplit, urlunsplit

from fakes.twilio.exchange.call_token import call_token
from fakes.twilio.flow.orders import Fields, Method
from fakes.twilio.web.credentials import TEST_ACCOUNT_SID
from fakes.twilio.web.signature import HEADER, sign

__all__ = [
    "API_VERSION",
    "CallLeg",
    "WebhookRequest",
    "call_fields",
    "plain_request",
    "request_for",
    "voice_webhook",
]

API_VERSION = "2010-04-01"

# As observed; a field that a request does not have is left out, and one that is not
# named here follows at the end.
_ORDER = [
    "Called",
    "ToState",
    "CallerCountry",
    "Direction",
    "Timestamp",
    "CallbackSource",
    "SipResponseCode",
    "CallerState",
    "ToZip",
    "SequenceNumber",
    "CallSid",
    "To",
    "CallerZip",
    "ToCountry",
    "StirVerstat",
    "CallToken",
    "CalledZip",
    "ApiVersion",
    "CalledCity",
    "CallStatus",
    "Duration",
    "From",
    "CallDuration",
    "AccountSid",
    "CalledCountry",
    "CallerCity",
    "ToCity",
    "FromCountry",
    "Caller",
    "FromCity",
    "CalledState",
    "FromZip",
    "FromState",
]
_PLACE = {name: number for number, name in enumerate(_ORDER)}


class CallLeg(NamedTuple):
    """Who calls whom; the numbers are from the range reserved for fiction.

    Attributes:
        direction: ``inbound``, ``outbound-api`` or ``outbound-dial``.
        parent_call_sid: of the leg that dialled this one.
        forwarded_from: the number that forwarded the call here.
        caller_name: as the caller's carrier knows him; empty without a lookup.
        answered_by: what machine detection found; empty without it.
    """

    call_sid: str
    account_sid: str
    from_number: str
    to_number: str = "+15005550006"
    direction: str = "inbound"
    parent_call_sid: str = ""
    forwarded_from: str = ""
    caller_name: str = ""
    answered_by: str = ""

    @classmethod
    def of(cls, call: int, call_sid: str | None = None) -> CallLeg:
        """Return the leg of a numbered caller; the sid is random unless given."""
        return cls(
            call_sid=call_sid or f"CA{uuid.uuid4().hex}",
            account_sid=TEST_ACCOUNT_SID,
            from_number=f"+1415555{call % 10_000:04d}",
        )


class WebhookRequest(NamedTuple):
    """One request, ready to be sent as it is.

    Attributes:
        url: without fragment; a GET's has the fields in its query already.
        form: the fields, decoded.
        fragment: connection overrides; see :mod:`fakes.twilio.web.overrides`.
        percent_spaces: whether a space travels as ``%20`` instead of ``+``; both were
            seen.
    """

    url: str
    headers: tuple[tuple[str, str], ...]
    form: Fields
    method: Method = "POST"
    fragment: str = ""
    percent_spaces: bool = False

    @property
    def body(self) -> bytes:
        """The form as it goes over the wire; empty for a GET."""
        if self.method == "GET":
            return b""
        return _encoded(self.form, percent_spaces=self.percent_spaces).encode()


def voice_webhook(
    url: str,
    leg: CallLeg,
    *,
    auth_token: str,
    issued_at: int = 0,
    method: Method = "POST",
    sign_with_port: bool = False,
    percent_spaces: bool = False,
) -> WebhookRequest:
    """Return the request for an incoming call that is still ringing.

    Args:
        url: the number's Voice URL; a fragment is Twilio's own and stays behind.
        leg: the call.
        auth_token: signs the request; Twilio signs always.
        issued_at: seconds since the epoch, for the call token.
        method: a GET has the fields in its query.
        sign_with_port: see :func:`fakes.twilio.web.signature.signed_url`.
        percent_spaces: see :class:`WebhookRequest`.
    """
    token = call_token(leg.call_sid, leg.from_number, leg.to_number, issued_at)
    fields = (("StirVerstat", "TN-Validation-Passed-A"), ("CallToken", token))
    return request_for(
        leg,
        url,
        method,
        "ringing",
        fields,
        auth_token,
        sign_with_port=sign_with_port,
        percent_spaces=percent_spaces,
    )


def request_for(
    leg: CallLeg,
    url: str,
    method: Method = "POST",
    status: str = "in-progress",
    fields: Fields = (),
    auth_token: str = "",
    *,
    sign_with_port: bool = False,
    percent_spaces: bool = False,
) -> WebhookRequest:
    """Return a request that a call makes in its course: action, redirect, callback.

    Args:
        leg: the call.
        url: as configured, with fragment and credentials if it has any.
        method: a GET has the fields in its query.
        status: the call's status now.
        fields: in addition to those that every request of a call has.
        auth_token: signs the request.
        sign_with_port: see :func:`fakes.twilio.web.signature.signed_url`.
        percent_spaces: see :class:`WebhookRequest`.
    """
    form = call_fields(leg, status, fields)
    return plain_request(
        url,
        method,
        form,
        auth_token,
        sign_with_port=sign_with_port,
        percent_spaces=percent_spaces,
    )


def plain_request(
    url: str,
    method: Method,
    form: Fields,
    auth_token: str,
    *,
    sign_with_port: bool = False,
    percent_spaces: bool = False,
) -> WebhookRequest:
    """Return a signed request with these fields and no others, as callbacks have."""
    bare, fragment = urldefrag(url)
    if method == "GET":
        bare = _with_query(bare, _encoded(form, percent_spaces=percent_spaces))
    signed = () if method == "GET" else form
    signature = sign(auth_token, bare, signed, with_port=sign_with_port)
    kind = ("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
    headers = (
        ("User-Agent", "TwilioProxy/1.1"),
        ("Accept", "*/*"),
        *([kind] if method == "POST" else []),
        (HEADER, signature),
        ("I-Twilio-Idempotency-Token", str(uuid.uuid4())),
        ("X-Home-Region", "us1"),
        ("Connection", "close"),
    )
    return WebhookRequest(bare, headers, form, method, fragment, percent_spaces)


def call_fields(leg: CallLeg, status: str, fields: Fields = ()) -> Fields:
    """Return the fields of a call, with more, in Twilio's order."""
    form = {
        "CallSid": leg.call_sid,
        "AccountSid": leg.account_sid,
        "ApiVersion": API_VERSION,
        "CallStatus": status,
        "Direction": leg.direction,
        **_party("From", "Caller", leg.from_number),
        **_party("To", "Called", leg.to_number),
    }
    optional = {
        "ForwardedFrom": leg.forwarded_from,
        "CalledVia": leg.forwarded_from,
        "CallerName": leg.caller_name,
        "ParentCallSid": leg.parent_call_sid,
        "AnsweredBy": leg.answered_by,
    }
    form |= {name: value for name, value in optional.items() if value}
    form |= dict(fields)
    last = len(_PLACE)
    # Sorting is stable: what has no place follows as it was given.
    return tuple(sorted(form.items(), key=lambda pair: _PLACE.get(pair[0], last)))


def _party(name: str, twin: str, number: str) -> dict[str, str]:
    """Return a number with its geography, both under two names."""
    city, state, postal, country = _whereabouts(number)
    named = {"": number, "City": city, "State": state, "Zip": postal}
    named["Country"] = country
    return {
        f"{prefix}{suffix}": value
        for prefix in (name, twin)
        for suffix, value in named.items()
    }


def _whereabouts(number: str) -> tuple[str, str, str, str]:
    """Return city, state, postal code and country as far as a number tells them."""
    if number.startswith("+1415"):
        return "SAN FRANCISCO", "CA", "94105", "US"
    return "", "", "", "US" if number.startswith("+1") else ""


def _encoded(form: Fields, *, percent_spaces: bool) -> str:
    return urlencode(form, quote_via=quote if percent_spaces else quote_plus)


def _with_query(url: str, query: str) -> str:
    parts = urlsplit(url)
    joined = f"{parts.query}&{query}" if parts.query else query
    return urlunsplit(parts._replace(query=joined))
