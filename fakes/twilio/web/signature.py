"""How Twilio signs what it sends: ``X-Twilio-Signature``.

HMAC-SHA1 over the URL as configured, followed by the sorted form fields
(https://www.twilio.com/docs/usage/webhooks/webhooks-security). A WebSocket upgrade is
signed over its ``wss://`` URL alone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import urldefrag, urlsplit, urlunsplit

__all__ = ["HEADER", "sign", "signed_url"]

HEADER = "X-Twilio-Signature"

_STANDARD_PORTS = {"https": 443, "wss": 443, "http": 80, "ws": 80}


def signed_url(url: str, *, with_port: bool = False) -> str:
    """Return the URL as it enters the signature.

    The fragment (connection overrides) is never part of it, a standard port is left
    out, and a port that had to be configured stays. Credentials in the URL are part
    of it.

    Args:
        url: as configured.
        with_port: add the standard port of http and https instead, as Twilio is known
            to do at times. Not that of a socket: Twilio's own validator takes it for
            80 even where it is 443.
    """
    url = urldefrag(url).url
    parts = urlsplit(url)
    port = _STANDARD_PORTS.get(parts.scheme)
    if with_port and parts.scheme.startswith("http"):
        netloc = parts.netloc if parts.port else f"{parts.netloc}:{port}"
        return urlunsplit(parts._replace(netloc=netloc))
    if parts.port is not None and parts.port == port:
        netloc = parts.netloc.removesuffix(f":{parts.port}")
        return urlunsplit(parts._replace(netloc=netloc))
    return url


def sign(
    auth_token: str,
    url: str,
    form: Iterable[tuple[str, str]] = (),
    *,
    with_port: bool = False,
) -> str:
    """Return the signature of a request.

    Args:
        auth_token: the account's primary token.
        url: the address as configured; see :func:`signed_url`.
        form: decoded form fields in any order. Names sort by code point, capitals
            first; a repeated name contributes its distinct values, sorted.
        with_port: see :func:`signed_url`.
    """
    signed = signed_url(url, with_port=with_port) + "".join(
        f"{name}{value}" for name, value in sorted(set(form))
    )
    digest = hmac.new(auth_token.encode(), signed.encode(), hashlib.sha1)
    return base64.b64encode(digest.digest()).decode()
