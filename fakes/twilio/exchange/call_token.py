"""``CallToken``: lets an application forward a call under the caller's own number.

The token of this fake has the shape of Twilio's, but is not signed.
"""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

__all__ = ["call_token"]


def call_token(call_sid: str, from_number: str, to_number: str, issued_at: int) -> str:
    """Return percent-encoded JSON, which the form then encodes once more.

    Args:
        call_sid: of the call that may be forwarded.
        from_number: whose number may then be shown.
        to_number: who was called.
        issued_at: seconds since the epoch.
    """
    claims = {
        "callSid": call_sid,
        "from": from_number,
        "to": to_number,
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
