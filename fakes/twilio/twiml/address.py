"""Addresses in a document: relative ones belong to the document's own."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urljoin, urlsplit, urlunsplit

from fakes.loopback import is_loopback
from fakes.twilio.twiml.document import TwimlError

__all__ = ["Warned", "media_address", "page_address"]

_LONGEST = 4000  # characters


class Warned(NamedTuple):
    """Something Twilio's debugger would list while the call goes on."""

    code: str
    text: str


def page_address(url: str, document_url: str) -> str:
    """Return the absolute address of a page or a sound.

    Raises:
        TwimlError: 11100, it is none.
    """
    try:
        absolute = urljoin(document_url, url.strip())
        parts = urlsplit(absolute)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise TwimlError("11100", f"invalid url {url[:200]!r} ({error})") from error
    if (
        parts.scheme not in ("http", "https")
        or not host
        or len(absolute) > _LONGEST
        or any(character.isspace() for character in absolute)
    ):
        raise TwimlError("11100", f"invalid url {url[:200]!r}")
    return absolute


def media_address(
    url: str, document_url: str, warnings: list[Warned], *, noun: str = "Stream"
) -> str:
    """Return the address of a media socket as Twilio would dial it.

    A relative address belongs to the document's host. A query string is dropped with a
    warning, which is how Twilio was seen to treat it. ``ws://`` is for loopback only.

    Raises:
        TwimlError: no address, a malformed one, or one of the wrong scheme.
    """
    absolute = _absolute(url.strip(), document_url)
    try:
        parts = urlsplit(absolute)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise TwimlError("31923", f"malformed {noun} url {url!r} ({error})") from error
    if not host or not url.strip() or any(c.isspace() for c in absolute):
        raise TwimlError("31923", f"malformed {noun} url {url!r}")
    if parts.scheme != "wss" and not (parts.scheme == "ws" and is_loopback(host)):
        cause = f"wrong scheme: {noun} url {url!r} must be wss:// (ws:// on loopback)"
        raise TwimlError("31922", cause)
    if parts.query:
        text = (
            f"query string of the {noun} url dropped: ?{parts.query}; use <Parameter>"
        )
        warnings.append(Warned("31920", text))
    return urlunsplit(parts._replace(query="", fragment=""))


def _absolute(url: str, document_url: str) -> str:
    try:
        if urlsplit(url).scheme:
            return url
        joined = urljoin(document_url, url)
    except ValueError as error:
        raise TwimlError("31923", f"malformed Stream url {url!r} ({error})") from error
    scheme, _, rest = joined.partition("://")
    return f"{ {'https': 'wss', 'http': 'ws'}.get(scheme, scheme) }://{rest}"
