"""What the HTTP links of a call share: refusals, deadlines, addresses."""

from __future__ import annotations

import asyncio
import datetime as dt
import email.utils
import json
from collections.abc import Awaitable, Mapping
from typing import TypeVar

import httpx

from voiceutils.errors import DeadlineExceeded, ProviderError, SettingError

__all__ = [
    "authorization",
    "checked_key",
    "failed",
    "http_base",
    "new_client",
    "refused",
    "websocket_base",
    "within",
]

T = TypeVar("T")
_EVIDENCE = 200  # characters of an error body worth showing


def new_client() -> httpx.AsyncClient:
    """Return a client whose pool serves many calls; deadlines are set per wait."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=200)
    timeout = httpx.Timeout(None, connect=5.0)
    return httpx.AsyncClient(limits=limits, timeout=timeout)


def checked_key(key: str, name: str) -> str:
    """Return an API key without outer white space.

    Raises:
        SettingError: it cannot be sent in a header; the message does not show it.
    """
    key = key.strip()
    if not all("!" <= character <= "~" for character in key):
        raise SettingError(f"{name} has a character that no key has; copy it again")
    return key


def authorization(scheme: str, key: str) -> dict[str, str]:
    """Return the header that carries a key; none without one, since "" is illegal."""
    return {"Authorization": f"{scheme} {key}"} if key else {}


async def within(awaitable: Awaitable[T], seconds: float, awaited: str) -> T:
    """Await under a deadline; raises DeadlineExceeded naming what was awaited."""
    try:
        async with asyncio.timeout(seconds):
            return await awaitable
    except TimeoutError:
        raise DeadlineExceeded(awaited, seconds) from None


def refused(
    provider: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    secret: str = "",
) -> ProviderError:
    """Return the error of an HTTP answer that is not what was asked for.

    Args:
        provider: who answered, as the reader of a log should see it.
        status: of the answer.
        headers: ``Retry-After`` and ``dg-error`` are used.
        body: JSON or plain text; its message is quoted.
        secret: never quoted, even if the provider does.
    """
    said = headers.get("dg-error") or _message(body)
    said = said.encode("ascii", "replace").decode()
    if secret:
        said = said.replace(secret, "***")
    text = f"{provider} answered {status}" + (f": {said[:_EVIDENCE]}" if said else "")
    wait = _seconds(headers.get("retry-after"))
    return ProviderError(text, status=status, retry_after=wait)


def failed(provider: str, error: Exception) -> ProviderError:
    """Return the error of a link that broke."""
    why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return ProviderError(f"{provider} link failed: {why}")


def websocket_base(url: str) -> str:
    """Return an ``http(s)://`` or ``ws(s)://`` base as ``ws(s)://`` without slash."""
    if url.startswith("http"):
        url = "ws" + url.removeprefix("http")
    return url.rstrip("/")


def http_base(url: str) -> str:
    """Return a ``ws(s)://`` or ``http(s)://`` base as ``http(s)://`` without slash."""
    if url.startswith("ws"):
        url = "http" + url.removeprefix("ws")
    return url.rstrip("/")


def _message(body: bytes) -> str:
    text = body.decode("utf-8", "replace").strip()
    try:
        said = json.loads(text)
    except ValueError:
        return text
    if not isinstance(said, dict):
        return text
    error = said.get("error")
    nested = error if isinstance(error, dict) else said
    for key in ("err_msg", "message", "error"):
        if isinstance(nested.get(key), str):
            return str(nested[key])
    return text


def _seconds(retry_after: str | None) -> float | None:
    """Return the wait of a ``Retry-After`` header, either of its two forms."""
    if not retry_after:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (moment - dt.datetime.now(dt.UTC)).total_seconds())
