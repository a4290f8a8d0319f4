"""Asks a webhook and gives back what it answered.

How often and how patiently is decided in :mod:`fakes.twilio.web.overrides`. Each way in
which a request can fail becomes a :class:`CallFailed` with Twilio's error number and
one line that says what happened.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

import httpx

from fakes.loopback import is_loopback
from fakes.twilio.twiml import MAX_BYTES
from fakes.twilio.web.call_failed import CallFailed
from fakes.twilio.web.cookies import Cookies
from fakes.twilio.web.fetch_failures import TroubleError, explained, reason_of, shown
from fakes.twilio.web.overrides import Overrides, overrides_of, trouble_of_status
from fakes.twilio.web.trust import trusting
from fakes.twilio.web.webhook import WebhookRequest

__all__ = ["CallFailed", "Fetched", "detour", "fetch", "reason_of"]

REDIRECTS = 10


class Fetched(NamedTuple):
    """A successful answer.

    Attributes:
        url: of the document after redirects, without credentials; what is relative
            in the document is relative to it.
    """

    body: bytes
    content_type: str
    url: str
    status: int


async def fetch(
    request: WebhookRequest,
    *,
    via: Mapping[str, str],
    cookies: Cookies | None = None,
    anywhere: bool = False,
    authority: str = "",
    limit: int = MAX_BYTES,
) -> Fetched:
    """Make a request as Twilio makes it, retries and redirects included.

    Args:
        request: what to send; its fragment may change timeouts and retries.
        via: host -> "IP:PORT" to connect to instead; the Host header and the
            signature keep the original.
        cookies: of the account; those of this pair of numbers are sent and kept.
        anywhere: whether addresses outside this machine may be asked.
        authority: file with the certificate of a certificate authority; with it the
            detour of an ``https://`` address is TLS, too, and is checked against this
            authority and the original host.
        limit: most bytes of an answer.

    Raises:
        CallFailed: unreachable, too slow, an error status, or too long.
    """
    overrides = overrides_of(request.fragment)
    asking = _Asking(request, via, cookies, overrides, anywhere, authority, limit)
    try:
        async with asyncio.timeout(overrides.total_timeout):
            return await asking.run()
    except TimeoutError as error:
        text = f"webhook did not answer within {overrides.total_timeout:g} s"
        raise CallFailed("11203", f"{text}: {shown(request.url)}") from error


class _Asking:
    """One delivery: all its attempts carry the same idempotency token."""

    def __init__(
        self,
        request: WebhookRequest,
        via: Mapping[str, str],
        cookies: Cookies | None,
        overrides: Overrides,
        anywhere: bool,
        authority: str,
        limit: int,
    ) -> None:
        self._request = request
        self._via = via
        self._cookies = cookies
        self._overrides = overrides
        self._anywhere = anywhere
        self._authority = authority
        self._limit = limit

    async def run(self) -> Fetched:
        attempts = 0
        while True:
            attempts += 1
            try:
                return await self._attempt()
            except TroubleError as error:
                if not self._overrides.retries_after(error.trouble, attempts):
                    raise error.failure from error.__cause__

    async def _attempt(self) -> Fetched:
        url, method, body = self._request.url, self._request.method, self._request.body
        for _ in range(REDIRECTS + 1):
            answer = await self._ask(url, method, body)
            if isinstance(answer, Fetched):
                return answer
            status, url = answer
            if status in (301, 302, 303) and method == "POST":
                method, body = "GET", b""
        text = f"webhook redirects too often: {shown(self._request.url)}"
        raise TroubleError(None, CallFailed("11215", text))

    async def _ask(
        self, url: str, method: str, body: bytes
    ) -> Fetched | tuple[int, str]:
        try:
            await self._check_place(url)
            prepared = self._prepared(url, method, body)
            return await self._sent(prepared, url)
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, ValueError) as error:
            raise explained(url, error, self._overrides) from error

    def _prepared(self, url: str, method: str, body: bytes) -> httpx.Request:
        secure = self._authority and url.startswith("https:")
        scheme = "https" if secure else "http"
        target, host = detour(url, self._via, plain_scheme=scheme)
        parts = urlsplit(target)
        target = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        headers = [*self._request.headers, ("Host", host)]
        if not body:
            headers = [pair for pair in headers if pair[0] != "Content-Type"]
        headers += self._credentials(url) + self._cookie(url)
        prepared = httpx.Request(method, target, headers=headers, content=body or None)
        timeout = httpx.Timeout(
            self._overrides.read_timeout, connect=self._overrides.connect_timeout
        )
        prepared.extensions["timeout"] = timeout.as_dict()
        prepared.extensions["sni_hostname"] = urlsplit(url).hostname or ""
        return prepared

    async def _sent(
        self, prepared: httpx.Request, url: str
    ) -> Fetched | tuple[int, str]:
        secure = prepared.url.scheme == "https"
        verify = trusting(self._authority) if secure else False
        async with httpx.AsyncClient(verify=verify, trust_env=False) as client:
            answer = await client.send(prepared, stream=True)
            self._keep_cookies(url, answer)
            if answer.has_redirect_location:
                await answer.aclose()
                return answer.status_code, urljoin(url, answer.headers["Location"])
            body = await self._read(answer, url)
        status = answer.status_code
        if not answer.is_success:
            text = f"webhook answered {status}: {shown(url)}"
            trouble = trouble_of_status(status)
            raise TroubleError(trouble, CallFailed("11200", text))
        kind = answer.headers.get("Content-Type", "")
        return Fetched(body, kind, shown(url), status)

    async def _read(self, answer: httpx.Response, url: str) -> bytes:
        body = bytearray()
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > self._limit:
                await answer.aclose()
                text = f"webhook answered with more than {self._limit} bytes"
                raise TroubleError(None, CallFailed("11750", f"{text}: {shown(url)}"))
        return bytes(body)

    async def _check_place(self, url: str) -> None:
        """Refuse what is no address of the web, or not of this machine."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https") or not host:
            text = f"not a webhook address: {shown(url)}"
            raise TroubleError(None, CallFailed("11100", text))
        if self._anywhere or host in self._via or is_loopback(host):
            return
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, None, type=socket.SOCK_STREAM
            )
        except (OSError, UnicodeError) as error:
            text = f"bad host name: {shown(url)} ({reason_of(error)})"
            raise TroubleError("ct", CallFailed("11210", text)) from error
        if not all(_is_own(address[0]) for *_, address in found):
            text = f"{shown(url)} is not on this machine, and nothing else is called"
            way_out = "allow it with anywhere=True, or give its host in `via`"
            raise TroubleError(None, CallFailed("11100", f"{text}; {way_out}"))

    # --- headers -----------------------------------------------------------------

    @property
    def _pair(self) -> tuple[str, str]:
        form = dict(self._request.form)
        return form.get("From", ""), form.get("To", "")

    def _cookie(self, url: str) -> list[tuple[str, str]]:
        if self._cookies is None:
            return []
        now = asyncio.get_running_loop().time()
        text = self._cookies.header(self._pair, url, now)
        return [("Cookie", text)] if text else []

    def _keep_cookies(self, url: str, answer: httpx.Response) -> None:
        if self._cookies is not None:
            now = asyncio.get_running_loop().time()
            sent = answer.headers.get_list("Set-Cookie")
            self._cookies.store(self._pair, url, sent, now)

    def _credentials(self, url: str) -> list[tuple[str, str]]:
        parts = urlsplit(url)
        if parts.username is None or not _same_place(url, self._request.url):
            return []
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return [("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}")]


def detour(url: str, via: Mapping[str, str], *, plain_scheme: str) -> tuple[str, str]:
    """Return the address to connect to, and what the Host header says."""
    parts = urlsplit(url)
    there = via.get(parts.hostname or "")
    if there is None:
        return url, parts.netloc.rpartition("@")[2]
    plain = parts._replace(scheme=plain_scheme, netloc=there)
    return urlunsplit(plain), parts.netloc.rpartition("@")[2]


def _same_place(url: str, other: str) -> bool:
    return urlsplit(url).hostname == urlsplit(other).hostname


@cache
def _is_own(address: str) -> bool:
    """Tell whether an IP address belongs to this machine: it can then be bound."""
    if ipaddress.ip_address(address.partition("%")[0]).is_loopback:
        return True
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
