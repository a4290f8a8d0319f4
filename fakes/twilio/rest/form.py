"""The parameters of a request, read with Twilio's refusals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from fakes.twilio.flow.orders import Method
from fakes.twilio.rest.errors import RestError

__all__ = ["Form"]


class Form:
    """Names may repeat; the last one counts where one is wanted."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self.pairs = pairs
        self._last = dict(pairs)

    def __contains__(self, name: str) -> bool:
        return bool(self._last.get(name))

    def text(self, name: str, default: str = "") -> str:
        """Return a value, or the default where it is missing or empty."""
        return self._last.get(name) or default

    def all(self, name: str) -> list[str]:
        """Return every value of a name."""
        return [value for key, value in self.pairs if key == name]

    def flag(self, name: str) -> bool:
        """Tell whether a value is true."""
        return self.text(name).lower() == "true"

    def whole(self, name: str, default: int, least: int, most: int, code: int) -> int:
        """Return a whole number; ``code`` is that of the refusal."""
        text = self.text(name)
        if not text:
            return default
        fits = text.isascii() and text.isdecimal() and len(text) <= 9
        if not fits or not least <= int(text) <= most:
            problem = f"{name} {text[:40]!r} is not {least} to {most}"
            raise RestError(400, code, problem)
        return int(text)

    def method(self, name: str) -> Method:
        """Return GET or POST."""
        text = self.text(name, "POST").upper()
        if text == "GET":
            return "GET"
        if text != "POST":
            raise RestError(400, 21209, f"{name} {text[:40]!r} is not GET or POST")
        return "POST"

    def address(self, name: str, code: int = 21205) -> str:
        """Return an http(s) address, or nothing; ``code`` is that of the refusal."""
        text = self.text(name)
        if not text:
            return ""
        try:
            parts = urlsplit(text)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host, parts = None, urlsplit("")
        if parts.scheme not in ("http", "https") or not host:
            raise RestError(400, code, f"{name} is not a valid URL: {text[:200]}")
        return text

    def between(self, name: str, moment: float | None) -> bool:
        """Tell whether a moment passes the filters ``name``, ``name<`` and ``name>``.

        Args:
            name: of the filter; its day is UTC.
            moment: seconds since 1970; None passes only where nothing is asked.
        """
        for key in (name, f"{name}<", f"{name}>"):
            text = self.text(key)
            if not text:
                continue
            begin, end = _span(key, text)
            if moment is None:
                return False
            if key == name and not begin <= moment < end:
                return False
            if key.endswith("<") and moment >= end:
                return False
            if key.endswith(">") and moment < begin:
                return False
        return True


def _span(name: str, text: str) -> tuple[float, float]:
    """Return the moments that a date, or a date with a time, includes."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RestError(400, 20422, f"{name} {text[:40]!r} is not a date") from None
    day = len(text) <= len("2026-01-31")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        end = moment + (timedelta(days=1) if day else timedelta(seconds=1))
        return moment.timestamp(), end.timestamp()
    except OverflowError:
        raise RestError(400, 20422, f"{name} {text[:40]!r} is too far away") from None
