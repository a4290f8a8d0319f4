"""Who may use the REST interface: HTTP Basic with the token, or with an API key."""

from __future__ import annotations

import base64
import binascii
import hmac

from fakes.twilio.rest.errors import bad_credentials
from fakes.twilio.web.credentials import Credentials

__all__ = ["check_access"]


def check_access(header: str, account_sid: str, credentials: Credentials) -> None:
    """Let a request pass.

    Args:
        header: the request's Authorization, empty when it has none.
        account_sid: of the path.
        credentials: of the account.

    Raises:
        RestError: 20003.
    """
    if not header:
        raise bad_credentials("Authentication Error - No credentials provided")
    user, secret = _pair(header)
    known = {credentials.account_sid: credentials.auth_token, **credentials.keys}
    expected = known.get(user)
    if expected is None:
        raise bad_credentials("Authentication Error - invalid username")
    same = hmac.compare_digest(expected.encode(), secret.encode())
    if not same or account_sid != credentials.account_sid:
        raise bad_credentials("Authenticate")


def _pair(header: str) -> tuple[str, str]:
    scheme, _, text = header.partition(" ")
    try:
        decoded = base64.b64decode(text.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        decoded = ""
    if scheme.lower() != "basic" or ":" not in decoded:
        raise bad_credentials("Authenticate")
    user, _, secret = decoded.partition(":")
    return user, secret
