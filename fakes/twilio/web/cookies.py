"""Cookies of webhooks: kept for each pair of numbers, for four hours.

An application behind a voice webhook finds the session of a caller again, in the next
request of the call and in the next call between the same two numbers
(https://www.twilio.com/docs/usage/twilios-request-to-your-server#cookies).
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = ["KEPT_SECONDS", "Cookies"]

KEPT_SECONDS = 4 * 3600.0
_PAIRS_KEPT = 10_000
_COOKIES_KEPT = 50  # of one pair
_LONGEST = 4096  # characters of one Set-Cookie

_Pair = tuple[str, str]


class _Cookie(NamedTuple):
    value: str
    until: float


class Cookies:
    """The cookies of one account; times are monotonic seconds."""

    def __init__(self) -> None:
        self._kept: dict[_Pair, dict[tuple[str, str, str], _Cookie]] = {}

    def header(self, pair: _Pair, url: str, now: float) -> str:
        """Return the Cookie header for a request, empty for none."""
        parts = urlsplit(url)
        host, path = parts.hostname or "", parts.path or "/"
        return "; ".join(
            f"{name}={cookie.value}"
            for (where, below, name), cookie in self._kept.get(pair, {}).items()
            if cookie.until > now
            and (host == where or host.endswith(f".{where}"))
            and _is_below(path, below)
        )

    def store(self, pair: _Pair, url: str, set_cookies: list[str], now: float) -> None:
        """Keep what an answer sets; malformed cookies are passed over."""
        if not set_cookies:
            return
        host = urlsplit(url).hostname or ""
        kept = self._kept.setdefault(pair, {})
        for text in set_cookies:
            if len(text) <= _LONGEST:
                _keep(kept, host, text, now)
        while len(kept) > _COOKIES_KEPT:
            del kept[next(iter(kept))]
        while len(self._kept) > _PAIRS_KEPT:
            del self._kept[next(iter(self._kept))]


def _keep(
    kept: dict[tuple[str, str, str], _Cookie], host: str, text: str, now: float
) -> None:
    try:
        read = SimpleCookie(text)
    except CookieError:
        return
    for name, morsel in read.items():
        domain = morsel["domain"].lstrip(".").lower()
        # A host sets cookies for itself and for what it is a part of, for nobody else.
        where = domain if domain and host.endswith(f".{domain}") else host
        seconds = KEPT_SECONDS
        if morsel["max-age"]:
            age = morsel["max-age"]
            seconds = min(seconds, float(age)) if age.isdecimal() else 0.0
        key = (where, morsel["path"] or "/", name)
        kept.pop(key, None)
        if seconds > 0:
            kept[key] = _Cookie(morsel.coded_value, now + seconds)


def _is_below(path: str, below: str) -> bool:
    return below == "/" or path == below or path.startswith(f"{below.rstrip('/')}/")
