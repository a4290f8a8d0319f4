"""Twilio's request signature, checked (https://www.twilio.com/docs/usage/security)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import urlsplit, urlunsplit

__all__ = ["addresses", "is_login", "is_signed", "signature"]

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def signature(token: str, url: str, parameters: Mapping[str, Sequence[str]]) -> str:
    """Return the signature of a URL as configured and the form fields of its body.

    Names in byte order, each followed by its values; nothing in between.
    """
    text = url + "".join(
        name + value
        for name in sorted(parameters)
        for value in sorted(set(parameters[name]))
    )
    digest = hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def is_signed(
    token: str,
    given: str,
    urls: Iterable[str],
    parameters: Mapping[str, Sequence[str]],
) -> bool:
    """Tell whether the signature fits one of the addresses we may be known by."""
    expected = [signature(token, url, parameters) for url in urls]
    return any(hmac.compare_digest(one.encode(), given.encode()) for one in expected)


def is_login(header: str, user: str, password: str) -> bool:
    """Tell whether an Authorization header has this login (HTTP Basic)."""
    login = base64.b64encode(f"{user}:{password}".encode())
    return hmac.compare_digest(b"Basic " + login, header.encode())


def addresses(scheme: str, hosts: Iterable[str], path: str) -> Iterator[str]:
    """Yield every address under which Twilio may have signed a request.

    Behind a proxy the scheme seen here is not the one configured, a media socket is
    signed as ``wss`` but seen as ``http``, and Twilio is inconsistent about the port.
    None of this weakens the check: each candidate is signed with our secret.
    """
    secure = {"http": "https", "ws": "wss"}
    schemes = [scheme, secure[scheme]] if scheme in secure else [scheme]
    for host in dict.fromkeys(hosts):
        for one in schemes:
            url = urlsplit(f"{one}://{host}{path}")
            yield urlunsplit(url)
            if url.port is None:
                yield urlunsplit(url._replace(netloc=f"{host}:{_PORTS[one]}"))
            else:
                bare = url.hostname or ""
                bare = f"[{bare}]" if ":" in bare else bare
                yield urlunsplit(url._replace(netloc=bare))
